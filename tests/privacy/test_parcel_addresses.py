"""Where a single parcel goes, and comes back from, is as hidden as where its order goes, and erased with it."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from ordersaga.bootstrap import Services, open_services
from ordersaga.domain.books import MoneyTransaction, captured
from ordersaga.domain.erasure import Verdict
from ordersaga.domain.journal import JournalEntry, JournalUpdate, ParcelAddress
from ordersaga.domain.orders import LineQuantity
from ordersaga.domain.returns import Opened, ReturnAsk, ReturnReason, ReturnRequest, ReturnStatus, ReturnUpdate
from ordersaga.domain.statuses import OrderStatus
from ordersaga.domain.stops import StopMatch, StopRule
from ordersaga.privacy.sealing import ERASED
from ordersaga.stores.erasures import Erasure
from ordersaga.stores.pools import Pool
from tests.fakes.samples import EAST, address, catalog, order, sale
from tests.privacy.keys import ONE
from tests.support.api import StubOrders, settings_for

WENT = ParcelAddress(parcel=1, ship_to=address(name="Zebulon Quix", line1="9 Quay", city="Boston", region="MA"))
LABEL = "https://easypost-files.example/labels/20260301/abc.png"
"""Whoever opens it sees where the shopper sends from."""
WORDS = ("Zebulon", "Quay", "Boston", "easypost-files")


async def arrived(services: Services) -> None:
    """Order o1 has ended; its one parcel went elsewhere than it, and is delivered and paid."""
    await services.catalog.load(catalog((EAST, "MUG", 5)))
    (plan,) = await services.stock.confirm_hold(order("o1", ("MUG", 1))) or ()
    await services.stock.ship("o1", plan, sale("o1", plan))
    paid = {"transaction_id": "t1", "order_id": "o1", "parcel": 1, "currency": "USD", "memo": "paid"}
    await services.effects.post(MoneyTransaction(**paid, postings=captured(1000, 0)))
    entry = JournalEntry(entry_id="saga-1", at=datetime.now(UTC), kind="delivered", text="", parcel=1)
    told: dict[str, Any] = {"outcome": "confirmed", "entries": (entry,), "elsewhere": (WENT,)}
    await services.journal.record(JournalUpdate(order_id="o1", status=OrderStatus.COMPLETED, **told))


async def rows(pool: Pool) -> str:
    """What the database has of the order and its return."""
    found = await pool.fetch(
        "SELECT to_jsonb(orders) AS row FROM orders UNION ALL SELECT to_jsonb(returns) FROM returns"
    )
    return json.dumps([row["row"] for row in found])


async def test_where_a_parcel_goes_is_hidden_and_erased_with_its_order(database_url: str, pool: Pool) -> None:
    """Country and region can be read, stops go by them; the rest needs the order's key, and is gone without it."""
    async with open_services(settings_for(database_url, encryption_keys=ONE), orders=StubOrders()) as services:
        await arrived(services)
        request = ReturnRequest(lines=(LineQuantity(sku="MUG", quantity=1),), reason=ReturnReason.UNWANTED)
        opened = await services.returns.open("o1", ReturnAsk(request), datetime.now(UTC))
        assert isinstance(opened, Opened)
        assert opened.record.case.sent_to == WENT.ship_to
        labeled = opened.record.model_copy(update={"label_url": LABEL})
        await services.returns.record(ReturnUpdate(record=labeled))
        found = await services.returns.get("o1", 1)
        assert found is not None
        assert found.label_url == LABEL
        record = await services.journal.get("o1")
        assert (found.case.way_out.ship_to, record and record.elsewhere) == (WENT.ship_to, (WENT,))
        assert not [word for word in WORDS if word in await rows(pool)]

        await pool.execute("UPDATE returns SET status = $1", ReturnStatus.CANCELED.value)
        await pool.execute("UPDATE orders SET status = $1", OrderStatus.COMPLETED.value)
        erased = await services.erasures.erase("o1", None, Erasure("ann", "gdpr-1"))
        assert erased is not None
        assert erased.verdict is Verdict.ERASED
        record, found = await services.journal.get("o1"), await services.returns.get("o1", 1)
        assert record is not None
        assert found is not None
        assert found.label_url == ERASED
        for gone in (record.elsewhere[0].ship_to, found.case.way_out.ship_to):
            assert (gone.name, gone.line1, gone.city, gone.region, gone.country) == (ERASED, ERASED, ERASED, "MA", "US")


async def test_a_stop_finds_an_encrypted_parcel(database_url: str, pool: Pool) -> None:
    """By its region, which nobody needs a key for."""
    async with open_services(settings_for(database_url, encryption_keys=ONE), orders=StubOrders()) as services:
        await arrived(services)
        await pool.execute("UPDATE orders SET status = 'fulfilling'")
        rule = StopRule(stop_id="s1", match=StopMatch(region="US-MA"), effective_at=datetime.now(UTC))
        (found,) = await services.stops.page(rule, (datetime.now(UTC) - timedelta(days=1), ""), 9)
        assert getattr(found, "elsewhere", None) == (WENT,)

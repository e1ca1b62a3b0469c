"""Rows with personal data: each opens what belongs to its own order, and nothing else that was put into it."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Final

import pytest
import pytest_asyncio

from ordersaga.bootstrap import Services, open_services
from ordersaga.domain.effects import EffectIntent, EffectOutcome, EffectStatus
from ordersaga.domain.errors import OperatorError
from ordersaga.domain.journal import JournalEntry
from ordersaga.domain.orders import Payment
from ordersaga.privacy.sealing import ERASED
from ordersaga.stores.erasures import Erasure
from ordersaga.stores.pools import Pool
from tests.fakes.samples import EAST, catalog, order
from tests.privacy.keys import ONE
from tests.support.api import StubOrders, settings_for

LABEL: Final = "https://easypost-files.example/labels/20260301/abc.png"
CUSTOMER: Final = "cus_Ada77"
BOOKED: Final = EffectIntent(order_id="o1", step="book_label", parcel=1)


@pytest_asyncio.fixture
async def services(database_url: str) -> AsyncIterator[Services]:
    """Of a deployment that encrypts, with the orders o1 and o2."""
    async with open_services(settings_for(database_url, encryption_keys=ONE), orders=StubOrders()) as opened:
        await opened.catalog.load(catalog((EAST, "MUG", 5)))
        paid = Payment(payment_method="pm_card_visa", customer=CUSTOMER)
        for name in ("o1", "o2"):
            assert await opened.stock.confirm_hold(order(name, ("MUG", 1), payment=paid))
        yield opened


async def erase(services: Services, order_id: str) -> None:
    """Its order ends, and is erased."""
    await services.pool.execute("UPDATE orders SET status = 'completed' WHERE order_id = $1", order_id)
    ruling = await services.erasures.erase(order_id, None, Erasure("ann", "gdpr-1"))
    assert ruling is not None
    assert ruling.erased_at is not None, ruling


async def stored(pool: Pool, table: str) -> str:
    """Every row of a table, as a dump has it."""
    rows = await pool.fetch(f"SELECT one::text AS row FROM {table} AS one")
    return "\n".join(row["row"] for row in rows)


async def test_an_address_from_another_orders_row_stays_shut(services: Services, pool: Pool) -> None:
    """Whoever may write rows and has no key has nobody's address read to them by us."""
    await pool.execute(
        "UPDATE orders SET request = jsonb_set(orders.request, '{ship_to}', other.request->'ship_to') "
        "FROM orders AS other WHERE orders.order_id = 'o2' AND other.order_id = 'o1'"
    )
    with pytest.raises(OperatorError, match="data_altered"):
        await services.journal.get("o2")
    whole = await services.journal.get("o1")
    assert whole is not None
    assert whole.order.ship_to.name == "Ada Byron"


async def test_a_text_from_another_orders_row_stays_a_token(services: Services, pool: Pool) -> None:
    """Nor is what a company or a person wrote taken for one: the story is shown all the same."""
    entry = JournalEntry(entry_id="e", at=datetime.now(UTC), kind="note", text="Ada is at home")
    await services.journal.note("o1", entry)
    await pool.execute(
        "INSERT INTO journal (order_id, entry_id, at, kind, text) "
        "SELECT 'o2', entry_id, at, kind, text FROM journal WHERE order_id = 'o1' AND entry_id = 'e'"
    )
    refused = EffectIntent(order_id="o2", step="hand_off", parcel=1)
    await services.effects.begin(refused)
    said = "sealed:1:nothing"
    await services.effects.settle(
        refused.key, EffectOutcome(status=EffectStatus.REFUSED, code="no_such_item", message=said)
    )
    assert "Ada is at home" in [told.text for told in await services.journal.timeline("o1")]
    theirs = await services.journal.timeline("o2")
    assert [told.text for told in theirs if told.kind == "note"] == [
        await pool.fetchval("SELECT text FROM journal WHERE order_id = 'o1' AND entry_id = 'e'")
    ]
    assert [told.data["message"] for told in theirs if told.source == "effect"] == [said]


async def test_where_a_label_lies_is_sealed_and_erased_with_its_order(services: Services, pool: Pool) -> None:
    """Whoever opens that address sees whom the parcel goes to; carrier and number stay readable."""
    await services.effects.begin(BOOKED)
    answer = {"url": LABEL, "carrier": "usps", "tracking_number": "9400"}
    await services.effects.settle(
        BOOKED.key, EffectOutcome(status=EffectStatus.DONE, external_id="shp_1", answer=answer)
    )
    found = await services.effects.find("o1", "book_label", 1)
    assert found is not None
    assert found.answer == answer
    assert (await services.effects.begin(BOOKED)).answer == answer
    kept = await stored(pool, "effects")
    assert ("easypost-files" in kept, "9400" in kept) == (False, True)
    await erase(services, "o1")
    (gone,) = await services.effects.of_order("o1")
    assert gone.answer == {**answer, "url": ERASED}


async def test_a_saved_customer_is_hidden_and_erased_with_the_order(services: Services, pool: Pool) -> None:
    """The same in all orders of one person, it would tell of each erased one whose it was."""
    record = await services.journal.get("o1")
    assert record is not None
    assert record.order.payment.customer == CUSTOMER
    assert CUSTOMER not in await stored(pool, "orders")
    await erase(services, "o1")
    gone = await services.journal.get("o1")
    assert gone is not None
    assert (gone.order.payment.customer, gone.order.payment.payment_method) == (None, "pm_card_visa")

"""ShipBob is down for the whole run: what lies elsewhere too ships from there in time; the rest says why it waits."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from ordersaga.domain.lanes import provider_lane
from ordersaga.domain.statuses import OrderStatus
from tests.support.stack import RealShop, open_shop_at

pytestmark = [pytest.mark.slow, pytest.mark.timeout(420)]

SHIP_WITHIN = timedelta(seconds=240)
RED, WOOL = ("SOCK-RED-M", 1, 1400), ("SOCK-WOOL-L", 1, 2200)
"""Red socks lie in Portland as well, which is the seller's own; wool ones only at ShipBob's."""
HEADER = "kind,location,sku,quantity,receipt_id\n"
EXTRA = (HEADER + "stock,portland-shop,SOCK-RED-M,50,asn-portland-red\n").encode()
MANY = 6


@pytest_asyncio.fixture
async def shop(tmp_path: Path) -> AsyncIterator[RealShop]:
    """The demo's shop, whose seller promises to ship within minutes."""
    async with open_shop_at(tmp_path) as opened:
        await opened.world.operator.load_catalog(EXTRA)
        connection = await asyncpg.connect(opened.stack.settings.database_url.get_secret_value())
        within = json.dumps({"ship_within": SHIP_WITHIN.total_seconds()})
        await connection.execute("UPDATE sellers SET terms = (terms::jsonb || $1::jsonb)", within)
        await connection.close()
        yield opened


async def test_a_provider_that_is_down_for_the_whole_run(shop: RealShop) -> None:
    """Moved orders: from one place only, scanned in time, paid once. The other: nothing sent or taken; undone.

    ShipBob's own records, read once it is up again, show that none of them ever reached it.
    """
    await shop.stack.halt("shipbob")
    moving = [shop.case(f"ord_red_{number}", RED) for number in range(MANY)]
    waiting = shop.case("ord_wool", WOOL)
    for case in (*moving, waiting):
        await case.place("confirmed")
    async with asyncio.timeout(SHIP_WITHIN.total_seconds() + 60):
        for case in moving:
            assert (await shop.ended(case.order_id)).status is OrderStatus.COMPLETED
    for case in moving:
        await _kept(shop, case.order_id)
    lanes = {view.lane: view for view in (await shop.world.operator.lanes()).lanes}
    breaker = lanes[provider_lane("shipbob")].breaker
    assert breaker is not None
    assert breaker.state != "closed"
    told = await shop.world.support.explain(waiting.order_id)
    kept = {each.name: each for each in told.obstacles}[provider_lane("shipbob")]
    assert (kept.kind, kept.parcels) == ("breaker", (1,))
    assert "provider-shipbob gives no answers: its breaker is open since " in told.text
    assert "ordersaga lanes close provider-shipbob --reason WHY" in told.text
    (stays, *_) = await _said(shop, waiting.order_id, "stays")
    assert stays.startswith("stays at ")
    assert "no other place can ship it" in stays
    assert await shop.effects(waiting.order_id, "capture") == []
    await waiting.cancel("canceled")
    assert (await shop.ended(waiting.order_id)).status is OrderStatus.CANCELED
    await shop.stack.resume("shipbob")
    assert await shop.world.companies["shipbob"].records(match="ord_") == {}


async def _said(shop: RealShop, order_id: str, kind: str) -> list[str]:
    return [entry.text for entry in (await shop.world.support.timeline(order_id)).entries if entry.kind == kind]


async def _kept(shop: RealShop, order_id: str) -> None:
    """One hand-off stands, any other was never sent; the first scan came before the promise was over."""
    hand_offs = await shop.effects(order_id, "hand_off")
    assert [row["status"] for row in hand_offs].count("done") == 1
    assert {row["code"] for row in hand_offs if row["status"] != "done"} <= {"not_sent"}
    told = (await shop.world.support.timeline(order_id)).entries
    (moved,) = await _said(shop, order_id, "moved")
    assert "as promised: shipbob " in moved
    scanned = next(entry.at for entry in told if entry.kind == "shipped")
    assert scanned <= told[0].at + SHIP_WITHIN

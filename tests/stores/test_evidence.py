"""Our side of a reconciliation as the database tells it: pages of orders and calls, shelves, and shelves set right."""

from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

from ordersaga.domain.effects import EffectIntent, EffectOutcome, EffectStatus
from ordersaga.domain.errors import OperatorError
from ordersaga.domain.evidence import ShelfEvidence
from ordersaga.domain.journal import JournalUpdate
from ordersaga.domain.statuses import OrderStatus
from ordersaga.stores.books import PostgresBooks
from ordersaga.stores.catalog import PostgresCatalog
from ordersaga.stores.effects import PostgresEffects
from ordersaga.stores.evidence import PostgresEvidence
from ordersaga.stores.journal import PostgresJournal
from ordersaga.stores.pools import Pool
from ordersaga.stores.stock import PostgresStock
from tests.fakes.samples import EAST, catalog, order

SOON = timedelta(hours=1)
SHELF = (EAST, "MUG")


@pytest_asyncio.fixture
async def evidence(pool: Pool) -> PostgresEvidence:
    """Three orders of a mug each on a shelf of ten; o2 was handed over, o3 has ended."""
    await PostgresCatalog(pool).load(catalog((*SHELF, 10)))
    for order_id in ("o1", "o2", "o3"):
        await PostgresStock(pool).confirm_hold(order(order_id))
    intent = EffectIntent(order_id="o2", step="hand_off", parcel=1)
    await PostgresEffects(pool).begin(intent)
    await PostgresEffects(pool).settle(intent.key, EffectOutcome(status=EffectStatus.DONE))
    await PostgresStock(pool).release("o3", 1)
    await PostgresJournal(pool).record(JournalUpdate(order_id="o3", status=OrderStatus.CANCELED))
    return PostgresEvidence(pool)


async def test_orders_are_read_in_pages(evidence: PostgresEvidence) -> None:
    """Those that have not ended, by id; of a provider those it was handed since then."""
    since = datetime.now(UTC) - SOON
    assert await evidence.moving("", 1) == ["o1"]
    assert await evidence.moving("o1", 9) == ["o2"]
    assert await evidence.handed_over("shipbob", since, "", 9) == ["o2"]
    assert await evidence.handed_over("shipbob", since, "o2", 9) == []
    assert await evidence.handed_over("shipbob", since + 2 * SOON, "", 9) == []
    assert await evidence.handed_over("other", since, "", 9) == []
    assert sorted(await evidence.orders(["o1", "o3", "nobody"])) == ["o1", "o3"]


async def test_a_call_of_a_return_under_way_is_its_own_business(pool: Pool, evidence: PostgresEvidence) -> None:
    """Its workflow asks again; of a return that has ended nobody does."""
    for step in ("refund_return", "capture"):
        await PostgresEffects(pool).begin(EffectIntent(order_id="o3", step=step, parcel=1))
    await pool.execute(
        """INSERT INTO returns (order_id, number, parcel, "case", status) VALUES ('o3', 1, 1, '{}', 'approved')"""
    )
    now = datetime.now(UTC) + SOON
    assert [(effect.step, effect.final) for effect in await evidence.unsettled(now, "", 9)] == [("capture", True)]
    await pool.execute("UPDATE returns SET status = 'refunded'")
    assert len(await evidence.unsettled(now, "", 9)) == 2
    assert await evidence.unsettled(now - 2 * SOON, "", 9) == []


async def test_a_shelf_tells_what_may_have_left_and_what_just_moved(pool: Pool, evidence: PostgresEvidence) -> None:
    """Two mugs are held, one of them handed over; ten were received just now."""
    (shelf,) = await evidence.shelves("shipbob", ["MUG"], datetime.now(UTC) - SOON)
    assert shelf == ShelfEvidence(EAST, "MUG", "acme", 10, 2, under_way=1, came=10, went=0)
    (later,) = await evidence.shelves("shipbob", ["MUG"], datetime.now(UTC) + SOON)
    assert later.came == 0
    assert await evidence.shelves("shipbob", ["TEE"], datetime.now(UTC)) == []


@pytest.mark.parametrize(("status", "coming"), [("in_transit", 1), ("arrived", 1), ("inspected", 0), ("refunded", 0)])
async def test_a_shelf_tells_what_is_coming_back(
    pool: Pool, evidence: PostgresEvidence, status: str, coming: int
) -> None:
    """Goods of a return until their inspection is booked."""
    case = {"plan": {"location": EAST}, "request": {"lines": [{"sku": "MUG", "quantity": 1}]}}
    await pool.execute(
        """INSERT INTO returns (order_id, number, parcel, "case", status) VALUES ('o3', 1, 1, $1, $2)""", case, status
    )
    (shelf,) = await evidence.shelves("shipbob", ["MUG"], datetime.now(UTC))
    assert shelf.coming == coming


async def test_a_shelf_is_set_right_once_per_reference(pool: Pool, evidence: PostgresEvidence) -> None:
    """The movements add up to the stock; below what is promised nothing is written."""
    assert await evidence.adjust({SHELF: -3}, "f/1", "counted 7")
    assert not await evidence.adjust({SHELF: -3}, "f/1", "counted 7")
    assert await evidence.adjust({SHELF: 1}, "f/2", "counted 8")
    with pytest.raises(OperatorError, match="promised"):
        await evidence.adjust({SHELF: -7}, "f/3", "counted 1")
    (shelf,) = await evidence.shelves("shipbob", ["MUG"], datetime.now(UTC))
    assert (shelf.on_hand, shelf.held) == (8, 2)
    assert await PostgresBooks(pool).unit_differences() == []

"""The audit's snapshot holds what the ledgers hold."""

from datetime import UTC, datetime

from ordersaga.domain.books import Account
from ordersaga.domain.effects import EffectIntent, EffectOutcome, EffectStatus
from ordersaga.domain.journal import AttentionItem, JournalUpdate
from ordersaga.domain.ledgers import (
    AccountBalance,
    EffectEntry,
    OpenQuestion,
    OrderLedger,
    RestockedUnits,
    Shelf,
    ShippedUnits,
)
from ordersaga.domain.orders import LineQuantity
from ordersaga.domain.statuses import OrderStatus
from ordersaga.stores.catalog import PostgresCatalog
from ordersaga.stores.effects import PostgresEffects
from ordersaga.stores.journal import PostgresJournal
from ordersaga.stores.ledgers import PostgresLedgers
from ordersaga.stores.pools import Pool
from ordersaga.stores.stock import PostgresStock
from tests.fakes.samples import EAST, catalog, order, sale


async def test_a_snapshot_has_orders_money_effects_units_shelves_and_questions(pool: Pool) -> None:
    """One shipped order with an open question, of whose two units one is on the shelf again, seen whole."""
    await PostgresCatalog(pool).load(catalog((EAST, "MUG", 5)))
    placed = order("o1", ("MUG", 2))
    parcels = await PostgresStock(pool).confirm_hold(placed)
    assert parcels is not None
    await PostgresStock(pool).ship("o1", parcels[0], sale("o1", parcels[0]))
    for reference, sellable in (("o1-r1", True), ("o1-r2", False)):
        back = [LineQuantity(sku="MUG", quantity=1)]
        await PostgresStock(pool).take_back("o1", 1, reference, back, EAST, sellable=sellable)
    intent = EffectIntent(order_id="o1", step="authorize", parcel=1)
    await PostgresEffects(pool).begin(intent)
    await PostgresEffects(pool).settle(intent.key, EffectOutcome(status=EffectStatus.DONE, external_id="pi_1"))
    await PostgresJournal(pool).record(_update())

    found = await PostgresLedgers(pool).read()

    assert found.orders == (OrderLedger("o1", OrderStatus.SHIPPED, "confirmed", None, parcels),)
    assert found.money == (
        AccountBalance("o1", 1, Account.RECEIVABLE, 2000),
        AccountBalance("o1", 1, Account.SALES, -2000),
    )
    assert found.effects == (EffectEntry("o1/authorize/1/1", "o1", "authorize", 1, "done", "pi_1"),)
    assert found.shipped == (ShippedUnits("o1", 1, EAST, "MUG", 2),)
    assert found.restocked == (RestockedUnits("o1", 1, EAST, "MUG", 1),)
    assert found.shelves == (Shelf(EAST, "MUG", 4, 0),)
    assert found.questions == (OpenQuestion("o1-a1", "o1", "ship_by_missed"),)


async def test_an_empty_database_has_empty_ledgers(pool: Pool) -> None:
    """Nothing was placed, nothing is found."""
    found = await PostgresLedgers(pool).read()
    assert (found.orders, found.money, found.effects, found.shipped, found.shelves, found.questions) == ((),) * 6


def _update() -> JournalUpdate:
    item = AttentionItem(
        item_id="o1-a1",
        order_id="o1",
        parcel=1,
        kind="ship_by_missed",
        question="Keep waiting?",
        choices=("keep_waiting",),
        opened_at=datetime.now(UTC),
    )
    return JournalUpdate(order_id="o1", status=OrderStatus.SHIPPED, outcome="confirmed", attention=(item,))

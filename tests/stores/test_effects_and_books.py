"""What audits and reconciliation ask of effects and books."""

from datetime import timedelta

import pytest

from ordersaga.domain.books import Account
from ordersaga.domain.effects import EffectIntent, EffectOutcome, EffectStatus
from ordersaga.domain.errors import OperatorError
from ordersaga.domain.journal import JournalEntry, JournalUpdate
from ordersaga.domain.statuses import OrderStatus
from ordersaga.stores.books import PostgresBooks, UnitDifference
from ordersaga.stores.catalog import PostgresCatalog
from ordersaga.stores.effects import PostgresEffects
from ordersaga.stores.journal import PostgresJournal
from ordersaga.stores.pools import Pool, transaction
from ordersaga.stores.stock import PostgresStock
from tests.fakes.samples import EAST, PLACED_AT, address, catalog, order, sale

AT_ONCE = timedelta(0)


async def test_effects_are_found_by_what_is_known_of_them(pool: Pool) -> None:
    """By order, by the other side's id, and by having no known outcome."""
    effects = PostgresEffects(pool)
    authorize = await effects.begin(EffectIntent(order_id="o1", step="authorize", parcel=1))
    capture = await effects.begin(EffectIntent(order_id="o1", step="capture", parcel=1))
    await effects.settle(authorize.key, EffectOutcome(status=EffectStatus.DONE, external_id="pi_1"))
    await effects.settle(capture.key, EffectOutcome(status=EffectStatus.UNKNOWN, external_id="pi_1"))

    assert [row.key for row in await effects.of_order("o1")] == [authorize.key, capture.key]
    assert [row.key for row in await effects.by_external_id("pi_1")] == [authorize.key, capture.key]
    assert [row.key for row in await effects.unsettled(older_than=AT_ONCE)] == [capture.key]
    assert await effects.unsettled(older_than=timedelta(hours=1)) == []
    assert await effects.of_order("o2") == []


async def test_an_answer_that_cannot_be_stored_does_not_stop_the_order(pool: Pool) -> None:
    """Hostile text in an outside answer, in a note or in an address is stored with a replacement."""
    bad, good = "a\u0000b\ud83d", "a\ufffdb\ufffd"
    effects, journal = PostgresEffects(pool), PostgresJournal(pool)
    await PostgresCatalog(pool).load(catalog((EAST, "MUG", 5)))
    await PostgresStock(pool).confirm_hold(order("o1", ("MUG", 1), ship_to=address(line2="a\u0000b")))
    row = await effects.begin(EffectIntent(order_id="o1", step="label", parcel=1))

    answer = {"detail": [bad], bad: 1}
    await effects.settle(row.key, EffectOutcome(status=EffectStatus.REFUSED, answer=answer, message=bad))
    note = JournalEntry(entry_id="1", at=PLACED_AT, kind="note", text=bad)
    await journal.record(JournalUpdate(order_id="o1", status=OrderStatus.ON_HOLD, reason=bad, entries=(note,)))

    found = await effects.find("o1", "label", 1)
    record = await journal.get("o1")
    assert found is not None
    assert record is not None
    assert (found.answer, found.message) == ({"detail": [good], good: 1}, good)
    assert (record.reason, record.order.ship_to.line2) == (good, "a\ufffdb")
    assert (await journal.timeline("o1"))[0].text == good


async def test_the_books_show_totals_and_entries(pool: Pool) -> None:
    """Totals per currency and account sum to zero, and an order's transactions read back as written."""
    await PostgresCatalog(pool).load(catalog((EAST, "MUG", 5)))
    stock, books = PostgresStock(pool), PostgresBooks(pool)
    parcels = await stock.confirm_hold(order("o1", ("MUG", 2)))
    assert parcels is not None
    await stock.ship("o1", parcels[0], sale("o1", parcels[0]))

    assert await books.totals() == {"USD": {Account.RECEIVABLE: 2000, Account.SALES: -2000}}
    assert list(await books.transactions("o1")) == [sale("o1", parcels[0])]
    assert list(await books.transactions("o2")) == []


async def test_the_audit_finds_a_shelf_that_does_not_add_up(pool: Pool) -> None:
    """A stock row changed behind the ledger's back is named with what it should be."""
    await PostgresCatalog(pool).load(catalog((EAST, "MUG", 5)))
    await PostgresStock(pool).confirm_hold(order("o1", ("MUG", 2)))
    books = PostgresBooks(pool)
    assert list(await books.unit_differences()) == []

    await pool.execute("UPDATE stock SET on_hand = 9, held = 3")

    assert list(await books.unit_differences()) == [
        UnitDifference(EAST, "MUG", on_hand=9, held=3, moved_on_hand=5, moved_held=2, promised=2)
    ]


async def test_a_sale_that_cannot_be_written_leaves_the_hold(pool: Pool) -> None:
    """Units and money move together or not at all."""
    await PostgresCatalog(pool).load(catalog((EAST, "MUG", 5)))
    stock = PostgresStock(pool)
    parcels = await stock.confirm_hold(order("o1", ("MUG", 2)))
    assert parcels is not None
    whole = sale("o1", parcels[0])
    lopsided = whole.model_copy(update={"postings": whole.postings[:1]})

    with pytest.raises(OperatorError) as refused:
        await stock.ship("o1", parcels[0], lopsided)

    assert refused.value.code == "integrity_violation"
    assert (await PostgresEffects(pool).balance("o1")).units_held == 2
    assert [tuple(row) for row in await pool.fetch("SELECT on_hand, held FROM stock")] == [(5, 2)]


async def test_a_programming_mistake_stays_one(pool: Pool) -> None:
    """A mistake in a statement is not dressed up as something to retry."""

    async def mistake() -> None:
        async with transaction(pool) as work:
            await work.execute("SELECT nonsense")

    with pytest.raises(Exception, match='column "nonsense" does not exist'):
        await mistake()

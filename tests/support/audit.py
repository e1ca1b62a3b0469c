"""Orders with one of everything an audit trail holds, and somebody who changes it behind the database's rules."""

from datetime import UTC, datetime

from ordersaga.domain.books import MoneyTransaction, authorized
from ordersaga.domain.effects import EffectIntent, EffectOutcome, EffectStatus
from ordersaga.domain.journal import AttentionItem, JournalEntry, JournalUpdate
from ordersaga.domain.statuses import OrderStatus
from ordersaga.stores.effects import PostgresEffects
from ordersaga.stores.journal import PostgresJournal
from ordersaga.stores.pools import Pool
from ordersaga.stores.stock import PostgresStock
from tests.fakes.samples import PLACED_AT, order, sale

ENTRIES = 9
"""Of one such order: itself, units twice, an authorization and its money, the sale, two lines, a decision."""


async def live(pool: Pool, order_id: str) -> None:
    """An order of one MUG: held, paid, shipped, told, asked about and answered."""
    stock = PostgresStock(pool)
    parcels = await stock.confirm_hold(order(order_id, ("MUG", 1)))
    assert parcels
    await pay(pool, order_id)
    await stock.ship(order_id, parcels[0], sale(order_id, parcels[0]))
    told = [note("saga-1", "confirmed"), note("saga-2", "left the warehouse")]
    answered = AttentionItem(
        item_id=f"{order_id}-1",
        order_id=order_id,
        parcel=1,
        kind="overdue",
        question="Where is it?",
        choices=("wait",),
        opened_at=PLACED_AT,
        resolved="wait",
        resolved_by="ann",
        resolved_at=datetime.now(UTC),
    )
    await tell(pool, order_id, *told, attention=(answered,))


async def pay(pool: Pool, order_id: str) -> None:
    """An authorization of ten dollars, with the money it reserved."""
    effects = PostgresEffects(pool)
    intent = EffectIntent(order_id=order_id, step="authorize", parcel=1, amount=1000, currency="USD")
    row = await effects.begin(intent)
    moved = MoneyTransaction(
        transaction_id=row.key, order_id=order_id, parcel=1, currency="USD", memo="card", postings=authorized(1000)
    )
    outcome = EffectOutcome(
        status=EffectStatus.DONE, external_id="pi_1", answer={"status": "authorized"}, transactions=(moved,)
    )
    await effects.settle(row.key, outcome)


def note(entry_id: str, text: str) -> JournalEntry:
    """A line of a story."""
    return JournalEntry(entry_id=entry_id, at=PLACED_AT, kind="note", text=text, parcel=1)


async def tell(pool: Pool, order_id: str, *entries: JournalEntry, attention: tuple[AttentionItem, ...] = ()) -> None:
    """Write lines and questions as a saga does."""
    update = JournalUpdate(order_id=order_id, status=OrderStatus.SHIPPED, entries=entries, attention=attention)
    await PostgresJournal(pool).record(update)


async def tamper(pool: Pool, *statements: str) -> None:
    """Run statements as a superuser who switched every trigger off."""
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL session_replication_role = replica")
        for statement in statements:
            await connection.execute(statement)

"""Rules the database keeps by itself, whatever a program does."""

import asyncpg
import pytest

from ordersaga.stores.catalog import PostgresCatalog
from ordersaga.stores.pools import Pool
from ordersaga.stores.stock import PostgresStock
from tests.fakes.samples import EAST, catalog, order, sale

_REPAIRED = """
INSERT INTO repairs (finding_id, occurrence, kind, subject, order_id, seller, status, outcome, money, currency, at)
VALUES ('cash_differs:o1-1', 1, 'cash_differs', 'o1-1', 'o1', 'acme', 'repaired', 'entered', 5, 'USD', now())
"""
APPEND_ONLY = ("unit_movements", "money_transactions", "money_postings", "catalog_receipts", "journal", "repairs")


@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.parametrize("statement", ["DELETE FROM {}", "TRUNCATE {} CASCADE", "UPDATE {} SET {} = {}"])
async def test_ledgers_are_append_only(pool: Pool, table: str, statement: str) -> None:
    """Changing, deleting or truncating a ledger is refused, and every row stays."""
    await PostgresCatalog(pool).load(catalog((EAST, "MUG", 5)))
    parcels = await PostgresStock(pool).confirm_hold(order("o1", ("MUG", 1)))
    assert parcels is not None
    await PostgresStock(pool).ship("o1", parcels[0], sale("o1", parcels[0]))
    await pool.execute(_REPAIRED)
    column = await pool.fetchval(
        "SELECT attname FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 AND attidentity = '' LIMIT 1",
        table,
    )
    before = await pool.fetch(f"SELECT * FROM {table}")

    with pytest.raises(asyncpg.IntegrityConstraintViolationError, match="is append-only"):
        await pool.execute(statement.format(table, column, column))

    assert await pool.fetch(f"SELECT * FROM {table}") == before


async def test_a_transaction_must_sum_to_zero_at_commit(pool: Pool) -> None:
    """One side of a transaction may be written first, but not committed alone."""
    head = "INSERT INTO money_transactions VALUES ('t1', 'o1', 0, 'USD', 'test')"
    side = "INSERT INTO money_postings (transaction_id, account, amount) VALUES ('t1', 'cash', 100)"
    async with pool.acquire() as connection:
        work = connection.transaction()
        await work.start()
        await connection.execute(head)
        await connection.execute(side)
        with pytest.raises(asyncpg.IntegrityConstraintViolationError, match="sums to 100, not 0"):
            await work.commit()

    assert await pool.fetchval("SELECT count(*) FROM money_transactions") == 0
    assert await pool.fetchval("SELECT count(*) FROM money_postings") == 0


@pytest.mark.parametrize("change", ["held = 6", "held = -1", "on_hand = -1"])
async def test_held_stays_between_zero_and_on_hand(pool: Pool, change: str) -> None:
    """No statement can promise a unit that is not there."""
    await PostgresCatalog(pool).load(catalog((EAST, "MUG", 5)))

    with pytest.raises(asyncpg.CheckViolationError, match="held_between_zero_and_on_hand"):
        await pool.execute(f"UPDATE stock SET {change}")

    assert tuple(await pool.fetchrow("SELECT on_hand, held FROM stock") or ()) == (5, 0)


async def test_a_hold_ends_once(pool: Pool) -> None:
    """A hold that was released cannot be booked as shipped too."""
    await PostgresCatalog(pool).load(catalog((EAST, "MUG", 5)))
    stock = PostgresStock(pool)
    await stock.confirm_hold(order("o1", ("MUG", 1)))
    await stock.release("o1", 1)

    with pytest.raises(asyncpg.UniqueViolationError, match="movement_ends_once"):
        await pool.execute(
            "INSERT INTO unit_movements (kind, account_from, account_to, location, sku, quantity, order_id, take,"
            " parcel) VALUES ('shipped', 'held', 'shipped', $1, 'MUG', 1, 'o1', 1, 1)",
            EAST,
        )


async def test_units_never_move_between_unknown_accounts(pool: Pool) -> None:
    """A movement that no rule describes is refused."""
    await PostgresCatalog(pool).load(catalog((EAST, "MUG", 5)))

    with pytest.raises(asyncpg.CheckViolationError, match="known_movement"):
        await pool.execute(
            "INSERT INTO unit_movements (kind, account_from, account_to, location, sku, quantity, order_id, take,"
            " parcel) VALUES ('held', 'shipped', 'held', $1, 'MUG', 1, 'o1', 1, 1)",
            EAST,
        )

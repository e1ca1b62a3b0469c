"""What nobody needs any more is forgotten, and nothing else."""

from datetime import timedelta

import pytest

from ordersaga.domain.errors import OperatorError
from ordersaga.domain.retention import PERIODS
from ordersaga.stores.accept import IdempotencyKey, PostgresIntake
from ordersaga.stores.audit_chain import PostgresAuditTrail
from ordersaga.stores.catalog import PostgresCatalog
from ordersaga.stores.inbox import WebhookInbox
from ordersaga.stores.pools import Pool, connection
from ordersaga.stores.retention import PostgresRetention
from tests.fakes.samples import EAST, catalog, order

TTL = timedelta(minutes=30)
DAY = timedelta(days=1)


async def aged(pool: Pool, table: str, column: str, age: timedelta) -> None:
    """Make every row of a table that old."""
    async with connection(pool) as work:
        await work.execute(f"UPDATE {table} SET {column} = now() - $1::interval", age)


async def due(pool: Pool) -> dict[str, int]:
    """Rows that may be forgotten, of tables that have any."""
    return {each.table: each.rows for each in await PostgresRetention(pool).due() if each.rows}


async def test_keys_are_forgotten_after_their_time_and_not_before(pool: Pool) -> None:
    """A dry look changes nothing; the order under a forgotten key stands."""
    await PostgresCatalog(pool).load(catalog((EAST, "MUG", 5)))
    key = IdempotencyKey(api_key_id="key_1", key="checkout-7", request_hash="abc")
    await PostgresIntake(pool).accept(order("o1"), hold_ttl=TTL, idempotency=key)
    await aged(pool, "idempotency_keys", "created_at", PERIODS["idempotency_keys"] - DAY)
    assert await due(pool) == {}
    await aged(pool, "idempotency_keys", "created_at", PERIODS["idempotency_keys"] + DAY)
    assert await due(pool) == await due(pool) == {"idempotency_keys": 1}
    assert not await PostgresRetention(pool).step()
    assert await due(pool) == {}
    async with connection(pool) as reader:
        assert await reader.fetchval("SELECT count(*) FROM orders") == 1
    assert (await PostgresAuditTrail(pool).verify()).breaks == []


@pytest.mark.parametrize(("status", "forgotten"), [("fulfilling", 0), ("completed", 1)])
async def test_messages_of_open_orders_are_kept_whatever_their_age(pool: Pool, status: str, forgotten: int) -> None:
    """A recovery would tell them again; of an order that has ended they are forgotten."""
    await PostgresCatalog(pool).load(catalog((EAST, "MUG", 5)))
    await PostgresIntake(pool).accept(order("o1"), hold_ttl=TTL)
    inbox = WebhookInbox(pool)
    await inbox.store("shipbob", "evt_1", "o1", {"source": "shipbob"})
    await inbox.store("shipbob", "evt_2", "o1", {"source": "shipbob"})
    first, _ = await inbox.claim(2)
    await inbox.mark_delivered(first.id)
    await aged(pool, "webhook_inbox", "received_at", PERIODS["webhook_record"] + DAY)
    async with connection(pool) as work:
        await work.execute("UPDATE orders SET status = $1", status)
    await PostgresRetention(pool).forget()
    counts = await inbox.count_by_status()
    assert counts.get("delivered", 0) == 1 - forgotten
    assert counts["pending"] == 1
    async with connection(pool) as reader:
        assert await reader.fetchval("SELECT count(*) FROM webhook_record") == 0, "it is too old for that, too"


@pytest.mark.parametrize(
    "table", ["journal", "money_transactions", "money_postings", "unit_movements", "audit_entries"]
)
async def test_facts_are_kept_by_the_database_itself(pool: Pool, table: str) -> None:
    """Whatever a program tries: books and audit trail are never forgotten."""
    assert table not in PERIODS
    with pytest.raises(OperatorError, match="append-only"):
        async with connection(pool) as work:
            await work.execute(f"DELETE FROM {table}")

"""Messages that were handed on move into months that are dropped: each comes once, and none is lost on its way."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

from ordersaga.domain.retention import PERIODS
from ordersaga.domain.statuses import FINAL_STATUSES, OrderStatus
from ordersaga.stores.accept import PostgresIntake
from ordersaga.stores.catalog import PostgresCatalog
from ordersaga.stores.checkup import PostgresCheckup
from ordersaga.stores.inbox import WebhookInbox
from ordersaga.stores.journal import PostgresJournal
from ordersaga.stores.message_record import _COUNT_OVER, _MOVE, _MOVING, MessageRecord, _over
from ordersaga.stores.pools import Pool, connection, transaction
from ordersaga.stores.recovery import PostgresRecovery, ToldStock
from ordersaga.stores.retention import PostgresRetention
from tests.fakes.samples import EAST, catalog, order

DAY = timedelta(days=1)
WEEK = PERIODS["webhook_inbox"]
NOW = datetime.now(UTC)


@pytest_asyncio.fixture
async def inbox(pool: Pool) -> WebhookInbox:
    """Of an order that is accepted."""
    await PostgresCatalog(pool).load(catalog((EAST, "MUG", 5)))
    await PostgresIntake(pool).accept(order("o1"), hold_ttl=timedelta(minutes=30))
    return WebhookInbox(pool)


async def delivered(pool: Pool, inbox: WebhookInbox, name: str, at: datetime, status: str = "completed") -> int:
    """A message of the order's that came then and was handed on; its id. `status`: the order's since."""
    assert await inbox.store("shipbob", name, "o1", {"name": name})
    (message,) = await inbox.claim(1)
    await inbox.mark_delivered(message.id)
    async with connection(pool) as work:
        await work.execute("UPDATE webhook_inbox SET received_at = $2 WHERE id = $1", message.id, at)
        await work.execute("UPDATE orders SET status = $1", status)
    return message.id


async def names(pool: Pool, table: str) -> list[str]:
    """The messages in a table."""
    async with connection(pool) as reader:
        return [row["source_id"] for row in await reader.fetch(f"SELECT source_id FROM {table} ORDER BY id")]


async def rotated(pool: Pool, at: datetime) -> int:
    """Rotate as if it were then; how many messages are gone."""
    async with connection(pool) as work:
        gone: int = await work.fetchval("SELECT rotate_webhook_record_at($1)", at)
        return gone


async def partitions(pool: Pool) -> list[str]:
    """The months there are tables for."""
    asked = "SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r' AND relname ~ '[0-9]$' ORDER BY 1"
    async with connection(pool) as reader:
        return [row["relname"].removeprefix("webhook_record_") for row in await reader.fetch(asked)]


async def test_a_message_that_moved_comes_once_and_is_told(pool: Pool, inbox: WebhookInbox) -> None:
    """After a week; its order's story has it as before, and a repeat of it is none."""
    await delivered(pool, inbox, "evt_1", NOW - WEEK - DAY)
    await delivered(pool, inbox, "evt_2", NOW - WEEK + DAY)
    story = await PostgresJournal(pool).timeline("o1")
    assert [each.rows for each in await PostgresRetention(pool).due() if each.table == "webhook_inbox"] == [1]
    await PostgresRetention(pool).step()
    assert (await names(pool, "webhook_inbox"), await names(pool, "webhook_record")) == (["evt_2"], ["evt_1"])
    assert await PostgresJournal(pool).timeline("o1") == story
    assert not await inbox.store("shipbob", "evt_1", "o1", {})
    assert await inbox.store("easypost", "evt_1", "o1", {}), "another company's"
    assert await inbox.claim(5) != []


async def test_a_repeat_is_known_over_the_border_of_months(pool: Pool, inbox: WebhookInbox) -> None:
    """Until its period is over, whichever month it came in."""
    for number in range(4):
        await delivered(pool, inbox, f"evt_{number}", NOW - 27 * number * DAY - WEEK)
    assert await MessageRecord(pool).move(10) == 4
    async with connection(pool) as reader:
        tables = await reader.fetch("SELECT DISTINCT tableoid::regclass::text AS name FROM webhook_record")
    assert len(tables) > 2
    for number in range(4):
        assert not await inbox.store("shipbob", f"evt_{number}", "o1", {})
    assert await names(pool, "webhook_inbox") == []


async def test_a_repeat_that_comes_while_its_message_moves_is_known(pool: Pool, inbox: WebhookInbox) -> None:
    """It waits until the message has arrived."""
    await delivered(pool, inbox, "evt_1", NOW - WEEK - DAY)
    async with transaction(pool) as mover:
        await mover.execute("SELECT pg_advisory_xact_lock($1)", _MOVING)
        assert await mover.fetchval(_MOVE, *_over(), 10, PERIODS["webhook_record"]) == 1
        storing = asyncio.create_task(inbox.store("shipbob", "evt_1", "o1", {}))
        await asyncio.sleep(0.3)
        assert not storing.done()
    assert await storing is False
    assert await names(pool, "webhook_record") == ["evt_1"]


async def test_months_are_made_ahead_and_dropped_once_they_are_past(pool: Pool, inbox: WebhookInbox) -> None:
    """With the clock moved forward; the rest of a month outlives its first day, and what is gone may come again."""
    first = datetime(NOW.year, NOW.month, 1, tzinfo=UTC)
    await delivered(pool, inbox, "evt_1", NOW - WEEK - DAY)
    await MessageRecord(pool).move(10)
    before = await partitions(pool)
    assert f"{first + 32 * DAY:%Y_%m}" in before, "the next month"
    assert await rotated(pool, NOW) == 0
    assert await partitions(pool) == before
    lives = datetime.fromordinal((NOW - WEEK - DAY).toordinal()).replace(tzinfo=UTC) + PERIODS["webhook_record"]
    assert await rotated(pool, lives) == 0
    assert not await inbox.store("shipbob", "evt_1", "o1", {})
    assert await rotated(pool, lives + 32 * DAY) == 1
    after = await partitions(pool)
    assert f"{NOW - WEEK - DAY:%Y_%m}" not in after
    assert f"{(lives + 32 * DAY).replace(day=1) + 32 * DAY:%Y_%m}" in after
    assert await inbox.store("shipbob", "evt_1", "o1", {})


@pytest.mark.parametrize("status", OrderStatus)
async def test_messages_of_orders_that_are_open_again_outlive_their_month(
    pool: Pool, inbox: WebhookInbox, status: OrderStatus
) -> None:
    """A return was asked for since: they go back into the inbox as they were, and still come once."""
    number = await delivered(pool, inbox, "evt_1", NOW - WEEK - DAY)
    await MessageRecord(pool).move(10)
    async with connection(pool) as work:
        await work.execute("UPDATE orders SET status = $1", status.value)
    gone = await rotated(pool, NOW + PERIODS["webhook_record"] + 40 * DAY)
    assert gone == (1 if status in FINAL_STATUSES else 0)
    async with connection(pool) as reader:
        kept = await reader.fetch("SELECT id, status, body->>'name' AS name FROM webhook_inbox")
    assert [tuple(row) for row in kept] == ([] if gone else [(number, "delivered", "evt_1")])
    assert await inbox.store("shipbob", "evt_1", "o1", {}) is bool(gone)


async def test_a_month_without_a_partition_loses_no_message(pool: Pool, inbox: WebhookInbox) -> None:
    """No relay ran for months: it lies in the default one, comes once, is told, and gets its month at the next run."""
    async with connection(pool) as work:
        for month in await partitions(pool):
            await work.execute(f"DROP TABLE webhook_record_{month}")
    await delivered(pool, inbox, "evt_1", NOW - WEEK - DAY)
    assert await MessageRecord(pool).move(10) == 1
    assert await names(pool, "webhook_record_default") == ["evt_1"]
    assert not await inbox.store("shipbob", "evt_1", "o1", {})
    state = await PostgresCheckup(pool).look()
    assert (state.reaches, state.strays) == (None, 1)
    assert await MessageRecord(pool).rotate() == 0
    assert await names(pool, "webhook_record_default") == []
    assert await names(pool, "webhook_record") == ["evt_1"]
    state = await PostgresCheckup(pool).look()
    assert state.strays == 0
    assert state.reaches is not None
    assert state.reaches > NOW + 28 * DAY


async def test_a_recovery_tells_what_has_moved_again(pool: Pool, inbox: WebhookInbox) -> None:
    """Under the same id, with what it said; and it comes once."""
    number = await delivered(pool, inbox, "evt_1", NOW - WEEK - DAY)
    await MessageRecord(pool).move(10)
    recovery = PostgresRecovery(pool, ToldStock(pool))
    since = NOW - DAY
    assert await recovery.untold("o1", since) == 1
    await recovery.tell_again("o1", since)
    (message,) = await inbox.claim(5)
    assert (message.id, message.body) == (number, {"name": "evt_1"})
    assert await names(pool, "webhook_record") == []
    assert not await inbox.store("shipbob", "evt_1", "o1", {})


async def test_a_dry_run_does_not_read_the_whole_inbox(pool: Pool, inbox: WebhookInbox) -> None:
    """It looks at what was handed on long ago, by an index."""
    async with connection(pool) as work:
        await work.execute(
            "INSERT INTO webhook_inbox (source, source_id, body, status, received_at) SELECT 'x', n::text, '{}', "
            "CASE WHEN n % 2 = 0 THEN 'delivered' ELSE 'pending' END, now() - n * interval '1 minute' "
            "FROM generate_series(1, 20000) AS n"
        )
        await work.execute("ANALYZE webhook_inbox")
        plan = await work.fetch(f"EXPLAIN {_COUNT_OVER}", *_over())
    told = " ".join(row[0] for row in plan)
    assert "webhook_inbox_over" in told
    assert "Seq Scan on webhook_inbox" not in told


async def test_two_relays_rotate_one_at_a_time(pool: Pool, inbox: WebhookInbox) -> None:
    """While one is at it the other one does nothing, and neither fails; of several at once one makes all there is."""
    async with connection(pool) as work:
        for month in await partitions(pool):
            await work.execute(f"DROP TABLE webhook_record_{month}")
    async with transaction(pool) as rotating:
        await rotating.execute("SELECT pg_advisory_xact_lock(7305041907)")
        assert await MessageRecord(pool).rotate() == 0
        assert await partitions(pool) == []
    assert await asyncio.gather(*(MessageRecord(pool).rotate() for _ in range(3))) == [0, 0, 0]
    assert len(await partitions(pool)) >= 4

"""The starters' queue: fair, shared, and cheap to look at however long it is."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from ordersaga.domain.journal import JournalUpdate
from ordersaga.domain.orders import Order
from ordersaga.domain.starting import Backlog
from ordersaga.domain.statuses import ConfirmOutcome, OrderStatus
from ordersaga.stores.accept import PostgresIntake
from ordersaga.stores.catalog import PostgresCatalog
from ordersaga.stores.journal import PostgresJournal
from ordersaga.stores.pools import Pool
from ordersaga.stores.starting import _BACKLOG, _CLAIM, _IN_ORDER, Claim, PostgresStarting
from ordersaga.stores.stock import PostgresStock
from tests.fakes.samples import EAST, catalog, order
from tests.support.starting import make_due, unreadable, unstarted

TTL = timedelta(minutes=30)
LEASE = timedelta(minutes=1)


def names(claims: list[Claim]) -> list[str]:
    """Ids of claimed orders."""
    return [claim.order.order_id for claim in claims]


async def accept(pool: Pool, *orders: Order) -> None:
    """Orders that are accepted one after the other."""
    await PostgresCatalog(pool).load(catalog((EAST, "MUG", 500), (EAST, "LAMP", 500)))
    for wanted in orders:
        await PostgresIntake(pool).accept(wanted, hold_ttl=TTL)


def lamp(order_id: str) -> Order:
    """An order of another seller."""
    return order(order_id, ("LAMP", 1), seller="bolt")


async def test_sellers_take_turns(pool: Pool) -> None:
    """A seller with many waiting orders does not delay another's single one; started and fresh ones are left out."""
    await accept(pool, *(order(name) for name in ("a1", "a2", "a3", "a4")), lamp("b1"))
    starting = PostgresStarting(pool)
    assert await starting.claim(limit=9, lease=LEASE) == []
    await make_due(pool)
    assert names(await starting.claim(limit=3, lease=LEASE)) == ["a1", "b1", "a2"]
    await starting.mark_started("a1", "a3")
    await starting.give_back("a1", "a2", "b1")
    assert names(await starting.claim(limit=9, lease=LEASE)) == ["a2", "b1", "a4"]


async def test_a_claimed_order_is_nobody_elses(pool: Pool) -> None:
    """Ten starters at once: each order goes to one of them; given back or left behind by a dead one, to another."""
    await accept(pool, *(order(f"a{n}") for n in range(30)))
    await make_due(pool)
    starters = [PostgresStarting(pool) for _ in range(10)]
    claimed = await asyncio.gather(*(starter.claim(limit=4, lease=LEASE) for starter in starters))
    while got := await starters[0].claim(limit=4, lease=LEASE):
        claimed.append(got)
    assert sorted(name for claims in claimed for name in names(claims)) == sorted(f"a{n}" for n in range(30))
    await starters[0].give_back("a0")
    assert names(await starters[1].claim(limit=9, lease=timedelta(milliseconds=50))) == ["a0"]
    await asyncio.sleep(0.1)
    assert names(await starters[2].claim(limit=9, lease=LEASE)) == ["a0"]


async def test_an_order_nobody_can_read_keeps_no_other_waiting(pool: Pool) -> None:
    """A later version wrote it: the others are started each time it is tried, and a person is asked, once."""
    await accept(pool, order("a1"), order("a2"), order("a3"))
    await unreadable(pool, "a2")
    starting, journal = PostgresStarting(pool), PostgresJournal(pool)
    for _ in range(2):
        await make_due(pool)
        assert sorted(names(await starting.claim(limit=9, lease=LEASE))) == ["a1", "a3"]
    (asked,) = await journal.open_attention()
    assert (asked.order_id, asked.kind) == ("a2", "start_refused")
    assert "later" in asked.question
    assert (await starting.backlog()).waiting == 0


async def test_a_refused_start_is_a_persons_question_until_it_succeeds(pool: Pool) -> None:
    """It waits a while before it is tried again, takes no room meanwhile, and withdraws its question when it starts."""
    await accept(pool, order("a1"))
    await make_due(pool)
    starting, journal = PostgresStarting(pool), PostgresJournal(pool)
    await starting.refuse("a1", "invalid_message: too large")
    await starting.refuse("a1", "invalid_message: too large")
    (asked,) = await journal.open_attention()
    assert (asked.kind, asked.choices) == ("start_refused", ("acknowledge",))
    assert "too large" in asked.question
    assert [entry.kind for entry in await journal.timeline("a1")] == ["attention"]
    backlog = await starting.backlog()
    assert (backlog.waiting, backlog.under_way) == (0, 0)
    assert await starting.claim(limit=9, lease=LEASE) == []
    await make_due(pool)
    assert names(await starting.claim(limit=9, lease=LEASE)) == ["a1"]
    await starting.mark_started("a1")
    assert list(await journal.open_attention()) == []
    await starting.refuse("a1", "late")
    assert list(await journal.open_attention()) == []


async def test_what_is_refused_or_waits_for_units_waits_for_no_saga(pool: Pool) -> None:
    """Only pending orders are claimed and counted."""
    await accept(pool, order("a1"), order("out", ("MUG", 501)), order("a2"))
    await pool.execute("UPDATE orders SET status = 'waitlisted' WHERE order_id = 'a2'")
    await make_due(pool)
    starting = PostgresStarting(pool)
    assert (await starting.backlog()).waiting == 1
    assert names(await starting.claim(limit=9, lease=LEASE)) == ["a1"]


async def test_an_order_left_to_the_starters_is_due_at_once_and_announced(pool: Pool) -> None:
    """Those left together are one message; what a starter has already is not taken from it."""
    await accept(pool, order("a1"), order("a2"), order("a3"))
    starting, heard = PostgresStarting(pool), asyncio.Queue[str]()
    async with pool.acquire() as listener:
        await listener.add_listener("orders_left", lambda *_: heard.put_nowait("ring"))
        await asyncio.gather(starting.leave("a1"), starting.leave("a2"))
        await asyncio.wait_for(heard.get(), 5)
        assert sorted(names(await starting.claim(limit=9, lease=LEASE))) == ["a1", "a2"]
        await starting.leave("a1")
        assert await starting.claim(limit=9, lease=LEASE) == []
        await listener.reset()


async def test_the_backlog_follows_an_order_to_its_outcome(pool: Pool) -> None:
    """Fresh and claimed ones are being started; started ones are on their way until the outcome is known."""
    starting = PostgresStarting(pool)
    assert await starting.backlog() == Backlog()
    await accept(pool, order("a1"), order("a2"), lamp("b1"))
    fresh = await starting.backlog()
    assert (fresh.waiting, fresh.under_way, set(fresh.sellers)) == (0, 3, set())
    await make_due(pool)
    await pool.execute("UPDATE orders SET queued_at = now() - interval '1 minute' WHERE order_id = 'b1'")
    due = await starting.backlog()
    assert (due.waiting, due.under_way, set(due.sellers)) == (3, 0, {"acme"})
    assert 60 <= due.oldest.total_seconds() < 70
    assert (await starting.backlog(count_to=1)).waiting == 1
    (first,) = await starting.claim(limit=1, lease=timedelta(seconds=5))
    await PostgresStock(pool).confirm_hold(first.order)
    started = await starting.backlog()
    assert (started.waiting, started.under_way, set(started.sellers)) == (2, 1, {"acme"})
    confirmed = JournalUpdate(order_id="b1", status=OrderStatus.CONFIRMED, outcome=ConfirmOutcome.CONFIRMED)
    await PostgresJournal(pool).record(confirmed)
    assert (await starting.backlog()).under_way == 0
    now, decided = await starting.decided(["a1", "b1"])
    assert list(decided) == ["b1"]
    assert decided["b1"] <= now


async def test_a_saga_that_is_stuck_takes_no_room_for_ever(pool: Pool) -> None:
    """Without an outcome for minutes it is somebody's question, not a sign of too many."""
    await accept(pool, order("a1"))
    starting = PostgresStarting(pool)
    await starting.mark_started("a1")
    assert (await starting.backlog()).under_way == 1
    await pool.execute("UPDATE orders SET started_at = now() - interval '6 minutes'")
    assert (await starting.backlog()).under_way == 0


async def test_orders_marked_and_left_at_once_never_wait_in_a_circle(pool: Pool) -> None:
    """Many batches over the same orders, in different directions."""
    await accept(pool, *(order(f"a{n}") for n in range(20)))
    there, back = [f"a{n}" for n in range(20)], [f"a{n}" for n in reversed(range(20))]
    starters = [PostgresStarting(pool) for _ in range(4)]
    await asyncio.gather(
        *(starter.leave(name) for starter in starters for name in there),
        *(starter.mark_started(name) for starter in starters for name in back),
        *(starter.mark_started(*names) for starter in starters for names in (there, back)),
    )
    assert await unstarted(pool) == []


_MANY = """
INSERT INTO orders (order_id, seller, channel, currency, total, request, terms, ship_by, status, started_at,
                    start_after)
SELECT 'x' || $1::int || '-' || n, CASE WHEN n <= 1000 THEN 'acme' ELSE 'seller' || n % 9 END, 'checkout', 'USD', 1,
       '{}', '{}', now(), 'pending', CASE WHEN n > 1001 THEN now() END, now()
FROM generate_series(1, 1004) AS n
"""


def rows_read(plan: dict[str, Any]) -> float:
    """How many rows the parts of a plan looked at in tables and indexes."""
    looked = plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0) if "Scan" in plan["Node Type"] else 0
    own: float = looked * plan["Actual Loops"]
    return own + sum(rows_read(part) for part in plan.get("Plans", []))


async def cost(pool: Pool, statement: str, *arguments: object) -> float:
    """How many rows a statement looks at."""
    async with pool.acquire() as work, work.transaction():
        await work.execute(_IN_ORDER)
        plan = (await work.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", *arguments))[0]
    return rows_read(plan["Plan"])


@pytest.mark.parametrize("counted", [False, True])
async def test_a_long_queue_costs_no_more_than_a_short_one(pool: Pool, counted: bool) -> None:
    """100,000 orders of one seller wait, a few of nine others, 300 are on their way: neither look nor claim reads all.

    Before PostgreSQL has counted any, when it has counted a single one, and after it has counted them all.
    """
    await accept(pool, order("a1"))
    if counted:
        await pool.execute("ANALYZE orders")
    for batch in range(100):  # each its own commit, as orders come: whoever counts meanwhile sees what is there
        async with pool.acquire() as work, work.transaction():
            await work.execute("SET LOCAL session_replication_role = replica")  # nobody seals these
            await work.execute(_MANY, batch)
    for _ in range(2):
        assert await cost(pool, _BACKLOG, 1000, timedelta(minutes=5), 1) < 6000
        assert await cost(pool, _CLAIM, 16, LEASE, False, timedelta(minutes=5)) < 1500
        await pool.execute("ANALYZE orders")


async def test_newcomers_are_sellers_of_whom_nothing_is_under_way(pool: Pool) -> None:
    """Neither started and undecided, nor claimed; and only the oldest order of each."""
    starting = PostgresStarting(pool)
    await accept(pool, order("a1"), order("a2"), lamp("b1"), lamp("b2"))
    await make_due(pool)
    await starting.mark_started("a1")

    assert names(await starting.claim(limit=9, lease=LEASE, newcomers=True)) == ["b1"]
    assert await starting.claim(limit=9, lease=LEASE, newcomers=True) == []
    await pool.execute("UPDATE orders SET outcome = 'confirmed' WHERE order_id = 'a1'")
    assert names(await starting.claim(limit=9, lease=LEASE, newcomers=True)) == ["a2"]
    assert names(await starting.claim(limit=9, lease=LEASE)) == ["b2"]

"""The queue of accepted orders whose saga is not started: several starters share it, sellers take turns."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from ordersaga.domain.journal import UnreadOrder
from ordersaga.domain.orders import Order
from ordersaga.domain.starting import FEW, START_QUESTIONS, START_REFUSED, Backlog, start_question
from ordersaga.stores.gathering import Gathering
from ordersaga.stores.journal import ask_once
from ordersaga.stores.order_rows import load_or_skip, load_order
from ordersaga.stores.pools import Pool, connection, transaction
from ordersaga.stores.vault import CLEAR, Row, Vault

CHANNEL: Final = "orders_left"
"""NOTIFY when orders are left to the starters."""
PUT_OFF: Final = timedelta(minutes=5)
"""Until an order whose start was refused is tried again."""

COUNTED: Final = 1000
"""A backlog is not counted any further by those who look at it all the time."""
STUCK: Final = timedelta(minutes=5)
"""A saga without an outcome for so long is held up by something else than the number of others."""

# Comes before: PostgreSQL that counted a queue before it grew takes it for short, and would read all of it to sort it.
_IN_ORDER = """
SELECT set_config('enable_sort', 'off', true), set_config('enable_bitmapscan', 'off', true),
    set_config('enable_seqscan', 'off', true)
"""
# Hops from seller to seller over the partial index, then takes the oldest of each: a seller with a hundred thousand
# waiting orders costs as much as one with ten, and cannot delay the others. What another starter is claiming at this
# moment is passed over. Conditions are written so that only the right index fits, the one by seller for the turns, the
# primary key for the last look: before PostgreSQL has counted a queue that grew in a minute, it takes its indexes for
# short, and would read all of one for every seller. Of newcomers ($3), sellers of whom nothing is under way, the first.
_CLAIM = """
WITH RECURSIVE busy(seller) AS MATERIALIZED (
    SELECT seller FROM orders WHERE $3 AND started_at > now() - $4::interval AND outcome IS NULL
    UNION SELECT seller FROM orders
    WHERE $3 AND started_at IS NULL AND status = 'pending'
      AND start_after > now() AND start_after <= now() + interval '1 minute'),
sellers(seller) AS (
    (SELECT seller FROM orders WHERE started_at IS NULL AND status = 'pending' ORDER BY seller LIMIT 1)
    UNION ALL
    SELECT (SELECT seller FROM orders WHERE started_at IS NULL AND status = 'pending' AND seller > sellers.seller
            ORDER BY seller LIMIT 1)
    FROM sellers WHERE sellers.seller IS NOT NULL),
turns AS (
    SELECT oldest.* FROM sellers CROSS JOIN LATERAL (
        SELECT order_id, queued_at, row_number() OVER (ORDER BY queued_at, order_id) AS turn FROM orders
        WHERE seller = sellers.seller AND started_at IS NULL AND status = 'pending'
          AND (start_after > now()) IS NOT TRUE
        ORDER BY queued_at, order_id LIMIT CASE WHEN $3 THEN 1 ELSE $1 END) AS oldest
    WHERE sellers.seller IS NOT NULL AND sellers.seller NOT IN (SELECT seller FROM busy)
    ORDER BY turn, queued_at, order_id LIMIT $1),
free AS (
    SELECT mine.order_id, turn FROM turns CROSS JOIN LATERAL (
        SELECT order_id FROM orders WHERE orders.order_id = turns.order_id
          AND (started_at IS NULL AND status = 'pending' AND start_after <= now()) IS TRUE
        LIMIT 1 FOR UPDATE SKIP LOCKED) AS mine)
UPDATE orders SET start_after = now() + $2::interval FROM free WHERE orders.order_id = free.order_id
RETURNING orders.order_id, seller, currency, total, request, terms, ship_by, turn, accepted_at, queued_at,
    now() AS claimed_at
"""
# Sorted, so that two batches cannot wait for each other in a circle. Who is still in its first two seconds was touched
# by no starter: a lease is never cut short.
_LEAVE = """
WITH theirs AS (
    SELECT order_id FROM orders WHERE order_id = ANY($1::text[]) AND started_at IS NULL
      AND start_after = accepted_at + interval '2 seconds' ORDER BY order_id FOR UPDATE),
moved AS (UPDATE orders SET start_after = now() FROM theirs WHERE orders.order_id = theirs.order_id RETURNING 1)
SELECT pg_notify($2, '') WHERE EXISTS (SELECT FROM moved)
"""
_GIVE_BACK = """
UPDATE orders SET start_after = now() WHERE order_id = ANY($1::text[]) AND started_at IS NULL
"""
_PUT_OFF = """
UPDATE orders SET start_after = now() + $2::interval WHERE order_id = $1 AND started_at IS NULL RETURNING true
"""
_WITHDRAW = """
UPDATE attention SET resolved = 'started', resolved_by = 'starter', resolved_reason = 'its saga was started',
    resolved_at = now()
FROM (SELECT order_id, item_id FROM attention
      WHERE order_id = ANY($1::text[]) AND kind = ANY($2::text[]) AND resolved IS NULL
      ORDER BY order_id, item_id FOR UPDATE) AS asked
WHERE attention.order_id = asked.order_id AND attention.item_id = asked.item_id
"""
_MARK_STARTED = """
UPDATE orders SET started_at = now() FROM (
    SELECT order_id FROM orders WHERE order_id = ANY($1::text[]) AND started_at IS NULL ORDER BY order_id FOR UPDATE
) AS mine WHERE orders.order_id = mine.order_id
"""
_DECIDED = """
SELECT order_id, updated_at FROM orders WHERE order_id = ANY($1::text[]) AND outcome IS NOT NULL ORDER BY updated_at
"""
# Each part reads one partial index in its order and no further than needed, so that it costs the same at a hundred
# thousand. A date far off is no lease: such an order does not wait for a starter.
_BACKLOG = """
WITH RECURSIVE sellers(seller, queued_at) AS (
    (SELECT seller, queued_at FROM orders WHERE started_at IS NULL AND status = 'pending'
     ORDER BY seller, queued_at, order_id LIMIT 1)
    UNION ALL
    SELECT another.seller, another.queued_at FROM sellers CROSS JOIN LATERAL (
        SELECT seller, queued_at FROM orders
        WHERE started_at IS NULL AND status = 'pending' AND orders.seller > sellers.seller
        ORDER BY seller, queued_at, order_id LIMIT 1) AS another)
SELECT
    (SELECT count(*) FROM (
        SELECT FROM orders WHERE started_at IS NULL AND status = 'pending' AND start_after <= now()
        ORDER BY start_after LIMIT $1) AS due
    ) AS waiting,
    (SELECT count(*) FROM (
        SELECT FROM orders WHERE started_at IS NULL AND status = 'pending'
          AND start_after > now() AND start_after <= now() + interval '1 minute'
        ORDER BY start_after LIMIT $1) AS taken
    ) + (SELECT count(*) FROM (
        SELECT FROM orders WHERE started_at > now() - $2::interval AND outcome IS NULL
        ORDER BY started_at LIMIT $1) AS running
    ) AS under_way,
    coalesce(now() - (SELECT min(queued_at) FROM sellers), interval '0') AS oldest,
    ARRAY(SELECT seller FROM sellers WHERE (
        SELECT true FROM orders WHERE orders.seller = sellers.seller AND started_at IS NULL AND status = 'pending'
          AND (start_after > now()) IS NOT TRUE
        ORDER BY queued_at, order_id OFFSET $3 LIMIT 1)) AS sellers
"""


_REFUSED: Final = (
    "The order is accepted, and its saga cannot be started: {why}. Repair the cause: it is tried again every few "
    "minutes. To start it at once, repair its finding never_started."
)


@dataclass(frozen=True)
class Claim:
    """An order that this starter has to itself for a while; `claimed_at` by the database's clock."""

    order: Order
    claimed_at: datetime


class PostgresStarting:
    """Orders between their acceptance and their saga."""

    def __init__(self, pool: Pool, vault: Vault = CLEAR) -> None:
        self._pool = pool
        self._vault = vault
        self._leaving: Gathering[str, None] = Gathering(self._leave)
        self._marking: Gathering[str, None] = Gathering(self._mark)

    async def claim(self, *, limit: int, lease: timedelta, newcomers: bool = False) -> list[Claim]:
        """Take orders to start, sellers taking turns, each seller's oldest first; nobody else is given them.

        `newcomers`: only of sellers of whom nothing is under way, the oldest of each.

        Who neither marks them as started nor gives them back within `lease` loses them to others. One that cannot be
        read, such as a later version's, keeps no other waiting: its start is refused.
        """
        async with transaction(self._pool) as work:
            await work.execute(_IN_ORDER)
            rows = await work.fetch(_CLAIM, limit, lease, newcomers, STUCK)
        rows.sort(key=lambda row: (row["turn"], row["queued_at"]))
        claims = [load_or_skip(row, _claim) for row in await self._vault.opened(rows)]
        for unread in claims:
            if isinstance(unread, UnreadOrder):
                await self.refuse(unread.order_id, f"this version cannot read its {', '.join(unread.fields)}")
        return [claim for claim in claims if isinstance(claim, Claim)]

    async def give_back(self, *order_ids: str) -> None:
        """These were claimed and could not be started: whoever comes next may try."""
        async with connection(self._pool) as work:
            await work.execute(_GIVE_BACK, list(order_ids))

    async def refuse(self, order_id: str, why: str) -> None:
        """Its saga cannot be started: a person is asked, once, and it is tried again after `PUT_OFF`."""
        async with transaction(self._pool) as work:
            if await work.fetchval(_PUT_OFF, order_id, PUT_OFF):
                await ask_once(work, start_question(order_id, START_REFUSED, _REFUSED.format(why=why)))

    async def leave(self, order_id: str) -> None:
        """Whoever accepted the order will not start it: a starter may at once, and is told."""
        await self._leaving.submit(order_id)

    async def mark_started(self, *order_ids: str) -> None:
        """These orders' sagas run: the starters need not look at them again."""
        if len(order_ids) == 1:
            await self._marking.submit(order_ids[0])
        else:
            await self._mark(order_ids)

    async def decided(self, order_ids: Sequence[str]) -> tuple[datetime, dict[str, datetime]]:
        """The database's time, and those of the orders whose outcome is known with when they were written last."""
        async with connection(self._pool) as reader:
            rows = await reader.fetch(_DECIDED, order_ids)
            return await reader.fetchval("SELECT now()"), {row["order_id"]: row["updated_at"] for row in rows}

    async def backlog(self, *, count_to: int | None = COUNTED) -> Backlog:
        """How much there is to start and to decide; no number is counted further than `count_to` (None: to its end)."""
        async with transaction(self._pool, scoped=False) as reader:
            await reader.execute(_IN_ORDER)
            row = await reader.fetchrow(_BACKLOG, count_to, STUCK, FEW - 1)
        assert row is not None, "a SELECT without FROM has one row"
        return Backlog(row["waiting"], row["under_way"], row["oldest"], frozenset(row["sellers"]))

    async def _leave(self, order_ids: Sequence[str]) -> list[None]:
        async with connection(self._pool) as work:
            await work.execute(_LEAVE, list(order_ids), CHANNEL)
        return [None] * len(order_ids)

    async def _mark(self, order_ids: Sequence[str]) -> list[None]:
        async with connection(self._pool) as work:
            await work.execute(_MARK_STARTED, list(order_ids))
            await work.execute(_WITHDRAW, list(order_ids), START_QUESTIONS)
        return [None] * len(order_ids)


def _claim(row: Row) -> Claim:
    return Claim(load_order(row), row["claimed_at"])

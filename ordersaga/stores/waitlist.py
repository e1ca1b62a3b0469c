"""The line of those who wait: who is next is given what came back, as acceptance would have; others are told in time.

Strictly first come, first served in each line: an order is given what it waits for only when it is first in all its
lines, and an order that needs more than there is keeps those behind it waiting. What is given is all or nothing.

One giver at a time (`_ONLY_GIVER`); locks then as in acceptance: orders, stock, limits, room.
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import asyncpg

from ordersaga.domain.capacity import Line, promised_anew
from ordersaga.domain.journal import JournalEntry
from ordersaga.domain.orders import Order
from ordersaga.domain.statuses import OrderStatus
from ordersaga.stores.holds import Taking, lock_shelves, take_holds
from ordersaga.stores.journal import write_story
from ordersaga.stores.limits import forget_room, lock_limits, read_rules, take_room
from ordersaga.stores.lines import stand_in
from ordersaga.stores.order_rows import dump_parcels, load_order
from ordersaga.stores.pools import Connection, Pool, columns, connection, lock_orders, transaction
from ordersaga.stores.storable import dump_json, storable
from ordersaga.stores.taking_in import Desk, Fitted, Lack, in_words

AT_ONCE: Final = 100

_ONLY_GIVER = "SELECT pg_try_advisory_xact_lock(hashtextextended('waitlist', 1))"
# Hops from line to line, and looks at the first of each for which there may be something. A SKU's line is not looked
# at while nothing of it lies anywhere.
_NEXT = """
WITH RECURSIVE lines(line) AS (
    (SELECT line FROM waiting_lines ORDER BY line LIMIT 1)
    UNION ALL
    SELECT (SELECT line FROM waiting_lines WHERE waiting_lines.line > lines.line ORDER BY line LIMIT 1)
    FROM lines WHERE lines.line IS NOT NULL)
SELECT DISTINCT first.order_id, first.place FROM lines CROSS JOIN LATERAL (
    SELECT order_id, place FROM waiting_lines WHERE waiting_lines.line = lines.line ORDER BY place LIMIT $1) AS first
WHERE lines.line NOT LIKE 'sku:%' OR EXISTS (
    SELECT FROM stock WHERE stock.sku = substr(lines.line, 5) AND on_hand > held)
ORDER BY first.place LIMIT $1
"""
# As many of each line as there are orders to give to, and these themselves wherever they stand.
_QUEUES = """
SELECT line, place, order_id FROM waiting_lines WHERE order_id = ANY($1::text[])
UNION
SELECT lines.line, first.place, first.order_id FROM
    (SELECT DISTINCT line FROM waiting_lines WHERE order_id = ANY($1::text[])) AS lines
CROSS JOIN LATERAL (
    SELECT place, order_id FROM waiting_lines WHERE waiting_lines.line = lines.line ORDER BY place LIMIT $2) AS first
ORDER BY line, place
"""
_WAITING = """
SELECT order_id, request, terms, ship_by FROM orders JOIN waiting_orders USING (order_id)
WHERE order_id = ANY($1::text[]) AND until > $2 ORDER BY place
"""
_GIVE = """
UPDATE orders SET status = 'pending', reason = NULL, parcels = given.parcels::jsonb, ship_by = given.ship_by,
    updated_at = now()
FROM unnest($1::text[], $2::text[], $3::timestamptz[]) AS given(order_id, parcels, ship_by)
WHERE orders.order_id = given.order_id
"""
_END = """
UPDATE orders SET status = $2, outcome = $3, reason = $4, updated_at = now()
WHERE order_id = $1 AND status = 'waitlisted' RETURNING true
"""
_LEAVE = "DELETE FROM waiting_orders WHERE order_id = ANY($1::text[])"
_OVER = "SELECT order_id FROM waiting_orders WHERE until <= now() ORDER BY until LIMIT $1"
_STANDS = """
SELECT waiting_orders.order_id, until, array_agg(line ORDER BY line) AS lines, max((
    SELECT count(*) FROM waiting_lines AS before
    WHERE before.line = waiting_lines.line AND before.place <= waiting_lines.place)) AS place
FROM waiting_orders JOIN waiting_lines USING (order_id)
WHERE waiting_orders.order_id = ANY($1::text[]) GROUP BY 1, 2
"""


@dataclass(frozen=True)
class Stand:
    """Where an order stands: `place` 1 is next, in its longest line; what it waits for, and until when."""

    place: int
    lacking: tuple[str, ...]
    until: datetime


class PostgresWaitlist:
    """Orders that wait for units, or for room to ship them."""

    def __init__(self, pool: Pool, hold_ttl: timedelta) -> None:
        self._pool = pool
        self._hold_ttl = hold_ttl

    async def give(self, *, limit: int = AT_ONCE) -> list[str]:
        """Give those who are next what there is; returns their order ids. They wait for a starter then."""
        async with transaction(self._pool) as work:
            if not await work.fetchval(_ONLY_GIVER):
                return []
            next_ones = [row["order_id"] for row in await work.fetch(_NEXT, limit)]
            return await _Giving(work, self._hold_ttl).give(next_ones) if next_ones else []

    async def end_overdue(self, *, limit: int = AT_ONCE) -> list[str]:
        """Reject orders that waited as long as their shoppers agreed to; returns their ids."""
        async with transaction(self._pool) as work:
            overdue = sorted(row["order_id"] for row in await work.fetch(_OVER, limit))
            await lock_orders(work, overdue)
            ended = [order_id for order_id in overdue if await _overdue(work, order_id)]
            await forget_room(work, (datetime.now(UTC) - timedelta(days=1)).date())
            return ended

    async def cancel(self, order_id: str, *, by: str, reason: str) -> bool:
        """End a waiting order; False when it does not wait (any more)."""
        async with transaction(self._pool) as work:
            await lock_orders(work, [order_id])
            return await _end(work, order_id, OrderStatus.CANCELED, "canceled", reason, f"canceled by {by}: {reason}")

    async def stands(self, order_ids: Iterable[str]) -> Mapping[str, Stand]:
        """Where these orders stand; those that do not wait are left out."""
        async with connection(self._pool) as reader:
            rows = await reader.fetch(_STANDS, list(order_ids))
        return {row["order_id"]: _stand(row) for row in rows}


class _Giving:
    """One transaction: `_queues` are the lines as they stand, each order at most so far back as it may be reached."""

    def __init__(self, work: Connection, hold_ttl: timedelta) -> None:
        self._work = work
        self._hold_ttl = hold_ttl
        self._now = datetime.now(UTC)
        self._queues: defaultdict[Line, deque[str]] = defaultdict(deque)
        self._given: list[Fitted] = []
        self._more: list[tuple[str, Line]] = []

    async def give(self, order_ids: Sequence[str]) -> list[str]:
        await lock_orders(self._work, order_ids)
        lines = await self._read_queues(order_ids)
        orders = [load_order(row) for row in await self._work.fetch(_WAITING, list(order_ids), self._now)]
        if orders:
            desk = await self._desk(orders)
            for order in orders:
                self._look_at(order, lines[order.order_id], desk)
        await self._write()
        return [given.order.order_id for given in self._given]

    async def _read_queues(self, order_ids: Sequence[str]) -> defaultdict[str, set[Line]]:
        lines: defaultdict[str, set[Line]] = defaultdict(set)
        for row in await self._work.fetch(_QUEUES, list(order_ids), len(order_ids)):
            self._queues[row["line"]].append(row["order_id"])
            lines[row["order_id"]].add(row["line"])
        return lines

    async def _desk(self, orders: Sequence[Order]) -> Desk:
        today = self._now.date()
        shelves = await lock_shelves(self._work, orders)
        rules = await read_rules(self._work, orders)
        return Desk(shelves, rules, await lock_limits(self._work, rules, orders, today), today)

    def _look_at(self, order: Order, lines: set[Line], desk: Desk) -> None:
        """Whoever is given something leaves its lines; whoever is not stays first, and nobody passes."""
        order_id = order.order_id
        if not lines or any(self._queues[line][0] != order_id for line in lines):
            return
        found = desk.fit(promised_anew(order, self._now))
        if isinstance(found, Lack):
            self._more.extend((order_id, line) for line in found.lines - lines)
            for line in found.lines - lines:
                self._queues[line].appendleft(order_id)
            return
        for line in lines:
            self._queues[line].popleft()
        self._given.append(found)

    async def _write(self) -> None:
        if self._more:
            await stand_in(self._work, self._more)
        if not self._given:
            return
        ids = [given.order.order_id for given in self._given]
        await self._work.execute(_LEAVE, ids)
        await self._work.execute(_GIVE, *columns(map(_given_row, self._given), 3))
        takings = [Taking(given.order.order_id, 1, given.parcels) for given in self._given]
        await take_holds(self._work, takings, status="held", expires_at=self._now + self._hold_ttl)
        await take_room(self._work, [given.promise for given in self._given if given.promise])
        for given in self._given:
            text = f"got what it waited for; ships by {given.order.ship_by:%d %b %H:%M} UTC"
            await write_story(self._work, given.order.order_id, [_entry("line_left", text, self._now)], ())


async def _overdue(work: Connection, order_id: str) -> bool:
    """Sold out, as the shopper would have been told at once; or rejected, when only the room to ship was missing."""
    found = await work.fetchrow(_STANDS, [order_id])
    if found is None:
        return False
    stand = _stand(found)
    for_units = any(line.startswith("sku:") for line in found["lines"])
    outcome, word = ("sold_out", "sold out") if for_units else ("rejected", "no room to ship")
    reason = f"{word}: {', '.join(stand.lacking)}, waited for until {stand.until:%d %b %H:%M} UTC"
    return await _end(work, order_id, OrderStatus.REJECTED, outcome, reason, reason)


async def _end(work: Connection, order_id: str, status: OrderStatus, outcome: str, reason: str, text: str) -> bool:
    if not await work.fetchval(_END, order_id, status.value, outcome, storable(reason)):
        return False
    await work.execute(_LEAVE, [order_id])
    kind = "refused" if status is OrderStatus.REJECTED else "closed"
    await write_story(work, order_id, [_entry(kind, text, datetime.now(UTC))], ())
    return True


def _given_row(given: Fitted) -> tuple[Any, ...]:
    # as text: a list inside a list would be taken for one array of two dimensions
    return given.order.order_id, dump_json(dump_parcels(given.parcels)), given.order.ship_by


def _entry(kind: str, text: str, at: datetime) -> JournalEntry:
    return JournalEntry(entry_id=f"waitlist-{kind}", at=at, kind=kind, text=text)


def _stand(row: asyncpg.Record) -> Stand:
    return Stand(row["place"], in_words(row["lines"]), row["until"])

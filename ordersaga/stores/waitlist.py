"""The line of those who wait: who is next is given what came back, as acceptance would have; others are told in time.

Strictly first come, first served for each SKU: an order is given what it waits for only when it is first in all its
lines and nobody who came before it waits for anything else it wants; an order that needs more than there is keeps those
behind it waiting. What is given is all or nothing.

One giver at a time (`_ONLY_GIVER`); locks then as in acceptance: orders, stock, limits, room.
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import asyncpg

from ordersaga.domain.capacity import Line, lines_of, promised_anew
from ordersaga.domain.journal import JournalEntry, UnreadOrder
from ordersaga.domain.orders import Order
from ordersaga.domain.routing import LanesNow
from ordersaga.domain.starting import PASSED_OVER, start_question
from ordersaga.domain.statuses import OrderStatus
from ordersaga.domain.stops import StopRule, passed_over
from ordersaga.privacy.key_ring import DataKey
from ordersaga.privacy.sealing import seal_text
from ordersaga.stores.holds import Taking, lock_shelves, take_holds
from ordersaga.stores.journal import ask_once, write_story
from ordersaga.stores.lane_health import LaneHealth
from ordersaga.stores.limits import forget_room, lock_limits, read_rules, take_room
from ordersaga.stores.lines import stand_in
from ordersaga.stores.order_rows import dump_parcels, load_or_skip, load_order
from ordersaga.stores.places import write_reasons
from ordersaga.stores.pools import Connection, Pool, columns, connection, lock_orders, transaction
from ordersaga.stores.stops import StopRules, look_at_all, pass_over
from ordersaga.stores.storable import dump_json, storable
from ordersaga.stores.taking_in import Desk, Fitted, Lack, in_words
from ordersaga.stores.vault import CLEAR, Vault

AT_ONCE: Final = 100
LOOKS: Final = 10
"""So often a step goes on behind those whom it could give nothing."""

_ONLY_GIVER = "SELECT pg_try_advisory_xact_lock(hashtextextended('waitlist', 1))"
# Hops from line to line, and looks at the first of each for which there may be something; at everybody's first before
# anybody's second, so that a long line that nothing can be given to keeps no other from its turn. A SKU's line is not
# looked at while nothing of it lies anywhere, nor is one whose first was found to be waiting for more ($2).
_NEXT = """
WITH RECURSIVE lines(line) AS (
    (SELECT line FROM waiting_lines ORDER BY line LIMIT 1)
    UNION ALL
    SELECT (SELECT line FROM waiting_lines WHERE waiting_lines.line > lines.line ORDER BY line LIMIT 1)
    FROM lines WHERE lines.line IS NOT NULL)
SELECT first.order_id, min(first.place) AS place FROM lines CROSS JOIN LATERAL (
    SELECT order_id, place, row_number() OVER (ORDER BY place) AS turn FROM waiting_lines
    WHERE waiting_lines.line = lines.line AND NOT stopped
    ORDER BY place LIMIT $1) AS first
WHERE lines.line <> ALL($2::text[]) AND (lines.line NOT LIKE 'sku:%' OR EXISTS (
    SELECT FROM stock WHERE stock.sku = substr(lines.line, 5) AND on_hand > held))
GROUP BY first.order_id ORDER BY min(first.turn), min(first.place) LIMIT $1
"""
# As many of each line as there are orders to give to, and these themselves wherever they stand.
_QUEUES = """
SELECT line, place, order_id FROM waiting_lines WHERE order_id = ANY($1::text[]) AND NOT stopped
UNION
SELECT lines.line, first.place, first.order_id FROM
    (SELECT DISTINCT line FROM waiting_lines WHERE order_id = ANY($1::text[])) AS lines
CROSS JOIN LATERAL (
    SELECT place, order_id FROM waiting_lines WHERE waiting_lines.line = lines.line AND NOT stopped
    ORDER BY place LIMIT $2) AS first
ORDER BY line, place
"""
# Who stands first in lines, whether anybody looks at them now or not.
_FIRST = """
SELECT wanted.line, first.place FROM unnest($1::text[]) AS wanted(line) CROSS JOIN LATERAL (
    SELECT place FROM waiting_lines WHERE waiting_lines.line = wanted.line AND NOT stopped
    ORDER BY place LIMIT 1) AS first
"""
_WAITING = """
SELECT order_id, seller, currency, total, request, terms, ship_by, accepted_at, place
FROM orders JOIN waiting_orders USING (order_id)
WHERE order_id = ANY($1::text[]) AND until > $2 ORDER BY place
"""
_GIVE = """
UPDATE orders SET status = 'pending', reason = NULL, parcels = given.parcels::jsonb, ship_by = given.ship_by,
    updated_at = now(), queued_at = now()
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


_UNREAD: Final = (
    "The order waits in line, and this version cannot read its {fields}: those behind it get what comes back. It keeps "
    "its place, and is looked at again when a relay starts, and every hour: run a version that can read it."
)


@dataclass(frozen=True)
class Stand:
    """Where an order stands: `place` 1 is next, in its longest line; what it waits for, and until when."""

    place: int
    lacking: tuple[str, ...]
    until: datetime


class PostgresWaitlist:
    """Orders that wait for units, or for room to ship them."""

    def __init__(
        self,
        pool: Pool,
        hold_ttl: timedelta,
        stops: StopRules | None = None,
        vault: Vault = CLEAR,
        health: LaneHealth | None = None,
    ) -> None:
        self._pool = pool
        self._health = health or LaneHealth()
        self._vault = vault
        self._hold_ttl = hold_ttl
        self._stops = stops or StopRules(pool)
        self._stuck: set[Line] = set()

    async def give(self, *, limit: int = AT_ONCE) -> list[str]:
        """Give those who are next what there is; returns their order ids. They wait for a starter then.

        Looks at `limit` orders in one transaction, and goes on behind those that can be given nothing, `LOOKS` times at
        most; the next call goes on from there until everybody's first was looked at.
        """
        given: list[str] = []
        for _ in range(LOOKS):
            looked, found = await self._give(limit)
            given += found
            if not looked:
                self._stuck.clear()
                break
        return given

    async def _give(self, limit: int) -> tuple[bool, list[str]]:
        """Whether there was anybody to look at, and who was given something."""
        async with transaction(self._pool) as work:
            if not await work.fetchval(_ONLY_GIVER):
                return False, []
            next_ones = [row["order_id"] for row in await work.fetch(_NEXT, limit, sorted(self._stuck))]
            if not next_ones:
                return False, []
            standing, lanes = await self._stops.standing(work), await self._health.now(work)
            giving = _Giving(work, self._hold_ttl, standing, lanes, self._vault)
            found = await giving.give(next_ones)
        self._stuck |= giving.stuck
        return True, found

    async def look_again(self) -> None:
        """Look at those as well who were passed over: this version may read what another could not."""
        async with connection(self._pool) as work:
            await look_at_all(work)

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
        key = await self._vault.key(order_id)
        async with transaction(self._pool, scoped=False) as work:
            await lock_orders(work, [order_id])
            said = f"canceled by {by}: {reason}"
            return await _end(work, order_id, OrderStatus.CANCELED, "canceled", reason, said, key)

    async def stands(self, order_ids: Iterable[str]) -> Mapping[str, Stand]:
        """Where these orders stand; those that do not wait are left out."""
        async with connection(self._pool, scoped=False) as reader:
            rows = await reader.fetch(_STANDS, list(order_ids))
        return {row["order_id"]: _stand(row) for row in rows}


class _Giving:
    """One transaction: `_queues` are the lines as they stand, each order at most so far back as it may be reached."""

    def __init__(
        self, work: Connection, hold_ttl: timedelta, stops: Sequence[StopRule], lanes: LanesNow, vault: Vault
    ) -> None:
        self._work, self._lanes = work, lanes
        self._vault = vault
        self._hold_ttl = hold_ttl
        self._stops = stops
        self._passed: list[str] = []
        self._now = datetime.now(UTC)
        self._queues: defaultdict[Line, deque[str]] = defaultdict(deque)
        self._places: dict[str, int] = {}
        self._first: dict[Line, int] = {}
        self._given: list[Fitted] = []
        self.stuck: set[Line] = set()
        """Lines whose first was looked at and given nothing."""
        self._more: list[tuple[str, Line]] = []

    async def give(self, order_ids: Sequence[str]) -> list[str]:
        await lock_orders(self._work, order_ids)
        lines = await self._read_queues(order_ids)
        orders = await self._read(order_ids, lines)
        if orders:
            desk = await self._desk(orders)
            self._first = await self._read_first(orders)
            for order in orders:
                self._look_at(order, lines[order.order_id], desk)
        await self._write()
        self.stuck = {line for line, queue in self._queues.items() if queue and queue[0] in order_ids}
        return [given.order.order_id for given in self._given]

    async def _read(self, order_ids: Sequence[str], lines: Mapping[str, set[Line]]) -> list[Order]:
        """The orders; one that cannot be read keeps nobody behind it waiting."""
        rows = await self._vault.opened(await self._work.fetch(_WAITING, list(order_ids), self._now))
        self._places = {row["order_id"]: row["place"] for row in rows}
        found = [load_or_skip(row, load_order) for row in rows]
        for unread in found:
            if isinstance(unread, UnreadOrder):
                self._pass_over(unread.order_id, lines[unread.order_id])
                question = _UNREAD.format(fields=", ".join(unread.fields))
                await ask_once(self._work, start_question(unread.order_id, PASSED_OVER, question))
        return [order for order in found if isinstance(order, Order)]

    def _pass_over(self, order_id: str, lines: set[Line]) -> None:
        self._passed.append(order_id)
        for line in lines:
            self._queues[line].remove(order_id)

    async def _read_queues(self, order_ids: Sequence[str]) -> defaultdict[str, set[Line]]:
        lines: defaultdict[str, set[Line]] = defaultdict(set)
        for row in await self._work.fetch(_QUEUES, list(order_ids), len(order_ids)):
            self._queues[row["line"]].append(row["order_id"])
            lines[row["order_id"]].add(row["line"])
        return lines

    async def _read_first(self, orders: Sequence[Order]) -> dict[Line, int]:
        wanted = sorted({line for order in orders for line in lines_of(order)})
        return {row["line"]: row["place"] for row in await self._work.fetch(_FIRST, wanted)}

    async def _desk(self, orders: Sequence[Order]) -> Desk:
        today = self._now.date()
        shelves = await lock_shelves(self._work, orders, self._lanes)
        rules = await read_rules(self._work, orders)
        limits = await lock_limits(self._work, rules, orders, today, await self._vault.marks(orders))
        return Desk(shelves, rules, limits, today, self._stops)

    def _look_at(self, order: Order, lines: set[Line], desk: Desk) -> None:
        """Whoever is given something leaves its lines; whoever is not stays first, and nobody passes."""
        order_id = order.order_id
        if passed_over(self._stops, order, self._now):
            self._pass_over(order_id, lines)
            return
        if not lines or any(self._queues[line][0] != order_id for line in lines):
            return
        behind = self._behind(order) - lines
        found = desk.fit(promised_anew(order, self._now)) if not behind else Lack(frozenset(behind))
        if isinstance(found, Lack):
            self._stand_in(order_id, found.lines - lines)
            return
        for line in lines:
            self._queues[line].popleft()
        self._given.append(found)

    def _behind(self, order: Order) -> set[Line]:
        """Lines of what the order wants in which somebody stands who came before it."""
        place = self._places[order.order_id]
        return {line for line in lines_of(order) if self._first.get(line, place) < place}

    def _stand_in(self, order_id: str, lines: Iterable[Line]) -> None:
        place = self._places[order_id]
        for line in lines:
            self._more.append((order_id, line))
            self._queues[line].appendleft(order_id)
            self._first[line] = min(place, self._first.get(line, place))

    async def _write(self) -> None:
        if self._more:
            await stand_in(self._work, self._more)
        if self._passed:
            await pass_over(self._work, self._passed)
        if not self._given:
            return
        ids = [given.order.order_id for given in self._given]
        await self._work.execute(_LEAVE, ids)
        await self._work.execute(_GIVE, *columns(map(_given_row, self._given), 3))
        await write_reasons(self._work, [(given.order.order_id, given.why) for given in self._given if given.why])
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


async def _end(
    work: Connection,
    order_id: str,
    status: OrderStatus,
    outcome: str,
    reason: str,
    text: str,
    key: DataKey | None = None,
) -> bool:
    if not await work.fetchval(_END, order_id, status.value, outcome, seal_text(key, storable(reason))):
        return False
    await work.execute(_LEAVE, [order_id])
    kind = "refused" if status is OrderStatus.REJECTED else "closed"
    await write_story(work, order_id, [_entry(kind, text, datetime.now(UTC))], (), key)
    return True


def _given_row(given: Fitted) -> tuple[Any, ...]:
    # as text: a list inside a list would be taken for one array of two dimensions
    return given.order.order_id, dump_json(dump_parcels(given.parcels)), given.order.ship_by


def _entry(kind: str, text: str, at: datetime) -> JournalEntry:
    return JournalEntry(entry_id=f"waitlist-{kind}", at=at, kind=kind, text=text)


def _stand(row: asyncpg.Record) -> Stand:
    return Stand(row["place"], in_words(row["lines"]), row["until"])

"""What a recovery writes and reads: its own record, orders that PostgreSQL forgot, messages to be told again."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from ordersaga.domain.errors import OperatorError
from ordersaga.domain.orders import Order, ParcelPlan
from ordersaga.domain.recovering import Recovery
from ordersaga.domain.returns import ReturnCase, ReturnStatus
from ordersaga.domain.statuses import FINAL_STATUSES, OrderStatus
from ordersaga.stores.holds import Taking, lock_stock, take_holds
from ordersaga.stores.message_record import bring_back
from ordersaga.stores.order_rows import dump_parcels
from ordersaga.stores.pools import Connection, Pool, connection, transaction
from ordersaga.stores.stock import PostgresStock
from ordersaga.stores.storable import storable

# Any fixed number: two recoveries at once would write the same orders.
_LOCK: Final = 7_305_041_902
_REMEMBERED: Final = """
SELECT greatest(
    (SELECT max(updated_at) FROM orders), (SELECT max(intended_at) FROM effects), (SELECT max(settled_at) FROM effects),
    (SELECT max(moved_at) FROM unit_movements), (SELECT max(posted_at) FROM money_transactions),
    (SELECT max(received_at) FROM webhook_inbox), (SELECT max(received_at) FROM webhook_record),
    (SELECT max(moved_at) FROM poll_cursors), 'epoch'::timestamptz)
"""
_OPEN: Final = "SELECT recovery_id, remembered, began_at, report FROM recoveries WHERE ended_at IS NULL"
_FOUND: Final = """
UPDATE recoveries SET report = jsonb_set(
    coalesce(report, '{}'), ARRAY[$2::text], coalesce(report->$2::text, '{}') || $3::jsonb)
WHERE recovery_id = $1 AND ended_at IS NULL
"""
_BEGIN: Final = "INSERT INTO recoveries (recovery_id, remembered) VALUES ($1, $2)"
_END: Final = "UPDATE recoveries SET ended_at = clock_timestamp(), report = $2 WHERE recovery_id = $1"
_AT_WORK: Final = """
SELECT DISTINCT application_name FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'ordersaga-worker'
"""
_TAKEN: Final = "SELECT EXISTS (SELECT FROM holds WHERE order_id = $1)"
_ENDED: Final = "SELECT EXISTS (SELECT FROM hold_endings WHERE order_id = $1)"
_STAND: Final = """
UPDATE orders SET started_at = least(started_at, $2), exchange_of = coalesce(exchange_of, $3) WHERE order_id = $1
"""
_PARCELS: Final = "UPDATE orders SET parcels = $2 WHERE order_id = $1"
_RETURN: Final = """
INSERT INTO returns (order_id, number, parcel, "case", status) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING
"""
_OPEN_ORDERS: Final = """
SELECT order_id FROM orders
WHERE status <> ALL($1::text[]) AND started_at IS NOT NULL AND order_id > $2
  AND NOT (status = 'returning' AND EXISTS (SELECT FROM returns WHERE returns.order_id = orders.order_id))
ORDER BY order_id LIMIT $3
"""
_ENTRIES: Final = "SELECT entry_id FROM journal WHERE order_id = $1"
_EFFECTS: Final = "SELECT step, parcel, generation, status FROM effects WHERE order_id = $1"
_ANSWERED: Final = """
SELECT item_id, kind, parcel, resolved, resolved_by, resolved_at, resolved = ANY(guarded) AS moved_money
FROM attention WHERE order_id = $1 AND resolved IS NOT NULL ORDER BY opened_at
"""
_TELL_AGAIN: Final = """
UPDATE webhook_inbox SET status = 'pending', attempts = 0, next_attempt_at = clock_timestamp(), delivered_at = NULL
WHERE order_id = $1 AND status IN ('delivered', 'ignored') AND delivered_at > $2
"""
_LATER: Final = """
SELECT (SELECT count(*) FROM webhook_inbox
        WHERE order_id = $1 AND status IN ('delivered', 'ignored') AND delivered_at > $2)
     + (SELECT count(*) FROM webhook_record WHERE order_id = $1 AND delivered_at > $2)
"""
_RETURNS: Final = """
SELECT order_id, number, inspection IS NOT NULL AS inspected FROM returns
WHERE started_at IS NOT NULL AND status <> ALL($1::text[]) ORDER BY order_id, number
"""
_STOPS: Final = "SELECT stop_id FROM stops WHERE started_at IS NOT NULL AND ended_at IS NULL ORDER BY stop_id"
_STOP_AGAIN: Final = "UPDATE stops SET started_at = NULL WHERE stop_id = $1"
_RETURN_AGAIN: Final = "UPDATE returns SET started_at = NULL WHERE order_id = $1 AND number = $2"
_UNMINDED: Final = (*FINAL_STATUSES, OrderStatus.WAITLISTED)
"""No saga of the order's own runs then."""


@dataclass(frozen=True)
class Begun:
    """A recovery under way. `remembered`: what PostgreSQL knew of when it began.

    `behind`: until when each saga knew its order when it was found behind; it may have gone on since. `lost`: how many
    calls of each order were lost then. `failed`: why one could not be told again.
    """

    recovery_id: str
    remembered: datetime
    began_at: datetime
    behind: Mapping[str, datetime]
    lost: Mapping[str, int] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class MadeEffect:
    """A call of an order's, as far as a recovery minds it."""

    step: str
    parcel: int
    generation: int
    status: str


@dataclass(frozen=True)
class Answered:
    """A question that was answered. `moved_money`: by a choice that may take two people."""

    item_id: str
    kind: str
    parcel: int
    resolved: str
    resolved_by: str | None
    resolved_at: datetime | None
    moved_money: bool


class ToldStock(PostgresStock):
    """Stock that routes nothing: it holds what an order's saga was told, `told` by order."""

    told: dict[str, Sequence[ParcelPlan]]

    async def _take(self, work: Connection, order: Order) -> tuple[ParcelPlan, ...] | None:
        parcels = tuple(self.told[order.order_id])
        if not parcels or await _was_held(work, order.order_id):
            return parcels or None
        taking = Taking(order.order_id, 1, parcels)
        await lock_stock(work, taking.rows())
        await take_holds(work, [taking], status="confirmed")
        await work.execute(_PARCELS, order.order_id, dump_parcels(parcels))
        return parcels


class PostgresRecovery:
    """PostgreSQL's side of a recovery. Every method may be repeated."""

    def __init__(self, pool: Pool, stock: ToldStock) -> None:
        self._pool = pool
        self._stock = stock
        stock.told = {}

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """Until the block ends nobody else recovers this database.

        Raises OperatorError `recovering_elsewhere`, and `workers_at_work` while workers could change what is compared.
        """
        async with connection(self._pool) as held:
            if not await held.fetchval("SELECT pg_try_advisory_lock($1)", _LOCK):
                raise OperatorError("recovering_elsewhere", "another recovery is at work on this database")
            try:
                if await held.fetchval(_AT_WORK):
                    raise OperatorError("workers_at_work", "workers are at work on this database: stop them first")
                yield
            finally:
                await held.execute("SELECT pg_advisory_unlock($1)", _LOCK)

    async def remembered(self) -> datetime:
        """The latest moment that PostgreSQL knows anything of."""
        async with connection(self._pool) as reader:
            moment: datetime = await reader.fetchval(_REMEMBERED)
            return moment

    async def begun(self) -> Begun | None:
        """The recovery that was begun and has not ended."""
        async with connection(self._pool) as reader:
            row = await reader.fetchrow(_OPEN)
        if row is None:
            return None
        found = row["report"] or {}
        behind = {order_id: datetime.fromisoformat(at) for order_id, at in found.get("behind", {}).items()}
        known = found.get("lost", {}), found.get("failed", {})
        return Begun(row["recovery_id"], row["remembered"], row["began_at"], behind, *known)

    async def found_behind(self, recovery_id: str, behind: Mapping[str, datetime]) -> None:
        """Keep until when each of these sagas knew its order, for a recovery that is broken off and goes on."""
        await self._found(recovery_id, "behind", {order_id: at.isoformat() for order_id, at in behind.items()})

    async def found_lost(self, recovery_id: str, lost: Mapping[str, int]) -> None:
        """Keep how many calls of each of these orders were lost: once they are told again, nobody can tell."""
        await self._found(recovery_id, "lost", lost)

    async def found_failed(self, recovery_id: str, subject: str, why: str) -> None:
        """Keep why a call could not be told again: what came after it may be, and hide it."""
        await self._found(recovery_id, "failed", {subject: why})

    async def _found(self, recovery_id: str, what: str, found: Mapping[str, str | int]) -> None:
        async with connection(self._pool) as work:
            await work.execute(_FOUND, recovery_id, what, dict(found))

    async def begin(self, recovery_id: str, remembered: datetime) -> None:
        """Close the doors: from now on nobody else accepts an order, and nobody is just accepting one.

        `remembered`: what PostgreSQL knows of.
        """
        async with connection(self._pool) as work:
            await work.execute(_BEGIN, recovery_id, remembered)
        async with transaction(self._pool) as work:
            await work.execute("LOCK TABLE orders IN SHARE MODE")

    async def end(self, report: Recovery) -> None:
        """Keep what was done, and open the doors."""
        async with connection(self._pool) as work:
            await work.execute(_END, report.recovery_id, report.model_dump(mode="json"))

    async def stand(self, order: Order, parcels: Sequence[ParcelPlan], started_at: datetime) -> None:
        """Write an order that was forgotten, and hold exactly the units its saga was told of. One that stands is kept.

        Its acceptance is of now, as its chain says; its request says when it was placed.
        Raises OperatorError `integrity_violation` when those units are promised to others, or not here any more.
        """
        self._stock.told[order.order_id] = parcels
        await self._stock.confirm_hold(order)
        del self._stock.told[order.order_id]
        async with connection(self._pool) as work:
            await work.execute(_STAND, order.order_id, started_at, order.exchange_of)

    async def stand_return(self, case: ReturnCase) -> None:
        """Write a return that was forgotten; one that stands is kept."""
        row = (case.order_id, case.number, case.plan.parcel, storable(case.model_dump(mode="json")))
        async with connection(self._pool) as work:
            await work.execute(_RETURN, *row, ReturnStatus.REQUESTED.value)

    async def open_orders(self, after: str = "", limit: int = 500) -> list[str]:
        """Orders whose saga was started and has not ended, by id, behind `after`."""
        async with connection(self._pool) as reader:
            rows = await reader.fetch(_OPEN_ORDERS, [status.value for status in _UNMINDED], after, limit)
            return [row["order_id"] for row in rows]

    async def entries(self, order_id: str) -> frozenset[str]:
        """The ids of all entries of the order's story."""
        async with connection(self._pool) as reader:
            return frozenset(row["entry_id"] for row in await reader.fetch(_ENTRIES, order_id))

    async def effects(self, order_id: str) -> list[MadeEffect]:
        """Every call made for the order."""
        async with connection(self._pool) as reader:
            return [MadeEffect(**dict(row)) for row in await reader.fetch(_EFFECTS, order_id)]

    async def answered(self, order_id: str) -> list[Answered]:
        """The order's questions that were answered."""
        async with connection(self._pool) as reader:
            return [Answered(**dict(row)) for row in await reader.fetch(_ANSWERED, order_id)]

    async def untold(self, order_id: str, since: datetime) -> int:
        """How many messages the order was handed after `since`."""
        async with connection(self._pool) as reader:
            count: int = await reader.fetchval(_LATER, order_id, since)
            return count

    async def tell_again(self, order_id: str, since: datetime) -> None:
        """Have the relay hand the order again what it was handed after `since`."""
        async with transaction(self._pool) as work:
            await bring_back(work, order_id, since)
            await work.execute(_TELL_AGAIN, order_id, since)

    async def open_returns(self, final: Sequence[str]) -> list[tuple[str, int, bool]]:
        """Started returns in none of the `final` statuses: order, number, whether its goods were inspected."""
        async with connection(self._pool) as reader:
            return [tuple(row) for row in await reader.fetch(_RETURNS, list(final))]

    async def start_return_again(self, order_id: str, number: int) -> None:
        """Have the relay start its workflow anew."""
        async with connection(self._pool) as work:
            await work.execute(_RETURN_AGAIN, order_id, number)

    async def standing_stops(self) -> list[str]:
        """Stops whose workflow was started and that have not ended."""
        async with connection(self._pool) as reader:
            return [row["stop_id"] for row in await reader.fetch(_STOPS)]

    async def start_stop_again(self, stop_id: str) -> None:
        """Have a worker start its workflow anew."""
        async with connection(self._pool) as work:
            await work.execute(_STOP_AGAIN, stop_id)


async def _was_held(work: Connection, order_id: str) -> bool:
    return bool(await work.fetchval(_TAKEN, order_id) or await work.fetchval(_ENDED, order_id))

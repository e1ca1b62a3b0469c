"""The breakers of lanes: one row each, heard by every process through NOTIFY `lanes`. The database's clock decides."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

import structlog

from ordersaga.domain.breakers import (
    BY_ITSELF,
    PROBE_LEASE,
    WINDOW,
    Breaker,
    BreakerState,
    forced,
    left_alone,
    opened,
    probed,
    too_many_failed,
)
from ordersaga.domain.journal import JournalEntry, TimelineEntry
from ordersaga.domain.lanes import lane_story
from ordersaga.stores.journal import PostgresJournal, write_story
from ordersaga.stores.lanes import CHANNEL
from ordersaga.stores.pools import Connection, Pool, connection, transaction
from ordersaga.stores.storable import storable

log = structlog.get_logger(__name__)

_COLUMNS: Final = "lane, state, since, reason, by, openings, good, next_probe, forced_until"
# Half-open is no state of its own: time alone makes it of an open one.
_READ = f"""
SELECT {_COLUMNS}, greatest(next_probe - clock_timestamp(), '0') AS wait, next_probe <= clock_timestamp() AS half_open
FROM lane_breakers ORDER BY lane
"""  # noqa: S608 - only column names are put in
_LOCK = f"SELECT {_COLUMNS}, probe FROM lane_breakers WHERE lane = $1 FOR UPDATE"  # noqa: S608 - the same
_NEW = """
INSERT INTO lane_breakers (lane, state, since, reason, by) VALUES ($1, 'closed', clock_timestamp(), 'new', $2)
ON CONFLICT DO NOTHING
"""
_WRITE = """
UPDATE lane_breakers SET state = $2, since = $3, reason = $4, by = $5, openings = $6, good = $7, next_probe = $8,
    forced_until = $9, probe = NULL, probe_until = NULL
WHERE lane = $1
"""
_NOW = "SELECT clock_timestamp()"
_NOTIFY = "SELECT pg_notify($1, $2)"
_COUNT = """
INSERT INTO lane_calls (lane, process, calls, failed, told_at) VALUES ($1, $2, $3, $4, clock_timestamp())
ON CONFLICT (lane, process) DO UPDATE SET calls = excluded.calls, failed = excluded.failed, told_at = excluded.told_at
"""
_COUNTED = """
SELECT coalesce(sum(calls), 0)::int AS calls, coalesce(sum(failed), 0)::int AS failed FROM lane_calls
WHERE lane = $1 AND told_at > clock_timestamp() - $2::interval
"""
_FORGET = "DELETE FROM lane_calls WHERE lane = $1"
_TAKE_PROBE = """
UPDATE lane_breakers SET probe = $2, probe_until = clock_timestamp() + $3::interval
WHERE lane = $1 AND state = 'open' AND next_probe <= clock_timestamp()
  AND (probe IS NULL OR probe_until <= clock_timestamp())
RETURNING probe
"""
_DROP_PROBE = "UPDATE lane_breakers SET probe = NULL, probe_until = NULL WHERE lane = $1 AND probe = $2"

Change = Callable[[Breaker, datetime], Breaker]


class PostgresBreakers:
    """BreakerStore port over PostgreSQL."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def breakers(self) -> Sequence[Breaker]:
        """Every breaker that ever opened or was set, by lane."""
        async with connection(self._pool, scoped=False) as reader:
            return [_read(dict(row)) for row in await reader.fetch(_READ)]

    async def count(self, lane: str, process: UUID, calls: int, failed: int, reason: str) -> bool:
        """Tell what one process counted; True when that opened the breaker. `reason`: how its last call failed."""
        async with connection(self._pool) as work:
            await work.execute(_COUNT, lane, process, calls, failed)
            row = await work.fetchrow(_COUNTED, lane, WINDOW)
        assert row is not None, "a sum always has a row"
        if not too_many_failed(row["calls"], row["failed"]):
            return False
        why = f"{row['failed']} of {row['calls']} calls failed within a minute, at last: {reason}"[:300]
        changed = await self._change(lane, lambda standing, now: opened(standing, now, why))
        return changed is not None

    async def take_probe(self, lane: str) -> UUID | None:
        """The right to make the one call that passes now; None while another has it, or none may pass."""
        async with connection(self._pool) as work:
            taken: UUID | None = await work.fetchval(_TAKE_PROBE, lane, uuid4(), PROBE_LEASE)
            return taken

    async def end_probe(self, lane: str, probe: UUID, failure: str | None) -> None:
        """What the probe came to: None for an answer. One whose lease has passed on to another says nothing."""
        why = failure[:300] if failure else None
        await self._change(lane, lambda standing, now: probed(standing, now, why), probe)

    async def drop_probe(self, lane: str, probe: UUID) -> None:
        """It said nothing: the next call is the probe."""
        async with connection(self._pool) as work:
            await work.execute(_DROP_PROBE, lane, probe)

    async def force(self, lane: str, state: BreakerState, wait: timedelta, reason: str, by: str) -> None:
        """Keep it open or closed for `wait`; who did it and why is in the lane's story."""
        await self._change(
            lane, lambda standing, now: forced(standing, state, now, now + wait, reason, by), told=_forced
        )

    async def leave_alone(self, lane: str, reason: str, by: str) -> bool:
        """End what a person set; False when nobody did. Who did it and why is in the lane's story."""
        changed = await self._change(
            lane,
            lambda standing, now: left_alone(standing, now, reason, by) if standing.forced(now) else standing,
            told=_left_alone,
        )
        return changed is not None

    async def history(self, lane: str) -> Sequence[TimelineEntry]:
        """What people did with its breaker, oldest first."""
        return await PostgresJournal(self._pool).timeline(lane_story(lane))

    async def _change(
        self, lane: str, change: Change, probe: UUID | None = None, told: Callable[[Breaker], str] | None = None
    ) -> Breaker | None:
        """One change at a time; None when there was none. `probe`: only by whoever holds it.

        `told`: what is written of it into the lane's story, which the audit trail chains.
        """
        async with transaction(self._pool) as work:
            await work.execute(_NEW, lane, BY_ITSELF)
            row = await work.fetchrow(_LOCK, lane)
            assert row is not None, "it was written above"
            if probe is not None and row["probe"] != probe:
                return None
            standing, now = _read(dict(row)), await work.fetchval(_NOW)
            changed = change(standing, now)
            if changed == standing:
                return None
            await _write(work, changed)
            if told is not None:
                entry = JournalEntry(
                    entry_id=f"breaker-{now.timestamp():.6f}", at=now, kind="breaker_set", text=told(changed)
                )
                await write_story(work, lane_story(lane), [entry], ())
        if changed.state is not standing.state:
            log.warning("breaker_changed", lane=lane, state=changed.state, reason=changed.reason, by=changed.by)
        return changed


def _forced(breaker: Breaker) -> str:
    until = f"{breaker.forced_until:%Y-%m-%d %H:%M} UTC"
    return f"{breaker.by} set the breaker {breaker.state} until {until}: {breaker.reason}"


def _left_alone(breaker: Breaker) -> str:
    return f"{breaker.by} left the breaker to itself: {breaker.reason}"


async def _write(work: Connection, changed: Breaker) -> None:
    row = changed.model_dump(include=set(_COLUMNS.split(", ")))
    row["reason"], row["state"] = storable(changed.reason), changed.state.value
    await work.execute(_WRITE, *(row[name] for name in _COLUMNS.split(", ")))
    if changed.state is BreakerState.CLOSED:
        await work.execute(_FORGET, changed.lane)
    await work.execute(_NOTIFY, CHANNEL, changed.lane)


def _read(row: dict[str, Any]) -> Breaker:
    if row.pop("half_open", None):
        row["state"] = BreakerState.HALF_OPEN
    return Breaker.model_validate(row)

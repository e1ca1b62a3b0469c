"""What stands open, counted over indexes that hold nothing but what is open."""

from collections.abc import Sequence

import asyncpg

from ordersaga.domain.live import Slack
from ordersaga.domain.standing import OpenEffects, ToShip, Undelivered
from ordersaga.stores.pools import Pool, connection

# By the index over the status: orders that have shipped, or have ended, are not read.
_TO_SHIP = """
SELECT seller, status, currency, count(*) AS orders,
    coalesce(sum(total) FILTER (WHERE ship_by <= now()), 0)::bigint AS late,
    count(*) FILTER (WHERE ship_by <= now()) AS overdue,
    count(*) FILTER (WHERE ship_by > now() AND ship_by <= now() + interval '1 hour') AS within_1h,
    count(*) FILTER (WHERE ship_by > now() + interval '1 hour' AND ship_by <= now() + interval '4 hours') AS within_4h,
    count(*) FILTER (WHERE ship_by > now() + interval '4 hours' AND ship_by <= now() + interval '1 day') AS within_1d,
    count(*) FILTER (WHERE ship_by > now() + interval '1 day') AS later
FROM orders WHERE status IN ('pending', 'action_required', 'confirmed', 'on_hold', 'fulfilling', 'partially_shipped',
    'needs_attention')
GROUP BY 1, 2, 3
"""
_EFFECTS = """
SELECT split_part(step, ':', 1) AS step, status, coalesce(currency, '') AS currency, count(*) AS effects,
    min(intended_at) AS oldest_at, coalesce(sum(amount), 0)::bigint AS money
FROM effects WHERE status IN ('intended', 'unknown') GROUP BY 1, 2, 3
"""
_UNDELIVERED = """
SELECT count(*) AS notifications, min(queued_at) AS oldest_at FROM notifications WHERE status = 'pending'
"""


class StandingCounts:
    """Counts for machines that watch."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def to_ship(self) -> Sequence[ToShip]:
        """Orders that have not shipped, by seller, status and currency."""
        async with connection(self._pool) as reader:
            return [_to_ship(row) for row in await reader.fetch(_TO_SHIP)]

    async def open_effects(self) -> Sequence[OpenEffects]:
        """Effects under way, or without a known outcome, by step, status and currency."""
        async with connection(self._pool) as reader:
            return [OpenEffects(**dict(row)) for row in await reader.fetch(_EFFECTS)]

    async def undelivered(self) -> Undelivered:
        """Notifications that wait."""
        async with connection(self._pool) as reader:
            row = await reader.fetchrow(_UNDELIVERED)
        return Undelivered(**dict(row)) if row else Undelivered()


def _to_ship(row: asyncpg.Record) -> ToShip:
    slack = Slack(**{name: row[name] for name in Slack.model_fields})
    return ToShip(**{name: row[name] for name in ToShip.model_fields if name != "slack"}, slack=slack)

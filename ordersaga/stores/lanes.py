"""The pauses of lanes: one row each, heard by every process through NOTIFY `lanes`. The database's clock decides."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from ordersaga.domain.lanes import LanePause
from ordersaga.stores.pools import Pool, connection

CHANNEL: Final = "lanes"
_IN_FORCE = """
SELECT lane, paused_at, paused_until, reason, by, greatest(paused_until - clock_timestamp(), '0') AS remaining
FROM lane_pauses WHERE paused_until > clock_timestamp() ORDER BY lane
"""
# A pause that goes on keeps its beginning. One that is over, or ends sooner, is replaced.
_PAUSE = """
WITH paused AS (
    INSERT INTO lane_pauses AS standing (lane, paused_at, paused_until, reason, by)
    VALUES ($1, clock_timestamp(), clock_timestamp() + $2::interval, $3, $4)
    ON CONFLICT (lane) DO UPDATE SET
        paused_at = CASE WHEN standing.paused_until > excluded.paused_at THEN standing.paused_at
                    ELSE excluded.paused_at END,
        paused_until = excluded.paused_until, reason = excluded.reason, by = excluded.by,
        resumed_by = NULL, resumed_why = NULL
    WHERE standing.paused_until < excluded.paused_until
    RETURNING lane
)
SELECT count(pg_notify($5, lane)) FROM paused
"""
_RESUME = """
WITH resumed AS (
    UPDATE lane_pauses SET paused_until = greatest(paused_at, clock_timestamp()), resumed_by = $2, resumed_why = $3
    WHERE lane = $1 AND paused_until > clock_timestamp() RETURNING lane
)
SELECT count(pg_notify($4, lane)) FROM resumed
"""


class PostgresLanes:
    """LanePauses port over PostgreSQL."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def pauses(self) -> Sequence[LanePause]:
        """Those in force now, by lane."""
        async with connection(self._pool, scoped=False) as reader:
            rows = await reader.fetch(_IN_FORCE)
        return [LanePause.model_validate(dict(row)) for row in rows]

    async def pause(self, lane: str, wait: timedelta, reason: str, by: str) -> bool:
        """Hand nothing out for `wait`; False when it is paused for longer already."""
        async with connection(self._pool) as work:
            return bool(await work.fetchval(_PAUSE, lane, wait, reason, by, CHANNEL))

    async def resume(self, lane: str, reason: str, by: str) -> bool:
        """End a pause; False when there is none."""
        async with connection(self._pool) as work:
            return bool(await work.fetchval(_RESUME, lane, by, reason, CHANNEL))

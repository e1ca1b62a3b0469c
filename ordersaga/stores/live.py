"""What comes in and what waits, counted seller by seller over indexes that others need anyway."""

from collections.abc import Mapping
from typing import Final

from ordersaga.domain.live import LATELY, SellerNow, Slack
from ordersaga.stores.pools import connection
from ordersaga.stores.standing import StandingCounts

# The first part reads the newest orders only, the second the queue of starts only: both by an index.
_NOW: Final = """
WITH lately AS (
    SELECT seller, count(*) AS arrived,
        count(*) FILTER (WHERE outcome = 'sold_out') AS sold_out,
        count(*) FILTER (WHERE status = 'waitlisted') AS in_line,
        count(*) FILTER (WHERE status = 'rejected' AND outcome IS DISTINCT FROM 'sold_out') AS turned_down
    FROM orders WHERE accepted_at > now() - $1 * interval '1 second' GROUP BY seller),
queue AS (
    SELECT seller, count(*) AS waiting, extract(epoch FROM now() - min(queued_at))::float AS oldest_seconds
    FROM orders WHERE started_at IS NULL AND status = 'pending' GROUP BY seller)
SELECT seller, coalesce(arrived, 0) AS arrived, coalesce(sold_out, 0) AS sold_out, coalesce(in_line, 0) AS in_line,
    coalesce(turned_down, 0) AS turned_down, coalesce(waiting, 0) AS waiting,
    greatest(coalesce(oldest_seconds, 0), 0) AS oldest_seconds
FROM lately FULL JOIN queue USING (seller)
"""
# What may still ship, by the index over the status.
_SLACK: Final = """
SELECT seller, count(*) FILTER (WHERE ship_by <= now()) AS overdue,
    count(*) FILTER (WHERE ship_by > now() AND ship_by <= now() + interval '1 hour') AS within_1h,
    count(*) FILTER (WHERE ship_by > now() + interval '1 hour' AND ship_by <= now() + interval '4 hours') AS within_4h,
    count(*) FILTER (WHERE ship_by > now() + interval '4 hours' AND ship_by <= now() + interval '1 day') AS within_1d,
    count(*) FILTER (WHERE ship_by > now() + interval '1 day') AS later
FROM orders WHERE status IN ('pending', 'action_required', 'confirmed', 'on_hold', 'fulfilling', 'partially_shipped',
    'needs_attention')
GROUP BY seller
"""


class PostgresLive(StandingCounts):
    """Counts for people who watch, beside those for machines."""

    async def sellers(self) -> Mapping[str, SellerNow]:
        """What came in of late and what waits for a start, by seller; who has neither is left out."""
        async with connection(self._pool, scoped=False) as reader:
            rows = await reader.fetch(_NOW, LATELY)
        told = [dict(row) for row in rows]
        return {row["seller"]: SellerNow(**row, accepted=_accepted(row)) for row in told}

    async def slack(self) -> Mapping[str, Slack]:
        """How much time is left to ship what has not shipped, by seller."""
        async with connection(self._pool, scoped=False) as reader:
            rows = await reader.fetch(_SLACK)
        return {row["seller"]: Slack(**{name: row[name] for name in Slack.model_fields}) for row in rows}


def _accepted(row: Mapping[str, int]) -> int:
    return row["arrived"] - row["sold_out"] - row["in_line"] - row["turned_down"]

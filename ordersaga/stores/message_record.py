"""Messages that were handed on: out of the inbox once nobody waits for them, into a table of months that are dropped.

A message lies in one of the two, and comes once: the database sees to it (migration 0032).
"""

from datetime import datetime, timedelta
from typing import Final

from ordersaga.domain.retention import PERIODS
from ordersaga.domain.statuses import FINAL_STATUSES
from ordersaga.stores.pools import Connection, Pool, connection, transaction

_MOVING: Final = 7_305_041_906
"""As the database's own functions know it: who moves messages holds it alone, who stores one shares it."""
_COLUMNS: Final = (
    "id, source, source_id, order_id, body, status, attempts, received_at, next_attempt_at, delivered_at, error"
)
_OVER: Final = """
it.status IN ('delivered', 'ignored') AND it.received_at < now() - $1::interval AND NOT EXISTS (
    SELECT FROM orders WHERE orders.order_id = it.order_id AND orders.status <> ALL($2::text[]))
"""
_COUNT_OVER: Final = f"SELECT count(*) FROM webhook_inbox AS it WHERE {_OVER}"  # noqa: S608 - a text of this module
# What is past the record's period already is not written there first.
_MOVE: Final = f"""
WITH gone AS (
    DELETE FROM webhook_inbox WHERE ctid = ANY(ARRAY(
        SELECT ctid FROM webhook_inbox AS it WHERE {_OVER} ORDER BY it.received_at LIMIT $3))
    RETURNING {_COLUMNS}),
moved AS (
    INSERT INTO webhook_record ({_COLUMNS}) SELECT {_COLUMNS} FROM gone WHERE received_at >= now() - $4::interval)
SELECT count(*) FROM gone
"""  # noqa: S608 - only names and a text of this module are put in
_COUNT_PAST: Final = """
SELECT count(*) FROM webhook_record WHERE received_at < date_trunc('month', now() - $1::interval, 'UTC')
"""
LONGEST: Final = timedelta(minutes=5)
"""A month's messages are counted before they go, while everybody else reads and writes."""
_ROTATE: Final = "SELECT rotate_webhook_record()"
_TAKE_BACK: Final = f"""
DELETE FROM webhook_record WHERE order_id = $1 AND delivered_at > $2 RETURNING {_COLUMNS}
"""  # noqa: S608 - only names of this module are put in
_PUT_BACK: Final = f"""
INSERT INTO webhook_inbox ({_COLUMNS}) OVERRIDING SYSTEM VALUE
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
"""  # noqa: S608 - only names of this module are put in


class MessageRecord:
    """Where messages lie that nobody waits for."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def due(self) -> tuple[int, int]:
        """How many messages may move out of the inbox now, and how many be dropped."""
        async with connection(self._pool) as reader:
            moving = await reader.fetchval(_COUNT_OVER, *_over())
            return moving, await reader.fetchval(_COUNT_PAST, PERIODS["webhook_record"])

    async def move(self, limit: int) -> int:
        """Move messages out of the inbox, the oldest first; returns how many."""
        async with transaction(self._pool) as work:
            await work.execute("SELECT pg_advisory_xact_lock($1)", _MOVING)
            moved: int = await work.fetchval(_MOVE, *_over(), limit, PERIODS["webhook_record"])
            return moved

    async def rotate(self) -> int:
        """Make the partitions of the months to come, drop those that are past; returns how many messages are gone."""
        async with transaction(self._pool) as work:
            await work.execute(f"SET LOCAL statement_timeout = '{LONGEST.total_seconds():.0f}s'")
            gone: int = await work.fetchval(_ROTATE, timeout=LONGEST.total_seconds())
            return gone


async def bring_back(work: Connection, order_id: str, since: datetime) -> None:
    """Put what an order was handed after `since` back into the inbox, as it was there."""
    await work.execute("SELECT pg_advisory_xact_lock($1)", _MOVING)
    rows = await work.fetch(_TAKE_BACK, order_id, since)
    await work.executemany(_PUT_BACK, [tuple(row.values()) for row in rows])


def _over() -> tuple[timedelta, list[str]]:
    return PERIODS["webhook_inbox"], [status.value for status in FINAL_STATUSES]

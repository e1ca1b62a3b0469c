"""How far each poller has asked, so that an outage of the relay, however long, leaves no gap."""

from datetime import datetime

from ordersaga.stores.pools import Pool, connection

_GET = "SELECT since FROM poll_cursors WHERE poller = $1"
# Several relays may poll: each asks from where it read, so the furthest of them is right.
_MOVE = """
INSERT INTO poll_cursors AS standing (poller, since) VALUES ($1, $2)
ON CONFLICT (poller) DO UPDATE SET since = greatest(standing.since, excluded.since), moved_at = clock_timestamp()
"""


class PollCursors:
    """One moment per poller: everything that changed before it has been stored."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def get(self, poller: str) -> datetime | None:
        """Where to go on; None before its first round."""
        async with connection(self._pool) as reader:
            since: datetime | None = await reader.fetchval(_GET, poller)
            return since

    async def move(self, poller: str, since: datetime) -> None:
        """Everything before `since` is stored; a cursor never moves back."""
        async with connection(self._pool) as work:
            await work.execute(_MOVE, poller, since)

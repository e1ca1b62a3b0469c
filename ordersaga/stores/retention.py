"""Forgetting what nobody needs any more, a few rows at a time, so that nobody waits for it."""

from collections.abc import Mapping, Sequence
from typing import Final

from ordersaga.domain.retention import PERIODS, Forgettable
from ordersaga.stores.message_record import MessageRecord
from ordersaga.stores.pools import Pool, connection

BATCH: Final = 1000

_OLD: Final[Mapping[str, str]] = {
    "idempotency_keys": "it.created_at < now() - $1::interval",
    "notifications": "it.status <> 'pending' AND it.queued_at < now() - $1::interval",
    "reconciliation_runs": "it.ended_at < now() - $1::interval "
    "AND NOT EXISTS (SELECT FROM findings WHERE findings.run_id = it.run_id)",
}
"""Which rows of a table may be deleted, given for how long it keeps them."""


class PostgresRetention:
    """Deletes by `PERIODS`; facts of orders, money and units are append-only, and the database would refuse it."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._record = MessageRecord(pool)

    async def due(self) -> Sequence[Forgettable]:
        """What could be forgotten now."""
        async with connection(self._pool) as reader:
            counts = {table: await reader.fetchval(_count(table), PERIODS[table]) for table in _OLD}
        moving, past = await self._record.due()
        return _counted({**counts, "webhook_inbox": moving, "webhook_record": past})

    async def forget(self) -> Sequence[Forgettable]:
        """Forget one batch of each table, and every month of messages that is past; nothing where the rows are 0."""
        async with connection(self._pool) as work:
            counts = {table: len(await work.fetch(_delete(table), PERIODS[table], BATCH)) for table in _OLD}
        moved = await self._record.move(BATCH)
        return _counted({**counts, "webhook_inbox": moved, "webhook_record": await self._record.rotate()})

    async def step(self) -> bool:
        """The same for a loop. True: there may be more."""
        return any(forgotten.rows == BATCH for forgotten in await self.forget())


def _counted(counts: Mapping[str, int]) -> Sequence[Forgettable]:
    return [Forgettable(table=table, kept=kept, rows=counts[table]) for table, kept in PERIODS.items()]


def _count(table: str) -> str:
    return f"SELECT count(*) FROM {table} AS it WHERE {_OLD[table]}"  # noqa: S608 - only names of this module are put in


def _delete(table: str) -> str:
    rows = f"SELECT ctid FROM {table} AS it WHERE {_OLD[table]} LIMIT $2"  # noqa: S608 - as above
    return f"DELETE FROM {table} WHERE ctid = ANY(ARRAY({rows})) RETURNING 1"  # noqa: S608 - as above

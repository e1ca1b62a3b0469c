"""Forgetting what nobody needs any more, a few rows at a time, so that nobody waits for it."""

from collections.abc import Mapping, Sequence
from typing import Final

from ordersaga.domain.retention import PERIODS, Forgettable
from ordersaga.domain.statuses import FINAL_STATUSES
from ordersaga.stores.pools import Pool, connection

BATCH: Final = 1000

_OF_OPEN_ORDER: Final = "SELECT FROM orders WHERE orders.order_id = it.order_id AND orders.status <> ALL($2::text[])"
_OLD: Final[Mapping[str, str]] = {
    "idempotency_keys": "it.created_at < now() - $1::interval",
    "webhook_inbox": "it.status IN ('delivered', 'ignored') AND it.received_at < now() - $1::interval "
    f"AND NOT EXISTS ({_OF_OPEN_ORDER})",
    "notifications": "it.status <> 'pending' AND it.queued_at < now() - $1::interval",
    "reconciliation_runs": "it.ended_at < now() - $1::interval "
    "AND NOT EXISTS (SELECT FROM findings WHERE findings.run_id = it.run_id)",
}
"""Which rows of a table may be forgotten, given for how long it keeps them and the statuses in which orders end."""
_AMONG: Final[Mapping[str, str]] = {"webhook_inbox": "(SELECT *, ctid FROM webhook_inbox ORDER BY id LIMIT 50000)"}
"""Where a batch is looked for, if no index leads to it: among the first that came, not in the whole table."""


class PostgresRetention:
    """Deletes by `PERIODS`; facts of orders, money and units are append-only, and the database would refuse it."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def due(self) -> Sequence[Forgettable]:
        """What could be forgotten now."""
        async with connection(self._pool) as reader:
            counts = [await reader.fetchval(_count(table), *_given(table)) for table in PERIODS]
        return [Forgettable(table=table, kept=PERIODS[table], rows=rows) for table, rows in _counted(counts)]

    async def forget(self) -> Sequence[Forgettable]:
        """Forget one batch of each table; nothing where the rows are 0."""
        async with connection(self._pool) as work:
            counts = [len(await work.fetch(_delete(table), *_given(table), BATCH)) for table in PERIODS]
        return [Forgettable(table=table, kept=PERIODS[table], rows=rows) for table, rows in _counted(counts)]

    async def step(self) -> bool:
        """The same for a loop. True: there may be more."""
        return any(forgotten.rows == BATCH for forgotten in await self.forget())


def _counted(counts: Sequence[int]) -> Sequence[tuple[str, int]]:
    return list(zip(PERIODS, counts, strict=True))


def _given(table: str) -> tuple[object, ...]:
    ends = [status.value for status in FINAL_STATUSES]
    return (PERIODS[table], ends) if "$2" in _OLD[table] else (PERIODS[table],)


def _count(table: str) -> str:
    return f"SELECT count(*) FROM {table} AS it WHERE {_OLD[table]}"  # noqa: S608 - only names of this module are put in


def _delete(table: str) -> str:
    limit = f"${len(_given(table)) + 1}"
    rows = f"SELECT ctid FROM {_AMONG.get(table, table)} AS it WHERE {_OLD[table]} LIMIT {limit}"  # noqa: S608 - as above
    return f"DELETE FROM {table} WHERE ctid = ANY(ARRAY({rows})) RETURNING 1"  # noqa: S608 - as above

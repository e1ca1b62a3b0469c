"""What PostgreSQL says about itself: for a check of the whole installation."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from ordersaga.domain.errors import OperatorError
from ordersaga.stores.migrate import migrations
from ordersaga.stores.pools import Connection, Pool, connection

_SAID: Final = """
SELECT clock_timestamp() AS now, current_setting('server_version_num')::int AS version,
    current_setting('max_connections')::int AS most,
    (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')::int AS connections,
    current_setting('fsync') = 'on' AND current_setting('full_page_writes') = 'on' AS durable,
    current_setting('archive_mode') <> 'off'
        AND (current_setting('archive_command') NOT IN ('', '(disabled)')
             OR coalesce(current_setting('archive_library', true), '') <> '') AS archived,
    (SELECT last_failed_time FROM pg_stat_archiver
     WHERE last_failed_time > coalesce(last_archived_time, '-infinity')) AS unarchived
"""
_RECORD: Final = "SELECT reaches, strays FROM webhook_record_stands()"
_MIGRATED: Final = "SELECT to_regclass('schema_migrations') IS NOT NULL"
_APPLIED: Final = "SELECT name FROM schema_migrations"
_RECOVERING: Final = "SELECT began_at FROM recoveries WHERE ended_at IS NULL"


@dataclass(frozen=True)
class DatabaseState:
    """`pending`: migrations this program brings and the database has not; `unknown`: the other way round.

    `version` as `server_version_num`; `durable`: what is committed survives a crash; `archived`: WAL is kept elsewhere.
    `unarchived`: since when it is not, because it fails. `reaches`: until when there are partitions for messages;
    `strays`: messages that none was there for. `recovering`: when the recovery began that has not ended.
    """

    now: datetime
    version: int
    connections: int
    most: int
    durable: bool
    archived: bool
    pending: tuple[str, ...]
    unknown: tuple[str, ...]
    unarchived: datetime | None = None
    reaches: datetime | None = None
    strays: int = 0
    recovering: datetime | None = None


class PostgresCheckup:
    """Looks, and changes nothing."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def look(self) -> DatabaseState:
        """How the database stands now."""
        async with connection(self._pool) as reader:
            row = await reader.fetchrow(_SAID)
            assert row is not None, "a SELECT without FROM has one row"
            pending, unknown = await _compared(reader)
            record: dict[str, Any] = {}
            if not pending:
                record = dict(await reader.fetchrow(_RECORD) or {})
                record["recovering"] = await reader.fetchval(_RECOVERING)
        return DatabaseState(**dict(row), pending=pending, unknown=unknown, **record)


async def require_migrations(pool: Pool) -> None:
    """Raise OperatorError `database_not_migrated` where this program brings migrations that were not applied.

    Those of a later release only add, so a program that is rolled back works beside them.
    """
    async with connection(pool) as reader:
        pending, _ = await _compared(reader)
    if pending:
        told = f"{len(pending)} migrations are not applied, the first is {pending[0]}: run `ordersaga migrate`"
        raise OperatorError("database_not_migrated", told)


async def _compared(reader: Connection) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Migrations that this program brings and the database has not, and the other way round."""
    shipped = [migration.name for migration in migrations()]
    applied = {row["name"] for row in await reader.fetch(_APPLIED)} if await reader.fetchval(_MIGRATED) else set()
    pending = tuple(name for name in shipped if name not in applied)
    return pending, tuple(sorted(applied - set(shipped)))

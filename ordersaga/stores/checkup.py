"""What PostgreSQL says about itself: for a check of the whole installation."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from ordersaga.domain.errors import OperatorError
from ordersaga.stores.migrate import migrations
from ordersaga.stores.pools import Pool, connection

_SAID: Final = """
SELECT clock_timestamp() AS now, current_setting('server_version_num')::int AS version,
    current_setting('max_connections')::int AS most,
    (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')::int AS connections,
    current_setting('fsync') = 'on' AND current_setting('full_page_writes') = 'on' AS durable,
    current_setting('archive_mode') <> 'off' AS archived,
    to_regclass('schema_migrations') IS NOT NULL AS migrated
"""
_RECORD: Final = "SELECT reaches, strays FROM webhook_record_stands()"
_APPLIED: Final = "SELECT name FROM schema_migrations"


@dataclass(frozen=True)
class DatabaseState:
    """`pending`: migrations this program brings and the database has not; `unknown`: the other way round.

    `version` as `server_version_num`; `durable`: what is committed survives a crash; `archived`: WAL is kept elsewhere.
    `reaches`: until when there are partitions for messages; `strays`: messages that none was there for.
    """

    now: datetime
    version: int
    connections: int
    most: int
    durable: bool
    archived: bool
    pending: tuple[str, ...]
    unknown: tuple[str, ...]
    reaches: datetime | None = None
    strays: int = 0


class PostgresCheckup:
    """Looks, and changes nothing."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def look(self) -> DatabaseState:
        """How the database stands now."""
        shipped = [migration.name for migration in migrations()]
        async with connection(self._pool) as reader:
            row = await reader.fetchrow(_SAID)
            assert row is not None, "a SELECT without FROM has one row"
            applied = {found["name"] for found in await reader.fetch(_APPLIED)} if row["migrated"] else set()
            pending = tuple(name for name in shipped if name not in applied)
            record = await reader.fetchrow(_RECORD) if not pending else None
        known = {name: row[name] for name in ("now", "version", "connections", "most", "durable", "archived")}
        unknown = tuple(sorted(applied - set(shipped)))
        return DatabaseState(**known, pending=pending, unknown=unknown, **dict(record or {}))


async def require_migrations(pool: Pool) -> None:
    """Raise OperatorError `database_not_migrated` where this program brings migrations that were not applied.

    Those of a later release only add, so a program that is rolled back works beside them.
    """
    pending = (await PostgresCheckup(pool).look()).pending
    if pending:
        told = f"{len(pending)} migrations are not applied, the first is {pending[0]}: run `ordersaga migrate`"
        raise OperatorError("database_not_migrated", told)

"""Apply the numbered SQL files of `migrations/`, each once, in its own transaction, while orders are taken; then see to
roles and rights.

A statement that waits for a table's lock keeps everybody behind it waiting too. So it waits for no more than
`LOCK_WAIT`, lets the others go first, and tries again.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from importlib.resources import files
from typing import Final

import asyncpg

from ordersaga.domain.errors import OperatorError
from ordersaga.stores.securing import secure

# Any fixed number: two processes that start together must not migrate together.
_LOCK = 7_305_041_901

LOCK_WAIT: Final = timedelta(seconds=1)
"""So long may those who write be kept waiting behind a migration that waits."""
PAUSE: Final = timedelta(seconds=1)
PATIENCE: Final = timedelta(minutes=10)

_BOOKKEEPING = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    name text PRIMARY KEY, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())
"""
_LATER: Final = "SELECT EXISTS (SELECT FROM schema_migrations WHERE name <> ALL($1::text[]))"


@dataclass(frozen=True)
class Migration:
    """One SQL file. `checksum` is the SHA-256 of its text, as recorded when it was applied."""

    name: str
    sql: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


def migrations(name: str = "migrations") -> list[Migration]:
    """The files of a folder that is shipped with this package, in order."""
    folder = files("ordersaga.stores").joinpath(name)
    found = [Migration(item.name, item.read_text("utf-8")) for item in folder.iterdir() if item.name.endswith(".sql")]
    return sorted(found, key=lambda migration: migration.name)


async def migrate(database_url: str, wanted: list[Migration] | None = None) -> list[str]:
    """Bring the database to this version; returns the names of the files applied now.

    A database of a later release is left as it is, so that this one can be rolled back to: what came since only adds.

    Raises OperatorError `migration_changed` when a file differs from what was applied under its name, and
    `migration_unknown` when others than ours come before or between ours: nothing is changed then. `migration_kept_out`
    when somebody held a table for `PATIENCE`: those before it are applied. `roles_missing` when the roles of our
    processes are not there and this login may not make them.
    """
    connection = await asyncpg.connect(database_url, server_settings={"application_name": "ordersaga-migrate"})
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
        known = migrations() if wanted is None else wanted
        applied = await _apply(connection, known)
        if not await connection.fetchval(_LATER, [migration.name for migration in known]):
            await secure(connection, _between_others)
        return applied
    finally:
        await connection.close()


async def _apply(connection: "asyncpg.Connection[asyncpg.Record]", wanted: list[Migration]) -> list[str]:
    await connection.execute(_BOOKKEEPING)
    applied = {row["name"]: row["checksum"] for row in await connection.fetch("SELECT * FROM schema_migrations")}
    _refuse_drift(applied, {migration.name: migration for migration in wanted})
    pending = [migration for migration in wanted if migration.name not in applied]
    for migration in pending:
        await _between_others(migration.name, partial(_apply_one, connection, migration))
    return [migration.name for migration in pending]


async def _between_others(name: str, apply: Callable[[timedelta], Awaitable[None]]) -> None:
    """Apply something when its tables' locks can be had in a moment."""
    for _ in range(int(PATIENCE / (LOCK_WAIT + PAUSE))):
        try:
            return await apply(LOCK_WAIT)
        except asyncpg.LockNotAvailableError:
            await asyncio.sleep(PAUSE.total_seconds())
    advice = "end what holds its tables (pg_stat_activity, pg_locks), then run it again"
    raise OperatorError("migration_kept_out", f"{name} got no lock for {PATIENCE}; {advice}")


async def _apply_one(
    connection: "asyncpg.Connection[asyncpg.Record]", migration: Migration, lock_wait: timedelta
) -> None:
    async with connection.transaction():
        await connection.execute(f"SET LOCAL lock_timeout = '{lock_wait / timedelta(milliseconds=1):.0f}ms'")
        await connection.execute(migration.sql)
        await connection.execute(
            "INSERT INTO schema_migrations (name, checksum) VALUES ($1, $2)", migration.name, migration.checksum
        )


def _refuse_drift(applied: dict[str, str], known: dict[str, Migration]) -> None:
    last, pending = max(known, default=""), known.keys() - applied.keys()
    for name, checksum in sorted(applied.items()):
        if name not in known:
            if pending or name < last:
                raise OperatorError("migration_unknown", f"{name} was applied by another version; run that version")
        elif known[name].checksum != checksum:
            raise OperatorError(
                "migration_changed",
                f"{name} was changed after it was applied; restore it and put the change into a new numbered file",
            )

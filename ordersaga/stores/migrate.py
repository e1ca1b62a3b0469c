"""Apply the numbered SQL files of `migrations/`, each once, in its own transaction, while orders are taken; then see to
roles and rights.

A statement that waits for a table's lock keeps everybody behind it waiting too. So it waits for no more than
`LOCK_WAIT`, lets the others go first, and tries again. An index on a table that has rows already is built
`CONCURRENTLY`, which keeps no writer waiting and is possible outside transactions only: in a file of its own.
"""

import asyncio
import hashlib
import re
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
TURN_SECONDS: Final = 0.1
"""Between two looks whether another process still migrates. Whoever waited in one statement, as for a lock, would be
waited for by an index that is built concurrently: each for the other."""

_BOOKKEEPING = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    name text PRIMARY KEY, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())
"""
_INDEX: Final = re.compile(r"CREATE\s+(?:UNIQUE\s+)?INDEX\s+CONCURRENTLY\s+IF\s+NOT\s+EXISTS\s+(\w+)", re.IGNORECASE)
_UNFINISHED: Final = "SELECT EXISTS (SELECT FROM pg_index WHERE indexrelid = to_regclass($1) AND NOT indisvalid)"
_APPLIED: Final = "INSERT INTO schema_migrations (name, checksum) VALUES ($1, $2)"
_LATER: Final = "SELECT EXISTS (SELECT FROM schema_migrations WHERE name <> ALL($1::text[]))"


@dataclass(frozen=True)
class Migration:
    """One SQL file. `checksum` is the SHA-256 of its text, as recorded when it was applied."""

    name: str
    sql: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()

    @property
    def indexes(self) -> dict[str, str]:
        """What builds indexes concurrently, by their names. Raises ValueError when there is something else too."""
        sql = re.sub(r"--.*", "", self.sql)
        if not re.search(r"\bCONCURRENTLY\b", sql, re.IGNORECASE):
            return {}
        found = [(each, _INDEX.match(each)) for each in map(str.strip, sql.split(";")) if each]
        if not all(match for _, match in found):
            raise ValueError(f"{self.name}: beside CREATE INDEX CONCURRENTLY IF NOT EXISTS a file holds nothing else")
        return {match[1]: each for each, match in found if match}


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
        while not await connection.fetchval("SELECT pg_try_advisory_lock($1)", _LOCK):  # noqa: ASYNC110 - another's
            await asyncio.sleep(TURN_SECONDS)
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
        if migration.indexes:
            await _build(connection, migration)
        else:
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
        await connection.execute(_APPLIED, migration.name, migration.checksum)


async def _build(connection: "asyncpg.Connection[asyncpg.Record]", migration: Migration) -> None:
    """Build indexes while others write. One that an earlier attempt left unfinished is built anew."""
    for name, statement in migration.indexes.items():
        if await connection.fetchval(_UNFINISHED, name):
            await connection.execute(f"DROP INDEX CONCURRENTLY {name}")
        await connection.execute(statement)
    await connection.execute(_APPLIED, migration.name, migration.checksum)


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

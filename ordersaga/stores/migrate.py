"""Apply the numbered SQL files of `migrations/`, each once, in its own transaction."""

import hashlib
from dataclasses import dataclass
from importlib.resources import files

import asyncpg

from ordersaga.domain.errors import OperatorError

# Any fixed number: two processes that start together must not migrate together.
_LOCK = 7_305_041_901

_BOOKKEEPING = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    name text PRIMARY KEY, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())
"""


@dataclass(frozen=True)
class Migration:
    """One SQL file. `checksum` is the SHA-256 of its text, as recorded when it was applied."""

    name: str
    sql: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


def migrations() -> list[Migration]:
    """The files shipped with this package, in order."""
    folder = files("ordersaga.stores").joinpath("migrations")
    found = [Migration(item.name, item.read_text("utf-8")) for item in folder.iterdir() if item.name.endswith(".sql")]
    return sorted(found, key=lambda migration: migration.name)


async def migrate(database_url: str, wanted: list[Migration] | None = None) -> list[str]:
    """Bring the database to this version; returns the names of the files applied now.

    Raises OperatorError `migration_changed` when a file differs from what was applied under its name, and
    `migration_unknown` when the database is newer than this program. Nothing is changed then.
    """
    connection = await asyncpg.connect(database_url, server_settings={"application_name": "ordersaga-migrate"})
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
        return await _apply(connection, migrations() if wanted is None else wanted)
    finally:
        await connection.close()


async def _apply(connection: "asyncpg.Connection[asyncpg.Record]", wanted: list[Migration]) -> list[str]:
    await connection.execute(_BOOKKEEPING)
    applied = {row["name"]: row["checksum"] for row in await connection.fetch("SELECT * FROM schema_migrations")}
    _refuse_drift(applied, {migration.name: migration for migration in wanted})
    pending = [migration for migration in wanted if migration.name not in applied]
    for migration in pending:
        async with connection.transaction():
            await connection.execute(migration.sql)
            await connection.execute(
                "INSERT INTO schema_migrations (name, checksum) VALUES ($1, $2)", migration.name, migration.checksum
            )
    return [migration.name for migration in pending]


def _refuse_drift(applied: dict[str, str], known: dict[str, Migration]) -> None:
    for name, checksum in sorted(applied.items()):
        if name not in known:
            raise OperatorError("migration_unknown", f"{name} was applied by a newer version; run that version")
        if known[name].checksum != checksum:
            raise OperatorError(
                "migration_changed",
                f"{name} was changed after it was applied; restore it and put the change into a new numbered file",
            )

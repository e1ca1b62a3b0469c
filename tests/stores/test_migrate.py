"""Migrations: each file once, in order, and never a changed one."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio

from ordersaga.domain.errors import OperatorError
from ordersaga.stores.migrate import Migration, migrate, migrations
from tests.support.database import DatabaseServer

ONE = Migration("0001_one.sql", "CREATE TABLE one (a int); INSERT INTO one VALUES (1);")
TWO = Migration("0002_two.sql", "CREATE TABLE two (a int);")


@pytest_asyncio.fixture
async def empty_url(database_server: DatabaseServer) -> AsyncIterator[str]:
    """A database nobody migrated."""
    url = await database_server.create(migrated=False)
    yield url
    await database_server.drop(url)


async def tables(url: str) -> list[str]:
    """The tables of a database."""
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
        return [row["tablename"] for row in rows]
    finally:
        await connection.close()


def test_files_are_shipped_in_order() -> None:
    """The package carries its SQL files, numbered without a gap."""
    names = [migration.name for migration in migrations()]

    assert names[0] == "0001_foundation.sql"
    assert [int(name.split("_")[0]) for name in names] == list(range(1, len(names) + 1))


async def test_each_file_is_applied_once(empty_url: str) -> None:
    """The first run applies everything, the second nothing, and a new file is added to the old."""
    assert await migrate(empty_url, [ONE]) == ["0001_one.sql"]
    assert await migrate(empty_url, [ONE]) == []
    assert await migrate(empty_url, [ONE, TWO]) == ["0002_two.sql"]
    assert await tables(empty_url) == ["one", "schema_migrations", "two"]


async def test_processes_that_start_together_migrate_once(empty_url: str) -> None:
    """Several processes migrate at once: one applies each file, none fails."""
    applied = await asyncio.gather(*(migrate(empty_url) for _ in range(4)))

    assert sorted(name for names in applied for name in names) == [migration.name for migration in migrations()]


async def test_a_changed_file_is_refused(empty_url: str) -> None:
    """A file edited after it was applied stops the migration before anything new is applied."""
    await migrate(empty_url, [ONE])

    with pytest.raises(OperatorError) as refused:
        await migrate(empty_url, [Migration(ONE.name, ONE.sql + " "), TWO])

    assert refused.value.code == "migration_changed"
    assert "0001_one.sql was changed after it was applied" in refused.value.message
    assert await tables(empty_url) == ["one", "schema_migrations"]


async def test_a_newer_database_is_refused(empty_url: str) -> None:
    """An older program does not touch the database of a newer one."""
    await migrate(empty_url, [ONE, TWO])

    with pytest.raises(OperatorError) as refused:
        await migrate(empty_url, [ONE])

    assert refused.value.code == "migration_unknown"


async def test_a_file_that_fails_leaves_nothing(empty_url: str) -> None:
    """A broken file is rolled back whole and not recorded; the ones before it stay."""
    broken = Migration("0002_two.sql", "CREATE TABLE two (a int); SELECT nonsense;")

    with pytest.raises(asyncpg.UndefinedColumnError):
        await migrate(empty_url, [ONE, broken])

    assert await tables(empty_url) == ["one", "schema_migrations"]
    assert await migrate(empty_url, [ONE, TWO]) == ["0002_two.sql"]

"""Migrations: each file once, in order, and never a changed one."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio

from ordersaga.domain.errors import OperatorError
from ordersaga.stores.checkup import require_migrations
from ordersaga.stores.migrate import Migration, migrate, migrations
from ordersaga.stores.pools import close_pool, create_pool
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


async def test_a_later_releases_database_is_left_as_it_is(empty_url: str) -> None:
    """A release that is rolled back starts with its own migrations again, and finds nothing to do."""
    await migrate(empty_url, [ONE, TWO])

    assert await migrate(empty_url, [ONE]) == []
    assert await tables(empty_url) == ["one", "schema_migrations", "two"]
    assert await migrate(empty_url, [ONE, TWO]) == []


@pytest.mark.parametrize("ours", [[TWO], [ONE, Migration("0003_ours.sql", "CREATE TABLE ours (a int);")]])
async def test_a_database_that_went_another_way_is_refused(empty_url: str, ours: list[Migration]) -> None:
    """What came before or between our files, and is none of them, is another program's: nothing is added to it."""
    await migrate(empty_url, [ONE, TWO])

    with pytest.raises(OperatorError) as refused:
        await migrate(empty_url, ours)

    assert refused.value.code == "migration_unknown"
    assert await tables(empty_url) == ["one", "schema_migrations", "two"]


async def test_nobody_works_on_a_database_that_lacks_migrations(empty_url: str) -> None:
    """It says what to run; beside those of a later release it works."""
    await migrate(empty_url, migrations()[:-1])
    pool = await create_pool(empty_url)
    try:
        with pytest.raises(OperatorError, match=r"1 migrations are not applied, .*: run `ordersaga migrate`"):
            await require_migrations(pool)
        await migrate(empty_url, [*migrations(), Migration("9999_later.sql", "CREATE TABLE later (a int);")])
        await require_migrations(pool)
    finally:
        await close_pool(pool)


async def test_a_file_that_fails_leaves_nothing(empty_url: str) -> None:
    """A broken file is rolled back whole and not recorded; the ones before it stay."""
    broken = Migration("0002_two.sql", "CREATE TABLE two (a int); SELECT nonsense;")

    with pytest.raises(asyncpg.UndefinedColumnError):
        await migrate(empty_url, [ONE, broken])

    assert await tables(empty_url) == ["one", "schema_migrations"]
    assert await migrate(empty_url, [ONE, TWO]) == ["0002_two.sql"]


async def test_receipts_from_before_are_their_sellers(empty_url: str) -> None:
    """What was counted stays counted under its number; another seller may have that number from then on."""
    known = migrations()
    await migrate(empty_url, [each for each in known if each.name < "0024"])
    connection = await asyncpg.connect(empty_url)
    try:
        await connection.execute(_COUNTED_BEFORE)
        await migrate(empty_url, known)
        counted = "INSERT INTO catalog_receipts (receipt_id, location, sku, quantity) VALUES ('PO-1', 'l', $1, 7)"
        await connection.execute(counted, "ROCK")
        rows = await connection.fetch("SELECT seller, receipt_id, quantity FROM catalog_receipts ORDER BY 1")
        assert [tuple(row) for row in rows] == [("rocks", "PO-1", 7), ("socks", "PO-1", 60)]
        with pytest.raises(asyncpg.UniqueViolationError):
            await connection.execute(counted, "SOCK")
        with pytest.raises(asyncpg.IntegrityConstraintViolationError):
            await connection.execute("UPDATE catalog_receipts SET quantity = 1")
        assert await connection.fetchval("SELECT count(*) FROM unit_movements WHERE receipt_id = 'PO-1'") == 1
    finally:
        await connection.close()


_COUNTED_BEFORE = """
INSERT INTO sellers (seller, name, terms) VALUES ('socks', 'Socks', '{}'), ('rocks', 'Rocks', '{}');
INSERT INTO locations (location, provider, address) VALUES ('l', 'shipbob', '{}');
INSERT INTO products (sku, seller, title, weight_grams) VALUES ('SOCK', 'socks', 'x', 1), ('ROCK', 'rocks', 'x', 1);
INSERT INTO stock (location, sku, on_hand) VALUES ('l', 'SOCK', 60);
INSERT INTO catalog_receipts (receipt_id, location, sku, quantity) VALUES ('PO-1', 'l', 'SOCK', 60);
INSERT INTO unit_movements (kind, account_from, account_to, receipt_id, location, sku, quantity)
VALUES ('received', 'supplier', 'available', 'PO-1', 'l', 'SOCK', 60);
"""

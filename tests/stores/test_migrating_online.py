"""Migrations are applied while orders are taken by the release before."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable

import asyncpg
import pytest
import pytest_asyncio

from ordersaga.stores.migrate import Migration, migrate, migrations
from tests.support.database import DatabaseServer

WIDE = Migration("0002_wide.sql", "ALTER TABLE one ADD COLUMN b int;")
ONE = Migration("0001_one.sql", "CREATE TABLE one (a int); INSERT INTO one VALUES (1);")

HELD = 4
"""The latest migrations, which are applied under load."""
LONGEST = 5.0
"""Seconds that a writer may be kept waiting; on a starved machine too."""


@pytest_asyncio.fixture
async def empty_url(database_server: DatabaseServer) -> AsyncIterator[str]:
    """A database nobody migrated."""
    url = await database_server.create(migrated=False)
    yield url
    await database_server.drop(url)


async def test_a_migration_that_waits_keeps_nobody_waiting_for_long(empty_url: str) -> None:
    """A long transaction reads the table: the migration steps back again and again, and writers get through."""
    await migrate(empty_url, [ONE])
    reader, writer = await asyncpg.connect(empty_url), await asyncpg.connect(empty_url)
    try:
        long = reader.transaction()
        await long.start()
        await reader.fetch("SELECT * FROM one")
        migrating = asyncio.create_task(migrate(empty_url, [ONE, WIDE]))
        longest = await _writes(writer)
        assert not migrating.done()
        assert longest < LONGEST
        await long.rollback()
        assert await migrating == [WIDE.name]
    finally:
        await reader.close()
        await writer.close()


async def test_the_latest_migrations_are_applied_under_load(empty_url: str) -> None:
    """Those who write to every table they touch are kept waiting for a moment, and none fails."""
    files = migrations()
    await migrate(empty_url, files[:-HELD])
    writers = [await asyncpg.connect(empty_url) for _ in range(2)]
    try:
        migrating = asyncio.create_task(migrate(empty_url, files))
        longest = await asyncio.gather(*(_uses(writer, migrating.done) for writer in writers))
        assert await migrating == [migration.name for migration in files[-HELD:]]
        assert max(longest) < LONGEST
    finally:
        for writer in writers:
            await writer.close()


@pytest.mark.parametrize("migration", migrations()[1:], ids=lambda each: each.name)
def test_migrations_only_add_or_widen(migration: Migration) -> None:
    """The release before works on beside it: nothing it reads is dropped, renamed, retyped or made obligatory."""
    sql = re.sub(r"--.*", "", migration.sql)
    narrowing = r"DROP\s+(TABLE|COLUMN)|RENAME|ALTER\s+COLUMN\s+\w+\s+(SET\s+DATA\s+)?TYPE|SET\s+NOT\s+NULL"
    assert not re.findall(rf"(?:{narrowing})", sql, re.IGNORECASE)
    rewriting = r"ADD\s+COLUMN\s+[^,;]*DEFAULT\s+(?:clock_timestamp|random|gen_random_uuid)\s*\("
    assert not re.findall(rewriting, sql, re.IGNORECASE)


async def _writes(writer: "asyncpg.Connection[asyncpg.Record]") -> float:
    """Write for three seconds at least; the longest wait, in seconds."""
    longest = 0.0
    for _ in range(30):
        began = time.monotonic()
        await writer.execute("INSERT INTO one (a) VALUES (2)")
        longest = max(longest, time.monotonic() - began)
        await asyncio.sleep(0.1)
    return longest


async def _uses(writer: "asyncpg.Connection[asyncpg.Record]", ended: Callable[[], bool]) -> float:
    """Lock what orders lock, over and over, until `ended`; the longest wait, in seconds."""
    longest, number = 0.0, 0
    while not ended():
        number += 1
        began = time.monotonic()
        async with writer.transaction():
            await writer.execute("UPDATE orders SET status = status WHERE order_id = $1", f"o{number}")
            await writer.execute("UPDATE effects SET code = code WHERE key = $1", f"o{number}")
            await writer.execute("UPDATE webhook_inbox SET error = error WHERE id = $1", number)
            await writer.fetchval("SELECT count(*) FROM journal WHERE order_id = $1", f"o{number}")
        longest = max(longest, time.monotonic() - began)
    return longest

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


INDEXED = Migration("0002_indexed.sql", "-- once\nCREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS one_a ON one (a);")


async def test_an_index_is_built_while_orders_are_written(empty_url: str) -> None:
    """A transaction from before is waited for; meanwhile writers write, and whoever else migrates waits its turn."""
    await migrate(empty_url, [ONE])
    reader, writer = await asyncpg.connect(empty_url), await asyncpg.connect(empty_url)
    indexed = Migration(INDEXED.name, INDEXED.sql.replace("UNIQUE ", ""))
    try:
        long = reader.transaction()
        await long.start()
        await reader.execute("INSERT INTO one (a) VALUES (7)")
        migrating = [asyncio.create_task(migrate(empty_url, [ONE, indexed])) for _ in range(2)]
        longest = await _writes(writer)
        assert not any(each.done() for each in migrating)
        assert longest < LONGEST
        await long.commit()
        assert sorted(await asyncio.gather(*migrating)) == [[], [indexed.name]]
        assert await writer.fetchval("SELECT indisvalid FROM pg_index WHERE indexrelid = 'one_a'::regclass")
    finally:
        await reader.close()
        await writer.close()


async def test_an_index_that_was_not_finished_is_built_anew(empty_url: str) -> None:
    """What an attempt that failed leaves behind has the index's name and helps nobody."""
    await migrate(empty_url, [ONE])
    connection = await asyncpg.connect(empty_url)
    try:
        await connection.execute("INSERT INTO one VALUES (1)")
        with pytest.raises(asyncpg.UniqueViolationError):
            await migrate(empty_url, [ONE, INDEXED])
        look = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'one_a'::regclass"
        assert await connection.fetchval(look) is False
        await connection.execute("DELETE FROM one WHERE ctid = (SELECT max(ctid) FROM one)")
        assert await migrate(empty_url, [ONE, INDEXED]) == [INDEXED.name]
        assert await connection.fetchval(look) is True
    finally:
        await connection.close()


def test_what_must_be_in_a_transaction_is_not_beside_an_index() -> None:
    """Half of such a file could not be taken back."""
    assert INDEXED.indexes == {"one_a": "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS one_a ON one (a)"}
    assert ONE.indexes == {}
    for beside in ("CREATE TABLE two (a int);", "CREATE INDEX CONCURRENTLY one_b ON one (a);"):
        with pytest.raises(ValueError, match=r"0002_indexed\.sql"):
            _ = Migration(INDEXED.name, INDEXED.sql + beside).indexes


LAST_THAT_BLOCKS = "0030"
"""Until then indexes were built in the transaction of their file: writers wait while one is built."""


def blocking(sql: str) -> set[str]:
    """Tables on which a file builds an index while those who write to them wait."""
    made = set(re.findall(r"CREATE\s+TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?(\w+)", sql, re.IGNORECASE))
    index = r"CREATE\s+(?:UNIQUE\s+)?INDEX\s+(?!CONCURRENTLY)(?:IF\s+NOT\s+EXISTS\s+)?\w+\s+ON\s+(?:ONLY\s+)?(\w+)"
    return set(re.findall(index, re.sub(r"--.*", "", sql), re.IGNORECASE)) - made


def test_no_later_migration_builds_an_index_in_everybodys_way() -> None:
    """On a table that it does not make itself an index is built concurrently."""
    of_its_own = "CREATE TABLE a (b int); CREATE INDEX x ON a (b);"
    assert blocking(f"{of_its_own} CREATE UNIQUE INDEX y\n ON orders (b);") == {"orders"}
    assert blocking(INDEXED.sql) == set()
    later = [each for each in migrations() if each.name[:4] > LAST_THAT_BLOCKS]
    assert {each.name: blocking(each.sql) for each in later if blocking(each.sql)} == {}


def holding_up(sql: str) -> list[str]:
    """Statements that look at every row of a table that is there, or refuse what the release before writes to it."""
    sql = re.sub(r"\$\$.*?\$\$", "", re.sub(r"--.*", "", sql), flags=re.DOTALL)
    wrong = (
        r"^(UPDATE|DELETE)\b",
        r"^ALTER\s+TABLE\b(?!.*\bNOT\s+VALID\b).*\b(CHECK|REFERENCES|EXCLUDE|UNIQUE|PRIMARY\s+KEY)\b",
        r"^ALTER\s+TABLE\b.*\bADD\s+COLUMN\b[^,]*\bNOT\s+NULL\b(?![^,]*\bDEFAULT\b)",
    )
    found = [" ".join(each.split()) for each in sql.split(";")]
    return [each for each in found if any(re.search(rule, each, re.IGNORECASE) for rule in wrong)]


def test_no_later_migration_looks_at_every_row_or_refuses_the_release_before() -> None:
    """A constraint comes NOT VALID first, what must hold something comes with a default; rows are filled elsewhere."""
    for each in (
        "UPDATE orders SET a = 1",
        "ALTER TABLE orders ADD CONSTRAINT b CHECK (a > 1)",
        "ALTER TABLE orders ADD COLUMN c text REFERENCES sellers",
        "ALTER TABLE orders ADD COLUMN c text NOT NULL, ADD COLUMN d int NOT NULL DEFAULT 1",
    ):
        assert holding_up(f"-- {each}\n{each};") == [each]
    good = "ALTER TABLE orders ADD COLUMN d int NOT NULL DEFAULT 1; ALTER TABLE orders ADD CHECK (d > 0) NOT VALID;"
    assert holding_up(good) == []
    later = [each for each in migrations() if each.name[:4] > LAST_THAT_BLOCKS]
    assert {each.name: holding_up(each.sql) for each in later if holding_up(each.sql)} == {}


@pytest.mark.parametrize("migration", migrations()[1:], ids=lambda each: each.name)
def test_migrations_only_add_or_widen(migration: Migration) -> None:
    """The release before works on beside it: nothing it reads is dropped, renamed, retyped or made obligatory.

    What a function does stands in its body, and is done when it is called.
    """
    sql = re.sub(r"\$\$.*?\$\$", "", re.sub(r"--.*", "", migration.sql), flags=re.DOTALL)
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

"""What tests share, one after the other: a database that an earlier one wrote to is as good as new."""

import asyncpg
import pytest

from ordersaga.stores.catalog import PostgresCatalog
from ordersaga.stores.pools import create_pool
from ordersaga.stores.stock import PostgresStock
from tests.fakes.samples import EAST, catalog, order, sale
from tests.support.database import DatabaseServer

_NAMES = "SELECT oid::regclass::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = $1"


async def _held(url: str) -> dict[str, int]:
    """How many rows each table has, and the next number of each sequence."""
    connection = await asyncpg.connect(url)
    asked = {b"r": "SELECT count(*) FROM {}", b"S": "SELECT last_value + is_called::int FROM {}"}
    try:
        names = [(kind, name) for kind in asked for (name,) in await connection.fetch(_NAMES, kind)]
        return {name: await connection.fetchval(asked[kind].format(name)) for kind, name in names}
    finally:
        await connection.close()


async def test_a_database_that_was_written_to_is_as_good_as_new(database_server: DatabaseServer) -> None:
    """Its rows are gone, of ledgers that nothing may delete from too; numbers begin anew; nobody is connected to it."""
    new = await database_server.create()
    pool = await create_pool(url := await database_server.lend())
    await PostgresCatalog(pool).load(catalog((EAST, "MUG", 5)))
    parcels = await PostgresStock(pool).confirm_hold(order("o1", ("MUG", 1)))
    assert parcels is not None
    await PostgresStock(pool).ship("o1", parcels[0], sale("o1", parcels[0]))
    assert sum((await _held(url)).values()) > sum((await _held(new)).values()) + 10
    left_open = await asyncpg.connect(url)
    await database_server.take_back(url)
    assert await database_server.lend() == url
    assert await _held(url) == await _held(new)
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError)):
        await left_open.fetchval("SELECT 1")
    pool.terminate()
    for each in (url, new):
        await database_server.drop(each)


@pytest.mark.parametrize(
    "change",
    [
        "CREATE TABLE more (a int)",
        "ALTER TABLE orders DISABLE TRIGGER ALL",
        "ALTER TABLE orders ALTER COLUMN seller DROP NOT NULL",
        "CREATE OR REPLACE FUNCTION audit_append(of_order text, fact audit_fact) RETURNS void LANGUAGE sql AS ''",
        "DELETE FROM schema_migrations",
    ],
)
async def test_a_database_that_was_altered_is_not_used_again(database_server: DatabaseServer, change: str) -> None:
    """Whatever it was but rows."""
    url = await database_server.lend()
    connection = await asyncpg.connect(url)
    await connection.execute(change)
    await connection.close()
    await database_server.take_back(url)
    with pytest.raises(asyncpg.InvalidCatalogNameError):
        await asyncpg.connect(url)

"""A real PostgreSQL for tests: one server per session, one fresh migrated database per test.

from tests.support.database import database_server, database_url, pool   # in a conftest.py

The databases are copies of one migrated template, which is much faster than migrating each.
"""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from ordersaga.embedded.parts import Part
from ordersaga.embedded.postgres import database_url as embedded_url
from ordersaga.embedded.postgres import postgres_part
from ordersaga.embedded.postgres_home import forget_home
from ordersaga.embedded.process import spawn, stop
from ordersaga.stores.migrate import migrate
from ordersaga.stores.pools import Pool, close_pool, create_pool
from tests.support.emulators import free_port

_START_SECONDS = 60.0


@dataclass
class DatabaseServer:
    """A running PostgreSQL. `template` is a migrated database that nothing is connected to."""

    url: str
    template: str = "migrated"
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    def url_of(self, database: str) -> str:
        """The URI of one of its databases."""
        return self.url.rsplit("/", 1)[0] + "/" + database

    async def create(self, *, migrated: bool = True) -> str:
        """Make a fresh database, migrated or empty; returns its URI."""
        name = f"test_{next(self._numbers)}"
        await self.run(f"CREATE DATABASE {name} TEMPLATE {self.template if migrated else 'template0'}")
        return self.url_of(name)

    async def drop(self, url: str) -> None:
        """Throw a database away, with whoever is still connected to it."""
        await self.run(f"DROP DATABASE IF EXISTS {url.rsplit('/', 1)[1]} WITH (FORCE)")

    async def run(self, statement: str) -> None:
        """Run a statement that no transaction may hold."""
        connection = await asyncpg.connect(self.url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


@pytest_asyncio.fixture(scope="session")
async def database_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[DatabaseServer]:
    """A PostgreSQL of this test session's own, gone afterwards."""
    data = tmp_path_factory.mktemp("postgres")
    part = postgres_part(data, port := free_port())
    await part.prepare()
    process = await spawn(part.command, data / "postgres.log")
    try:
        await _until_ready(part, process, data / "postgres.log")
        server = DatabaseServer(embedded_url(data, port))
        await server.run(f"CREATE DATABASE {server.template}")
        await migrate(server.url_of(server.template))
        yield server
    finally:
        await stop(process, part.command)
        forget_home(data)


@pytest_asyncio.fixture
async def database_url(database_server: DatabaseServer) -> AsyncIterator[str]:
    """The URI of a fresh migrated database."""
    url = await database_server.create()
    yield url
    await database_server.drop(url)


@pytest_asyncio.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    """A pool on a fresh migrated database."""
    opened = await create_pool(database_url, application_name="ordersaga-tests", max_size=10)
    yield opened
    await close_pool(opened)


async def _until_ready(part: Part, process: asyncio.subprocess.Process, log: Path) -> None:
    limit = time.monotonic() + _START_SECONDS
    while not await part.ready(process.pid):
        assert process.returncode is None, f"PostgreSQL stopped: {log.read_text()[-500:]}"
        assert time.monotonic() < limit, f"PostgreSQL was not ready in time: {log.read_text()[-500:]}"
        await asyncio.sleep(0.05)

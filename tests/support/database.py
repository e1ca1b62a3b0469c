"""A real PostgreSQL for tests: one server per session, one database as good as new per test.

from tests.support.database import database_server, database_url, pool   # in a conftest.py

The databases are copies of one migrated template, which is much faster than migrating each; one that a test is done
with is emptied for another test, which is faster still.
"""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import asyncpg
import pytest_asyncio

from ordersaga.embedded.parts import Part
from ordersaga.embedded.postgres import database_url as embedded_url
from ordersaga.embedded.postgres import postgres_part
from ordersaga.embedded.postgres_home import forget_home
from ordersaga.embedded.process import spawn, stop
from ordersaga.stores.migrate import migrate
from ordersaga.stores.pools import Pool, close_pool, create_pool
from tests.support.emptying import emptied, shape_of
from tests.support.emulators import free_port
from tests.support.shared import Shared

_START_SECONDS = 60.0
_IN_MEMORY = ("-c", "fsync=off", "-c", "full_page_writes=off")
"""A power cut would lose it, which no test does: what a kill leaves is the same."""


@dataclass
class DatabaseServer:
    """A running PostgreSQL. `template` is a migrated database that nothing is connected to, of `shape`."""

    url: str
    template: str = "migrated"
    shape: str = ""
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)
    _spare: list[str] = field(default_factory=list)

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

    async def lend(self) -> str:
        """A database as good as new, migrated; returns its URI."""
        return self._spare.pop() if self._spare else await self.create()

    async def take_back(self, url: str) -> None:
        """Keep a database that was lent for who asks next, or drop it where that is more than taking rows out."""
        if await emptied(url, self.shape):
            self._spare.append(url)
        else:
            await self.drop(url)

    async def run(self, statement: str) -> None:
        """Run a statement that no transaction may hold."""
        connection = await asyncpg.connect(self.url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


@pytest_asyncio.fixture(scope="session")
async def database_server() -> AsyncIterator[DatabaseServer]:
    """A PostgreSQL of this test session's own, gone afterwards."""
    async with _SERVER.use() as server:
        yield server


@asynccontextmanager
async def running_server() -> AsyncIterator[DatabaseServer]:
    """A PostgreSQL with a migrated template, gone afterwards."""
    with TemporaryDirectory(prefix="postgres-", ignore_cleanup_errors=True) as folder:
        async with _serving(Path(folder)) as server:
            yield server


@asynccontextmanager
async def _serving(data: Path) -> AsyncIterator[DatabaseServer]:
    part = postgres_part(data, port := free_port())
    await part.prepare()
    part = replace(part, command=replace(part.command, argv=[*part.command.argv, *_IN_MEMORY]))
    process = await spawn(part.command, data / "postgres.log")
    try:
        await _until_ready(part, process, data / "postgres.log")
        server = DatabaseServer(embedded_url(data, port))
        await server.run(f"CREATE DATABASE {server.template}")
        await migrate(server.url_of(server.template))
        server.shape = await shape_of(server.url_of(server.template))
        yield server
    finally:
        await stop(process, part.command)
        forget_home(data)


_SERVER = Shared(running_server)


@pytest_asyncio.fixture
async def database_url(database_server: DatabaseServer) -> AsyncIterator[str]:
    """The URI of a migrated database as good as new."""
    url = await database_server.lend()
    yield url
    await database_server.take_back(url)


@pytest_asyncio.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    """A pool on a migrated database as good as new."""
    opened = await create_pool(database_url, application_name="ordersaga-tests", max_size=10)
    yield opened
    await close_pool(opened)


async def _until_ready(part: Part, process: asyncio.subprocess.Process, log: Path) -> None:
    limit = time.monotonic() + _START_SECONDS
    while not await part.ready(process.pid):
        assert process.returncode is None, f"PostgreSQL stopped: {log.read_text()[-500:]}"
        assert time.monotonic() < limit, f"PostgreSQL was not ready in time: {log.read_text()[-500:]}"
        await asyncio.sleep(0.05)

"""A real database whose roles processes log in by, and the API on it."""

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest_asyncio

from tests.api.conftest import api, orders, services
from tests.support.database import DatabaseServer, database_server, database_url, pool

__all__ = ["api", "database_server", "database_url", "orders", "pool", "services"]

Login = Callable[..., Awaitable[str]]


@pytest_asyncio.fixture
async def login(database_server: DatabaseServer, database_url: str) -> AsyncIterator[Login]:
    """Makes a login that is a member of these of our roles, and gives the database's address for it."""
    made: list[str] = []

    async def make(*roles: str) -> str:
        name, password = f"login_{secrets.token_hex(4)}", secrets.token_hex(8)
        groups = ", ".join(f"ordersaga_{role}" for role in roles)
        await database_server.run(f"CREATE ROLE {name} LOGIN PASSWORD '{password}' IN ROLE {groups}")
        made.append(name)
        parts = urlsplit(database_url)
        return urlunsplit(parts._replace(netloc=f"{name}:{password}@{parts.hostname}:{parts.port}"))

    yield make
    for name in made:
        await database_server.run(f"DROP ROLE {name}")


@pytest_asyncio.fixture
async def owner(database_url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """A connection of the tables' owner."""
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()

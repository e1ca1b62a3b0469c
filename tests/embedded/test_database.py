"""Migrations and demo keys, on a real embedded PostgreSQL."""

import stat
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from ordersaga.embedded import PartFailedError, Stack, StackOptions
from ordersaga.embedded.database import KEYS_FILE, ensure_demo_keys, migrate_database, prepare_database
from ordersaga.embedded.plan import WORKER_QUEUE
from workflows.messages import ORDER_QUEUE


@pytest.fixture
async def stack(data: Path) -> AsyncIterator[Stack]:
    """PostgreSQL with migrations and keys."""
    options = StackOptions(data=data, free_ports=True, only=frozenset({"postgres", "migrations"}))
    async with Stack(options) as running:
        yield running


async def test_demo_keys_are_issued_once_and_again_only_if_the_database_forgot_them(stack: Stack) -> None:
    """Three roles; private on disk, hashed in the database; the same keys at every start."""
    url, file = stack.settings.database_url.get_secret_value(), stack.data / KEYS_FILE
    first = stack.keys
    assert list(first) == ["checkout", "support", "operator"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert await prepare_database(stack.settings, stack.data) == "up to date"
    assert stack.keys == first
    connection = await asyncpg.connect(url)
    await connection.execute("DELETE FROM api_keys WHERE role = 'support'")
    await connection.close()
    second = await ensure_demo_keys(url, file)
    assert {role for role in first if first[role] != second[role]} == {"support"}
    assert stack.keys == second


async def test_an_unreachable_database_is_named_with_its_setting() -> None:
    """Not a stack trace."""
    with pytest.raises(PartFailedError, match=r"^migrations failed: .*ORDERSAGA_DATABASE_URL"):
        await migrate_database("postgresql://ordersaga@127.0.0.1:1/ordersaga")


def test_the_worker_is_waited_for_at_the_queue_it_polls() -> None:
    """The stack names the queue without importing the workflows."""
    assert WORKER_QUEUE == ORDER_QUEUE

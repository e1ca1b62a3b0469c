"""A PostgreSQL and a Temporal for worker processes."""

from collections.abc import AsyncIterator

import pytest_asyncio
from temporalio.testing import WorkflowEnvironment

from tests.support.database import database_server, database_url
from tests.support.temporal import temporal_environment

__all__ = ["database_server", "database_url"]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def environment() -> AsyncIterator[WorkflowEnvironment]:
    """The server."""
    async with temporal_environment() as running:
        yield running

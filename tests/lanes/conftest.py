"""One tuned Temporal for the folder, one PostgreSQL for the session."""

from collections.abc import AsyncIterator

import pytest_asyncio
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from tests.support.database import database_server, database_url, pool
from tests.support.temporal import temporal_environment

__all__ = ["database_server", "database_url", "pool"]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def environment() -> AsyncIterator[WorkflowEnvironment]:
    """The server."""
    async with temporal_environment() as running:
        yield running


@pytest_asyncio.fixture
async def temporal(environment: WorkflowEnvironment) -> Client:
    """A client of it."""
    return environment.client


@pytest_asyncio.fixture
async def other(environment: WorkflowEnvironment) -> Client:
    """A client of its own for a second worker, as another process has."""
    address = environment.client.service_client.config.target_host
    return await Client.connect(address, data_converter=pydantic_data_converter)

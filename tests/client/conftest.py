"""The client before a real Temporal server, without a worker unless a test starts one."""

from collections.abc import AsyncIterator

import pytest_asyncio
from temporalio.testing import WorkflowEnvironment

from tests.support.temporal import temporal_environment


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def environment() -> AsyncIterator[WorkflowEnvironment]:
    """A Temporal development server."""
    async with temporal_environment() as started:
        yield started

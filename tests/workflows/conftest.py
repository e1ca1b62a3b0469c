"""Sagas on a real Temporal server, over fakes that can refuse, lose answers and be inspected."""

from collections.abc import AsyncIterator

import pytest_asyncio
from temporalio.testing import WorkflowEnvironment

from tests.support.temporal import temporal_environment
from tests.workflows.world import World


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def environment() -> AsyncIterator[WorkflowEnvironment]:
    async with temporal_environment() as running:
        yield running


@pytest_asyncio.fixture
async def world(environment: WorkflowEnvironment) -> AsyncIterator[World]:
    async with World(environment) as fresh:
        yield fresh
        assert await fresh.failed_tasks() == []

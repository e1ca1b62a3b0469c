"""An event loop that rules can run a step on, and what the steps need: a database, a Temporal server."""

import asyncio
from collections.abc import Iterator

import pytest
from temporalio.testing import WorkflowEnvironment

from ordersaga.stores.pools import Pool, close_pool, create_pool
from tests.support.database import DatabaseServer, database_server
from tests.support.temporal import temporal_environment

__all__ = ["database_server"]


@pytest.fixture(scope="session")
def steps() -> Iterator[asyncio.Runner]:
    """Runs one step after another on one loop; what a step began goes on during the next one."""
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        yield runner


@pytest.fixture(scope="session")
def shared_pool(steps: asyncio.Runner, database_server: DatabaseServer) -> Iterator[Pool]:
    """A pool on a migrated database that all programs share: each has names of its own."""

    async def opened() -> Pool:
        return await create_pool(await database_server.create(), application_name="properties", max_size=10)

    pool = steps.run(opened())
    yield pool
    steps.run(close_pool(pool))


@pytest.fixture(scope="session")
def temporal(steps: asyncio.Runner) -> Iterator[WorkflowEnvironment]:
    """A development server with a clock of its own for each order."""
    server = temporal_environment()
    yield steps.run(server.__aenter__())
    steps.run(server.__aexit__(None, None, None))

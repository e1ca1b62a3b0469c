"""A collector that this process's traces are sent to; a database, and a Temporal server, for those that need them."""

from collections.abc import Iterator

import pytest

from ordersaga import tracing
from tests.support.database import database_server, database_url, pool
from tests.telemetry.collector import Collector, collecting
from tests.workflows.conftest import environment

__all__ = ["database_server", "database_url", "environment", "pool"]


@pytest.fixture
def collector() -> Iterator[Collector]:
    """What is traced while a test runs."""
    with collecting() as told:
        tracing.begin(told.url, "test")
        yield told
        tracing.end()

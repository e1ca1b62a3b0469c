"""Contracts run on the fakes and on the real adapters."""

import pytest

from tests.contracts.worlds import World, memory_world, postgres_world
from tests.support.database import database_server, database_url, pool

__all__ = ["database_server", "database_url", "pool"]


@pytest.fixture(params=["memory", "postgres"])
def world(request: pytest.FixtureRequest) -> World:
    """A fresh world of each kind."""
    return memory_world() if request.param == "memory" else postgres_world(request.getfixturevalue("pool"))

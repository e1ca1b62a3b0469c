"""Contracts run on the fakes and on the real adapters."""

from collections.abc import Generator
from functools import cache

import pytest

from tests.contracts.table import WORDS, Case, case_of, told
from tests.contracts.worlds import World, memory_world, postgres_world
from tests.support.database import database_server, database_url, pool

__all__ = ["database_server", "database_url", "pool"]


@pytest.fixture(params=["memory", "postgres"])
def world(request: pytest.FixtureRequest) -> World:
    """A fresh world of each kind."""
    return memory_world() if request.param == "memory" else postgres_world(request.getfixturevalue("pool"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A case fails that turns out otherwise than docs/contracts.md tells."""
    report = yield
    case = case_of(item.nodeid)
    says = _page().get(case, "nothing") if case and _page() else None
    if says is not None and report.when == "call" and not report.failed and WORDS[report.outcome] != says:
        report.outcome = "failed"
        report.longrepr = f"docs/contracts.md tells {says!r} of it; run `python -m tests.contracts.table`"
    return report


@cache
def _page() -> dict[Case, str]:
    return told()

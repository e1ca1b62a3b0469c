"""The command line before a served API, whose running orders are a stub."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from ordersaga.bootstrap import open_services
from ordersaga.commands import run
from tests.fakes.samples import catalog
from tests.support.api import Api, StubOrders, serving, settings_for


@dataclass
class Outcome:
    """How a command ended."""

    code: int
    out: str
    err: str


@dataclass
class Terminal:
    """Runs commands against a served API."""

    api: Api
    orders: StubOrders
    capture: pytest.CaptureFixture[str]

    async def __call__(self, *words: str, role: str = "operator", url: str = "") -> Outcome:
        """One command with a key of `role`; it runs in a thread, having an event loop of its own."""
        options = ["--api-url", url or self.api.url, "--api-key", self.api.keys.get(role, role)]
        self.capture.readouterr()
        code = await asyncio.to_thread(exit_code, [*words, *options])
        said = self.capture.readouterr()
        return Outcome(code, said.out, said.err)


def exit_code(words: list[str]) -> int:
    """Run the command line as the console script does."""
    try:
        run(words)
    except SystemExit as end:
        return int(end.code or 0)
    return 0


@pytest_asyncio.fixture
async def terminal(
    database_url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Terminal]:
    """A terminal before an API with ten MUG."""
    monkeypatch.setenv("COLUMNS", "200")
    orders = StubOrders()
    async with open_services(settings_for(database_url), orders=orders) as services:
        await services.catalog.load(catalog(("nj-1", "MUG", 10)))
        with capture_logs():
            async with serving(services) as api:
                yield Terminal(api, orders, capsys)

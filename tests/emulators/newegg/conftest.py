"""One Newegg at real pace for all tests: nothing moves there unless a test moves it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.emulators.newegg.support import NeweggClient
from tests.support.emulators import running


@pytest.fixture(scope="session")
async def newegg_process(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[NeweggClient]:
    """The shared company."""
    data: Path = tmp_path_factory.mktemp("newegg")
    async with running("newegg", data) as process:
        await process.post("rate-limit", per_hour=100_000)
        yield NeweggClient(process)


@pytest.fixture
async def newegg(newegg_process: NeweggClient) -> NeweggClient:
    """The shared company without faults, deciding while the caller waits."""
    await newegg_process.process.delete("faults")
    await newegg_process.process.post("pace", feed_seconds=0, cancel_seconds=0)
    return newegg_process

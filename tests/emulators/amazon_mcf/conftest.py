"""One Amazon at real pace for all tests: nothing moves there unless a test moves it."""

from collections.abc import AsyncIterator

import pytest

from tests.emulators.amazon_mcf.support import AmazonClient
from tests.support.emulators import running


@pytest.fixture(scope="session")
async def amazon(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[AmazonClient]:
    """The shared company."""
    async with running("amazon_mcf", tmp_path_factory.mktemp("amazon")) as process:
        await process.post("rate-limit", per_second=10_000, burst=10_000)
        yield await AmazonClient.of(process)

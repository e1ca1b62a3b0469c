"""One reference courier at real pace for all tests: nothing moves there unless a test moves it."""

from collections.abc import AsyncIterator

import pytest

from tests.emulators.courier.support import SECRET, Courier
from tests.support.emulators import receiving, running


@pytest.fixture(scope="session")
async def courier(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Courier]:
    """The shared company."""
    data = tmp_path_factory.mktemp("courier")
    with receiving() as receiver:
        async with running("courier", data, webhook_url=receiver.url, webhook_secret=SECRET) as process:
            await process.post("rate-limit", per_minute=100_000)
            yield Courier(process, receiver)


@pytest.fixture(scope="session")
async def hasty(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Courier]:
    """Another one, whose days are over in less than a second."""
    with receiving() as receiver:
        options = {"time_scale": 200_000, "webhook_url": receiver.url, "webhook_secret": SECRET}
        async with running("courier", tmp_path_factory.mktemp("hasty"), **options) as process:
            yield Courier(process, receiver)

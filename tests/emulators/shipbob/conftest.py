"""One ShipBob at real pace for all tests: nothing moves there unless a test moves it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.emulators.shipbob.support import ShipBobClient
from tests.support.emulators import receiving, running

SECRET = "whsec_c2hpcGJvYi10ZXN0LXNlY3JldA=="


@pytest.fixture(scope="session")
async def shipbob(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ShipBobClient]:
    """The shared company."""
    data: Path = tmp_path_factory.mktemp("shipbob")
    with receiving() as receiver:
        async with running("shipbob", data, webhook_url=receiver.url, webhook_secret=SECRET) as process:
            await process.post("rate-limit", per_minute=100_000)
            yield ShipBobClient(process, receiver)

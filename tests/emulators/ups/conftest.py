"""One UPS at real pace for all tests: nothing moves there unless a test moves it."""

from collections.abc import AsyncIterator

import pytest

from tests.emulators.ups.support import UPSClient
from tests.support.emulators import running


@pytest.fixture(scope="session")
async def ups(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[UPSClient]:
    """The shared company, signed in."""
    async with running("ups", tmp_path_factory.mktemp("ups")) as process:
        client = UPSClient(process)
        await client.sign_in()
        yield client

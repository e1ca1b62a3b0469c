"""One EasyPost at real pace for all tests: nothing moves there unless a test moves it."""

from collections.abc import AsyncIterator

import pytest

from tests.emulators.easypost.support import EasyPost
from tests.support.emulators import receiving, running

SECRET = "sécret-ﬁt for NFKD"


@pytest.fixture(scope="session")
async def easypost(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EasyPost]:
    """The shared company."""
    data = tmp_path_factory.mktemp("easypost")
    with receiving() as receiver:
        async with running("easypost", data, webhook_url=receiver.url, webhook_secret=SECRET) as process:
            yield EasyPost(process, receiver)

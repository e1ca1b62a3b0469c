"""One TikTok Shop at real pace for all tests: nothing moves there unless a test moves it."""

from collections.abc import AsyncIterator

import pytest

from tests.emulators.tiktok_shop.support import SECRET, TikTokClient
from tests.support.emulators import receiving, running


@pytest.fixture(scope="session")
async def tiktok(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[TikTokClient]:
    """The shared company."""
    with receiving() as receiver:
        options = {"webhook_url": receiver.url, "webhook_secret": SECRET}
        async with running("tiktok_shop", tmp_path_factory.mktemp("tiktok"), **options) as process:
            await process.post("rate-limit", per_second=100_000)
            yield TikTokClient(process, receiver)

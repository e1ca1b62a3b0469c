"""A real Chromium, the console of an empty shop, and that of a whole stack, which is opened once."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.browser.chromium import NAMES, PATIENCE, executable, open_chromium
from tests.browser.shop import Facts, much_happens, working_shop
from tests.console.conftest import api, orders, services
from tests.support.database import database_server, database_url
from tests.support.stack import RealShop

__all__ = ["api", "database_server", "database_url", "orders", "services"]

expect.set_options(timeout=PATIENCE)


@pytest_asyncio.fixture(scope="session")
async def chromium() -> AsyncIterator[Browser]:
    """This machine's Chromium."""
    if executable() is None:
        pytest.skip(f"no Chromium on this machine: none of {', '.join(NAMES)} is on the PATH")
    async with open_chromium() as opened:
        yield opened


@pytest_asyncio.fixture(scope="session")
async def shop(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RealShop]:
    """A shop in which people have work to do, for as long as the tests run."""
    async with working_shop(tmp_path_factory.mktemp("browser") / "state") as opened:
        yield opened


@pytest_asyncio.fixture(scope="session")
async def facts(shop: RealShop) -> Facts:
    """Much happens in it; what is where."""
    return await much_happens(shop)

"""The console with the real API and a real database; running orders are a stub."""

from collections.abc import AsyncIterator

import pytest_asyncio

from ordersaga.bootstrap import Services, open_services
from tests.fakes.samples import catalog
from tests.support.api import Api, StubOrders, serving, settings_for
from tests.support.console import Browser
from tests.support.database import database_server, database_url

__all__ = ["database_server", "database_url"]

STOCK = (("nj-1", "MUG", 10), ("nj-1", "TEE", 5))


@pytest_asyncio.fixture
async def orders() -> StubOrders:
    """What stands in for running orders."""
    return StubOrders()


@pytest_asyncio.fixture
async def services(database_url: str, orders: StubOrders) -> AsyncIterator[Services]:
    """Services on a fresh database with ten MUG and five TEE of acme; one click signs in."""
    async with open_services(settings_for(database_url, demo_sign_in=True), orders=orders) as opened:
        await opened.catalog.load(catalog(*STOCK))
        yield opened


@pytest_asyncio.fixture
async def api(services: Services) -> AsyncIterator[Api]:
    """The served API, the console with it."""
    async with serving(services) as served:
        yield served


@pytest_asyncio.fixture
async def browser(api: Api) -> AsyncIterator[Browser]:
    """A browser that nobody signed in with yet."""
    async with Browser(api.url) as opened:
        yield opened

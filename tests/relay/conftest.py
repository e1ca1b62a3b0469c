"""The relay's parts before a real database and a stub of the running orders."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest_asyncio

from ordersaga.bootstrap import Services, open_services
from tests.fakes.samples import catalog
from tests.fakes.shipping import FakeProvider
from tests.support.api import StubOrders, settings_for
from tests.support.database import database_server, database_url

__all__ = ["database_server", "database_url"]


@pytest_asyncio.fixture
async def orders() -> StubOrders:
    """What stands in for running orders."""
    return StubOrders()


@pytest_asyncio.fixture
async def provider() -> FakeProvider:
    """A provider to poll."""
    return FakeProvider(books_carrier=True)


@pytest_asyncio.fixture
async def services(database_url: str, orders: StubOrders, provider: FakeProvider) -> AsyncIterator[Services]:
    """Services on a fresh database with stock, and a fake in the place of ShipBob."""
    async with open_services(settings_for(database_url), orders=orders) as opened:
        await opened.catalog.load(catalog(("nj-1", "MUG", 500)))
        yield replace(opened, providers={"shipbob": provider, "seller_warehouse": opened.seller_warehouse})

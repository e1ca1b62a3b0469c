"""The API with a real database: `api` stands before a stub of the running orders, `shop` before real sagas."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest_asyncio
from temporalio.testing import WorkflowEnvironment

from ordersaga.bootstrap import Services, open_services
from ordersaga.client import OrderClient
from ordersaga.client_stops import StoppedSagas
from tests.fakes.payments import FakePayments
from tests.fakes.samples import catalog
from tests.fakes.shipping import FakeCarrier, FakeProvider
from tests.support.api import Api, StubOrders, serving, settings_for
from tests.support.database import database_server, database_url
from tests.support.temporal import end_all, temporal_environment
from workers.activities import Ports, StopPorts, build
from workers.lifecycle import running
from workers.orders import lane_workers, order_worker

__all__ = ["database_server", "database_url"]

STOCK = (("nj-1", "MUG", 10), ("nj-1", "TEE", 5))


@pytest_asyncio.fixture
async def orders() -> StubOrders:
    """What stands in for running orders."""
    return StubOrders()


@pytest_asyncio.fixture
async def services(database_url: str, orders: StubOrders) -> AsyncIterator[Services]:
    """Services on a fresh database with ten MUG and five TEE of acme."""
    async with open_services(settings_for(database_url), orders=orders) as opened:
        await opened.catalog.load(catalog(*STOCK))
        yield opened


@pytest_asyncio.fixture
async def api(services: Services) -> AsyncIterator[Api]:
    """The served API before the stub."""
    async with serving(services) as served:
        yield served


@dataclass
class Shop:
    """The served API before real sagas, whose payment company, provider and carrier are fakes."""

    api: Api
    payments: FakePayments
    provider: FakeProvider
    orders: OrderClient


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def environment() -> AsyncIterator[WorkflowEnvironment]:
    """A Temporal development server."""
    async with temporal_environment() as started:
        yield started


def ports_of(services: Services, payments: FakePayments, provider: FakeProvider, client: OrderClient) -> Ports:
    """What activities reach: stores that are real, companies that are not."""
    return Ports(
        stock=services.stock,
        ledger=services.effects,
        journal=services.journal,
        payments=payments,
        providers={"shipbob": provider},
        carriers={"easypost": FakeCarrier()},
        returns=services.returns,
        exchanges=services.exchanges,
        stops=StopPorts(services.stops, StoppedSagas(client), services.waitlist),
        visible_after=timedelta(0),
    )


@pytest_asyncio.fixture
async def shop(database_url: str, environment: WorkflowEnvironment) -> AsyncIterator[Shop]:
    """Everything real but the outside companies."""
    await end_all(environment)
    client = OrderClient(environment.client)
    payments, provider = FakePayments(), FakeProvider(books_carrier=True)
    async with open_services(settings_for(database_url), orders=client) as services:
        await services.catalog.load(catalog(*STOCK))
        ports = ports_of(services, payments, provider, client)
        activities = build(ports)
        workers = [
            order_worker(environment.client, activities),
            *lane_workers(environment.client, activities, ports.providers),
        ]
        async with running(workers, settle=0), serving(replace(services, payments=payments)) as api:
            yield Shop(api, payments, provider, client)

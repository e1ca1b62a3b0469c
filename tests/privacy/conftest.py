"""A shop that encrypts: real database, real Temporal, real workers and API; only the outside companies are fakes."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest_asyncio
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from ordersaga.bootstrap import Services, open_services
from ordersaga.client_stops import StoppedSagas
from ordersaga.settings import Settings
from tests.api.conftest import Shop
from tests.fakes.payments import FakePayments
from tests.fakes.samples import catalog
from tests.fakes.shipping import FakeCarrier, FakeProvider
from tests.privacy.keys import ONE
from tests.support.api import serving, settings_for
from tests.support.database import database_server, database_url, pool
from tests.support.temporal import end_all, temporal_environment
from workers.activities import Ports, StopPorts, build
from workers.lifecycle import running
from workers.orders import lane_workers, order_worker

__all__ = ["database_server", "database_url", "pool"]

DELETES_SOON = tuple(f'history.{queue}ProcessorUpdateAckInterval="1s"' for queue in ("transfer", "visibility"))
"""How often the server writes down what it has done: it deletes nothing that may still have work waiting."""


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def environment() -> AsyncIterator[WorkflowEnvironment]:
    """A Temporal development server that deletes what it is told to within a second, not half a minute."""
    async with temporal_environment(*DELETES_SOON) as started:
        yield started


@pytest_asyncio.fixture
async def settings(database_url: str, environment: WorkflowEnvironment) -> Settings:
    """Of a deployment that encrypts."""
    address = environment.client.service_client.config.target_host
    return settings_for(database_url, temporal_address=address, encryption_keys=ONE)


@pytest_asyncio.fixture
async def shop(settings: Settings, environment: WorkflowEnvironment) -> AsyncIterator[Shop]:
    """Ten MUG on the east coast, five at a warehouse whose seller packs."""
    await end_all(environment)
    payments, provider = FakePayments(), FakeProvider(books_carrier=True)
    async with open_services(settings) as services:
        await services.catalog.load(catalog(("nj-1", "MUG", 10), ("nj-1", "TEE", 5)))
        temporal = await Client.connect(settings.temporal_address, data_converter=services.converter)
        workers = workers_of(services, temporal, payments, provider)
        async with running(workers, settle=0), serving(replace(services, payments=payments)) as api:
            yield Shop(api, payments, provider, services.orders)


def workers_of(services: Services, temporal: Client, payments: FakePayments, provider: FakeProvider) -> list[Worker]:
    """A process with every role."""
    ports = Ports(
        stock=services.stock,
        ledger=services.effects,
        journal=services.journal,
        payments=payments,
        providers={"shipbob": provider, "seller_warehouse": services.seller_warehouse},
        carriers={"easypost": FakeCarrier()},
        returns=services.returns,
        exchanges=services.exchanges,
        stops=StopPorts(services.stops, StoppedSagas(services.orders), services.waitlist),
        visible_after=timedelta(0),
    )
    activities = build(ports)
    return [order_worker(temporal, activities), *lane_workers(temporal, activities, ports.providers)]

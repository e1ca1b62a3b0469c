"""Every process logs in by its own role, and all goes well: orders are taken, started, canceled, told of, sealed."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest_asyncio
import structlog
from temporalio.testing import WorkflowEnvironment

from ordersaga.bootstrap import Services, open_services
from ordersaga.client import OrderClient
from ordersaga.stores.api_keys import ApiKeys
from ordersaga.stores.migrate import migrate
from ordersaga.stores.pools import close_pool, create_pool
from tests.api.conftest import STOCK, environment, ports_of
from tests.fakes.payments import FakePayments
from tests.fakes.samples import catalog
from tests.fakes.shipping import FakeProvider
from tests.security.conftest import Login
from tests.support.api import Api, order_body, serving, settings_for
from tests.support.temporal import end_all
from workers.activities import build
from workers.lifecycle import running
from workers.orders import lane_workers, order_worker
from workers.relay import run_relay

__all__ = ["environment"]

WAIT = {"Prefer": "wait=20"}


@dataclass
class House:
    """The API, and what the relay did that failed."""

    api: Api
    relay: Services
    log: list[Any]


@pytest_asyncio.fixture
async def house(login: Login, database_url: str, environment: WorkflowEnvironment) -> AsyncIterator[House]:
    """API, worker and relay, each with services of its own, by its own login; companies are fakes."""
    await end_all(environment)
    client = OrderClient(environment.client)
    await migrate(database_url)
    async with AsyncExitStack() as stack:
        services = {
            role: await stack.enter_async_context(
                open_services(settings_for(await login(role), poll_interval=timedelta(seconds=0.5)), orders=client)
            )
            for role in ("api", "worker", "relay")
        }
        await services["api"].catalog.load(catalog(*STOCK))
        payments, provider = FakePayments(), FakeProvider(books_carrier=True)
        activities = build(ports_of(services["worker"], payments, provider, client))
        workers = [
            order_worker(environment.client, activities),
            *lane_workers(environment.client, activities, {"shipbob": provider}),
        ]
        log = stack.enter_context(structlog.testing.capture_logs())
        stop = asyncio.Event()
        relay = replace(services["relay"], providers={}, carriers={}, channels={})
        running_relay = asyncio.create_task(run_relay(relay, stop))
        await stack.enter_async_context(running(workers, settle=0))
        yield House(await _served(stack, services["api"], payments, database_url), services["relay"], log)
        stop.set()
        await running_relay


async def _served(stack: AsyncExitStack, services: Services, payments: FakePayments, owner: str) -> Api:
    """The API as the role `api`; its keys are the owner's to make."""
    pool = await create_pool(owner, max_size=1)
    stack.push_async_callback(close_pool, pool)
    issuing = replace(services, payments=payments, api_keys=ApiKeys(pool))
    api = await stack.enter_async_context(serving(issuing))
    api.services = services
    return api


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 40) -> None:
    """Wait until it is so."""
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110 - the database has no event for it
            await asyncio.sleep(0.1)


async def test_an_orders_life_with_no_more_rights_than_said(house: House) -> None:
    """Placed, read, canceled; a second one is sold out, a third stopped; the trail is whole and sealed."""
    api = house.api
    assert await api.services.api_keys.verify(api.keys["checkout"]) is not None
    placed = await api.post("/v1/orders", order_body(order_id="byrole"), role="checkout", headers=WAIT)
    assert (placed.status_code, placed.json()["outcome"]) == (201, "confirmed"), placed.text
    for path in ("", "/timeline", "/explain", "/books", "/returns"):
        assert (await api.get(f"/v1/orders/byrole{path}")).status_code == 200, path
    canceled = await api.post("/v1/orders/byrole/cancel", {"reason": "test"}, role="support", headers=WAIT)
    assert canceled.json()["outcome"] == "canceled", canceled.text

    many = [{"sku": "MUG", "quantity": 99, "unit_price": 1}]
    assert (await api.post("/v1/orders", order_body(lines=many), role="checkout")).status_code == 409
    stop = await api.post("/v1/stops", {"match": {"seller": "acme"}, "reason": "recall", "dry_run": False})
    assert stop.status_code == 202, stop.text
    assert (await api.post("/v1/orders", order_body(), role="checkout")).status_code == 409
    undone = await api.post(f"/v1/stops/{stop.json()['stop_id']}/undo", {"reason": "over"})
    assert undone.status_code == 202, undone.text

    async def sealed() -> bool:
        verified = (await api.get("/v1/audit/orders/byrole/verification")).json()
        return bool(verified["intact"] and verified["unsealed"] == 0)

    await until(sealed)
    assert [line for line in house.log if line["event"] in ("relay_step_failed", "request_failed")] == []


async def test_a_starter_starts_what_was_left_to_it(house: House) -> None:
    """The relay starts an order that nobody started, and tells an endpoint of it, by its own role."""
    added = await house.api.post("/v1/webhook-endpoints", {"url": "https://hooks.acme.example/", "seller": "acme"})
    assert added.status_code == 201, added.text
    endpoint = added.json()["id"]
    placed = await house.api.post(
        "/v1/orders", order_body(order_id="left"), role="checkout", headers={"Prefer": "wait=0"}
    )
    assert placed.status_code in (201, 202), placed.text

    async def told() -> bool:
        rows = (await house.api.get(f"/v1/webhook-endpoints/{endpoint}/deliveries")).json()["deliveries"]
        return any(row["attempts"] for row in rows)

    await until(told)
    await house.relay.intake.expire_holds(prolong=timedelta(minutes=1), longest=timedelta(hours=1))
    await house.relay.intake.forget_keys(older_than=timedelta(days=1))
    assert await house.relay.waitlist.give() == []
    assert [line for line in house.log if line["event"] in ("relay_step_failed", "request_failed")] == []

"""A seller is onboarded while a worker runs: the lanes of its accounts are served, without a restart."""

import asyncio
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from ordersaga.bootstrap import Services, open_services
from ordersaga.client_lanes import LaneQueues
from ordersaga.domain.lanes import carrier_lane
from ordersaga.domain.sellers import SellerProfile
from tests.support.api import settings_for
from tests.support.emulators import eventually, running
from workers.__main__ import Duties, workers_for
from workers.lanes import LaneKeeper
from workers.newcomers import see_to_newcomers
from workers.relay_pollers import ProviderPoller

COURIER = "socks-courier"
PROFILE = SellerProfile.model_validate(
    {
        "name": "Sunny Socks",
        "accounts": {
            COURIER: {
                "kind": "private_delivery",
                "url": "https://api.courier.example",
                "token": "env:SOCKS_COURIER_TOKEN",
                "webhook_secret": "env:SOCKS_COURIER_TOKEN",
                "calls_per_minute": 900,
            }
        },
    }
)


async def is_polled(client: Client, lane: str) -> bool:
    """Whether a worker asks for what waits in a lane."""
    asked = DescribeTaskQueueRequest(
        namespace=client.namespace,
        task_queue=TaskQueue(name=lane),
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
    )
    return bool((await client.workflow_service.describe_task_queue(asked)).pollers)


async def onboard(services: Services, profile: SellerProfile = PROFILE) -> None:
    """By some API."""
    async with services.sellers.changing("socks") as changing:
        await changing.write(profile, "ada")


def stored_at(url: str, **more: str) -> SellerProfile:
    """The seller's provider answers here."""
    secrets: dict[str, Any] = {"authorization": "env:SOCKS_KEY", "secret_key": "env:SOCKS_KEY", **more}
    account = {"kind": "newegg", "url": url, "seller_id": "A0BC", "phone": "555-0100", **secrets}
    return SellerProfile.model_validate({"name": "Sunny Socks", "accounts": {"newegg-socks": account}})


@pytest.mark.parametrize("lanes", ["*", "provider-*"])
async def test_lanes_of_a_new_sellers_account_are_served(
    environment: WorkflowEnvironment, database_url: str, monkeypatch: pytest.MonkeyPatch, lanes: str
) -> None:
    """At the rate its company allows, by those workers that serve such lanes; they end when they are asked to."""
    monkeypatch.setenv("SOCKS_COURIER_TOKEN", "t")
    client, lane, stop = environment.client, carrier_lane(COURIER), asyncio.Event()
    async with open_services(settings_for(database_url)) as services:
        keeper, duties = LaneKeeper(client, services), Duties(roles=("lanes",), lanes=(lanes,))
        making = partial(workers_for, client, services, duties)
        seen_to = asyncio.create_task(see_to_newcomers(services, stop, making, keeper, every=0.1))
        await onboard(services)
        await eventually(lambda: lane in services.lanes)
        if lanes == "*":
            await eventually(lambda: is_polled(client, lane))
            assert (await LaneQueues(client).look(lane)).rate == services.lanes[lane].rate
        stop.set()
        await asyncio.wait_for(seen_to, 30)
        assert services.account_owners == {COURIER: "socks"}


async def test_another_url_and_key_of_an_open_account_count_at_once(
    environment: WorkflowEnvironment, database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Who asked the former address asks the new one; a change that cannot be used leaves the account as it was."""
    monkeypatch.setenv("SOCKS_KEY", "first")
    monkeypatch.setenv("ORDERSAGA_DATABASE_URL", "what is nobody's but ours")
    stop = asyncio.Event()
    async with (
        open_services(settings_for(database_url)) as services,
        running("newegg", tmp_path / "former") as former,
        running("newegg", tmp_path / "new") as new,
    ):
        making = partial(workers_for, environment.client, services, Duties(roles=("lanes",), lanes=("provider-*",)))
        seen_to = asyncio.create_task(see_to_newcomers(services, stop, making, None, every=0.1))
        await onboard(services, stored_at(former.url))
        await eventually(lambda: "newegg-socks" in services.providers)
        poller, first = ProviderPoller(services, "newegg-socks"), services.providers["newegg-socks"]
        await poller.step()
        asked = len(await former.get("requests"))
        assert (asked > 0, await new.get("requests")) == (True, [])

        for nowhere in ("env:NOT_THERE", "env:ORDERSAGA_DATABASE_URL"):
            await onboard(services, stored_at(new.url, secret_key=nowhere))
            await asyncio.sleep(0.5)
            assert services.providers["newegg-socks"] is first
        await onboard(services, stored_at(new.url))
        await eventually(lambda: services.providers["newegg-socks"] is not first)
        await poller.step()
        assert (len(await former.get("requests")), await new.get("requests") != []) == (asked, True)

        second = services.providers["newegg-socks"]
        monkeypatch.setenv("SOCKS_KEY", "second")
        await eventually(lambda: services.providers["newegg-socks"] is not second)
        stop.set()
        await asyncio.wait_for(seen_to, 30)

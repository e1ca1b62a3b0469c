"""A company says 429: every worker keeps back what it has until the named moment, then everything is done."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

import pytest
from temporalio.client import Client

from ordersaga.bootstrap import Services, open_services
from ordersaga.client_lanes import LaneQueues
from ordersaga.domain.lanes import PAYMENTS, provider_lane
from tests.lanes.calling import Call, Served, callers, lane_of, start
from tests.lanes.company import limiting
from tests.lanes.waiting import until
from tests.support.api import settings_for
from tests.support.background import busy
from workers.lanes import LEAD_SECONDS, LaneKeeper

ORDERS = 30
AT_ONCE = 3
LIMIT = 3.0
FAST = 60_000.0
SHIPBOB = provider_lane("shipbob")


@asynccontextmanager
async def processes(database_url: str, url: str, *clients: Client) -> AsyncIterator[list[Services]]:
    """The services of so many worker processes; each keeps the lanes."""
    settings = settings_for(
        database_url,
        shipbob_base_url=url,
        stripe_base_url=url,
        shipbob_calls_per_minute=FAST,
        stripe_calls_per_minute=FAST,
    )
    stop = asyncio.Event()
    async with AsyncExitStack() as opened:
        running = [await opened.enter_async_context(open_services(settings)) for _ in clients]
        keepers = [LaneKeeper(*pair) for pair in zip(clients, running, strict=True)]
        for keeper in keepers:
            await keeper.begin(stop)
        async with busy(*(keeper.run(stop) for keeper in keepers)):
            yield running


@pytest.mark.slow
async def test_a_429_stops_every_worker_of_the_lane_until_then(
    temporal: Client, other: Client, database_url: str
) -> None:
    """Two workers: refused are at most the calls under way at that moment; afterwards all are done, once."""
    async with (
        limiting(allowance=5, limit=LIMIT, header="x-retry-after") as company,
        processes(database_url, company.url, temporal, other) as (first, second),
        callers(temporal),
    ):
        served = [Served(each.providers["shipbob"].inquire) for each in (first, second)]
        handles = [await start(temporal, Call(name=f"o{n}-1-1", queue=SHIPBOB), "one") for n in range(ORDERS)]
        async with lane_of(SHIPBOB, AT_ONCE, (temporal, served[0]), (other, served[1])):
            async with asyncio.timeout(60):
                for handle in handles:
                    await handle.result()
        assert company.limited_from is not None
        assert 1 <= len(company.refused) <= 2 * AT_ONCE
        assert sorted(served[0].names + served[1].names) == sorted(f"o{n}-1-1" for n in range(ORDERS))
        after = next(moment for moment in sorted(company.calls) if moment > company.limited_from)
        print(f"refused {len(company.refused)}; first call {after - company.limited_until:+.2f} s after the limit")
        assert company.limited_until <= after < company.limited_until + 10
        assert (await LaneQueues(temporal).look(SHIPBOB)).rate == first.lanes[SHIPBOB].rate
        assert list(await first.lane_pauses.pauses()) == []


async def test_who_keeps_a_lane_knows_how_long_it_keeps_waiting(temporal: Client, database_url: str) -> None:
    """Routing, in the same process, passes over a provider whose lane has hours of work waiting."""
    queues = LaneQueues(temporal)
    async with open_services(settings_for(database_url, shipbob_calls_per_minute=0.01)) as services, callers(temporal):
        keeper = LaneKeeper(temporal, services)
        await keeper.look()
        assert services.backlogs.busy() == set()
        handle = await start(temporal, Call(name="o1-1-1", queue=SHIPBOB), "one")
        await until(lambda: queues.look(SHIPBOB), lambda state: state.backlog >= 1)
        await keeper.look()
        assert services.backlogs.busy() == {"shipbob"}
        await handle.terminate()
        await queues.set_rate(SHIPBOB, None, "test")


@pytest.mark.slow
async def test_calls_from_inside_workflow_tasks_are_kept_back_as_well(temporal: Client, database_url: str) -> None:
    """No queue hands these out: the gate keeps them back, and they go on from their lane, which is paused too."""
    async with (
        limiting(allowance=3, limit=LIMIT) as company,
        processes(database_url, company.url, temporal) as (services,),
    ):

        async def look(_: str) -> None:
            await services.payments.inquire("pi_1")

        served = Served(look)
        async with callers(temporal, served.serve), lane_of(PAYMENTS, AT_ONCE, (temporal, served)):
            under_way = 3
            handles = [await start(temporal, Call(name=f"early-{n}"), "one") for n in range(3 + under_way)]
            await until(company.limiting, bool)
            handles += [await start(temporal, Call(name=f"late-{n}"), "one") for n in range(10)]
            async with asyncio.timeout(60):
                for handle in handles:
                    await handle.result()
        assert len(company.refused) <= under_way
        assert len(served.names) == 16


async def test_what_a_dead_worker_left_paused_is_restored_by_another(
    temporal: Client, other: Client, database_url: str
) -> None:
    """The record is made, the queue stands at 0, and whoever did it is gone: whoever keeps lanes ends it in time."""
    lane = SHIPBOB
    queues = LaneQueues(temporal)
    async with open_services(settings_for(database_url)) as dead:
        await queues.set_rate(lane, 0, "by one who died")
        await dead.lane_pauses.pause(lane, timedelta(seconds=2), "limits us", "company")
        due = time.monotonic() + 2
    async with processes(database_url, "http://127.0.0.1:9", other) as (services,):
        state = await until(lambda: queues.look(lane), lambda state: state.rate != 0)
        print(f"restored {time.monotonic() - due:+.2f} s after the end of the pause")
        assert time.monotonic() >= due - LEAD_SECONDS - 0.1
        assert state.rate == pytest.approx(services.lanes[lane].rate)


async def test_a_rate_changed_by_hand_or_by_a_setting_is_brought_back(temporal: Client, database_url: str) -> None:
    """What the settings say holds, whatever the server was told before."""
    queues = LaneQueues(temporal)
    await queues.set_rate("carriers", 77, "by hand")
    async with processes(database_url, "http://127.0.0.1:9", temporal) as (services,):
        assert (await queues.look("carriers")).rate == pytest.approx(services.lanes["carriers"].rate)
        await queues.set_rate("carriers", 0, "forgotten")
        await until(lambda: queues.look("carriers"), lambda state: state.rate != 0)


async def test_a_person_resumes_a_lane_at_once(temporal: Client, database_url: str) -> None:
    """The same record, ended before its time."""
    queues = LaneQueues(temporal)
    async with processes(database_url, "http://127.0.0.1:9", temporal) as (services,):
        await services.lane_pauses.pause(PAYMENTS, timedelta(hours=1), "the bank's night", "ada")
        await until(lambda: queues.look(PAYMENTS), lambda state: state.rate == 0)
        assert await services.lane_pauses.resume(PAYMENTS, "they answer", "ada")
        began = time.monotonic()
        await until(lambda: queues.look(PAYMENTS), lambda state: state.rate != 0)
        print(f"resumed after {time.monotonic() - began:.2f} s")
        assert not await services.lane_pauses.resume(PAYMENTS, "they answer", "ada")

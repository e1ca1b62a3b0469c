"""What a lane's queue does on the real server. Keys it does not know it ignores silently: so each effect is seen."""

import asyncio
from collections.abc import AsyncIterator

import pytest_asyncio
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from ordersaga.client_lanes import LaneQueues, QueueState
from ordersaga.domain.lanes import Urgency
from tests.lanes.calling import Call, Served, callers, lane_of, start
from tests.lanes.waiting import until


@pytest_asyncio.fixture(scope="module", loop_scope="session", autouse=True)
async def calling(environment: WorkflowEnvironment) -> AsyncIterator[None]:
    """Somebody who calls."""
    async with callers(environment.client):
        yield


async def backlog(queues: LaneQueues, lane: str, count: int) -> QueueState:
    """The queue, once so much waits in it."""
    return await until(lambda: queues.look(lane), lambda state: state.backlog >= count)


async def test_a_rate_holds_over_two_workers(temporal: Client, other: Client) -> None:
    """Ten a second is ten a second, whoever asks: forty take three seconds and more, of which two workers do some."""
    await LaneQueues(temporal).set_rate("rated", 10, "test")
    served = Served(), Served()
    handles = [await start(temporal, Call(name=str(n), queue="rated"), "one") for n in range(40)]
    async with lane_of("rated", 20, (temporal, served[0]), (other, served[1])):
        for handle in handles:
            await handle.result()
    times = sorted([*served[0].times, *served[1].times])
    assert served[0].times
    assert served[1].times
    assert times[-1] - times[0] > (40 - 10 - 1) / 10 * 0.9, "but for a first second's worth, no faster than the rate"


async def test_a_paused_lane_hands_nothing_out_and_goes_on(temporal: Client) -> None:
    """Rate 0, then another; the state is told as it is."""
    queues, served = LaneQueues(temporal), Served()
    await queues.set_rate("stopped", 0, "test")
    async with lane_of("stopped", 5, (temporal, served)):
        handle = await start(temporal, Call(name="waits", queue="stopped"), "one")
        state = await backlog(queues, "stopped", 1)
        await asyncio.sleep(1)
        assert (state.rate, served.names) == (0, [])
        await queues.set_rate("stopped", 2.5, "test")
        await handle.result()
    assert (await queues.look("stopped")).rate == 2.5
    await queues.set_rate("stopped", None, "test")
    assert (await queues.look("stopped")).rate is None


async def test_the_hurried_go_first_and_between_equals_sellers_take_turns(temporal: Client) -> None:
    """Goods to be stopped overtake what waits; the fairness key of a call with a priority is its workflow's."""
    served, queues = Served(), LaneQueues(temporal)
    waiting = [("viral", Urgency.IN_TIME)] * 30 + [("small", Urgency.IN_TIME)] * 3
    waiting += [("viral", urgency) for urgency in (Urgency.BACKGROUND, Urgency.SOON, Urgency.URGENT, Urgency.UNDO)]
    handles = [
        await start(temporal, Call(name=f"{seller}-{urgency}-{n}", queue="shared", urgency=urgency), seller)
        for n, (seller, urgency) in enumerate(waiting)
    ]
    await backlog(queues, "shared", len(waiting))
    async with lane_of("shared", 1, (temporal, served)):
        for handle in handles:
            await handle.result()
    ranks = [int(name.split("-")[1]) for name in served.names]
    assert ranks == sorted(ranks)
    assert max(rank for rank, name in enumerate(served.names) if name.startswith("small")) < 15

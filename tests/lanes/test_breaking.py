"""A company fails: its lane hands nothing out, then what may try it, undoing first, and everything once it answers."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

import pytest
from temporalio.client import Client

from ordersaga.client_lanes import LaneQueues
from ordersaga.domain.breakers import PROBES_PER_MINUTE, Breaker, BreakerState
from ordersaga.domain.lanes import Urgency, provider_lane
from tests.lanes.calling import Call, Served, callers, lane_of, start
from tests.lanes.company import limiting
from tests.lanes.test_pausing import processes
from tests.lanes.waiting import until

SHIPBOB = provider_lane("shipbob")
MANY = 10_000

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


async def test_a_company_that_fails_is_left_alone_then_tried_by_one_undoing_first(
    temporal: Client, other: Client, database_url: str
) -> None:
    """Two processes: few calls reach it while it is down, and all are done once it answers."""
    async with (
        limiting(allowance=MANY, limit=0) as company,
        processes(database_url, company.url, temporal, other) as (first, second),
        callers(temporal),
    ):
        company.down = True
        served = [Served(each.providers["shipbob"].inquire) for each in (first, second)]
        async with lane_of(SHIPBOB, 3, (temporal, served[0]), (other, served[1])):
            handles = [await start(temporal, Call(name=f"o{n}-1-1", queue=SHIPBOB), "one") for n in range(20)]
            await until(lambda: _state(first.breakers.breakers), lambda state: state is BreakerState.OPEN)
            queues = LaneQueues(temporal)
            await until(lambda: queues.look(SHIPBOB), lambda state: state.rate == 0)
            met = len(company.refused)
            await first.breakers.force(SHIPBOB, BreakerState.OPEN, timedelta(minutes=5), "they repair it", "ada")
            await asyncio.sleep(2)
            assert len(company.refused) <= met + 6, "what was under way, and no more"
            undo = Call(name="undo-1-1", queue=SHIPBOB, urgency=Urgency.UNDO)
            handles.append(await start(temporal, undo, "one"))
            company.down = False
            await first.breakers.leave_alone(SHIPBOB, "they repaired it", "ada")
            await until(lambda: queues.look(SHIPBOB), lambda state: state.rate == PROBES_PER_MINUTE / 60)
            async with asyncio.timeout(120):
                for handle in handles:
                    await handle.result()
        assert sorted(served[0].names + served[1].names) == sorted([*(f"o{n}-1-1" for n in range(20)), "undo-1-1"])
        assert (await _state(second.breakers.breakers)) is BreakerState.CLOSED
        await until(lambda: queues.look(SHIPBOB), lambda state: state.rate == first.lanes[SHIPBOB].rate)


async def _state(read: Callable[[], Awaitable[Sequence[Breaker]]]) -> BreakerState | None:
    return next((breaker.state for breaker in await read()), None)

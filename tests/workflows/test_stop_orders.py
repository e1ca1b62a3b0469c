"""A stop's workflow: when it looks, what pauses it, what ends it; before a scripted database."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowHandle
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from ordersaga.client import OrderClient
from ordersaga.client_stops import StopClient
from ordersaga.domain.errors import OperatorError
from ordersaga.domain.stops import StopMatch, stop_workflow_id
from tests.support.stops import ScriptedStops
from tests.support.temporal import details
from workers.activities import ActivitySet
from workers.lifecycle import running
from workers.orders import order_worker
from workflows import stop_orders
from workflows.messages import BOOKS_QUEUE
from workflows.presentation import CARRIER
from workflows.stop_orders import StopOrders, StopProgress

Stop = WorkflowHandle[StopOrders, StopProgress]
_numbers = count(1)


@asynccontextmanager
async def started(environment: WorkflowEnvironment, script: ScriptedStops) -> AsyncIterator[Stop]:
    """A stop before this database."""
    activities = script.beside(ActivitySet([], [], [], [], []))
    stop_id = f"t{next(_numbers)}"
    books = Worker(environment.client, task_queue=BOOKS_QUEUE, activities=activities.books)
    async with running([order_worker(environment.client, activities), books], settle=0):
        await StopClient(OrderClient(environment.client)).start(stop_id, StopMatch(region="US-CA", carrier="ups"))
        handle: Stop = environment.client.get_workflow_handle_for(StopOrders.run, stop_workflow_id(stop_id))
        yield handle


async def until(handle: Stop, true: Callable[[StopProgress], bool]) -> StopProgress:
    """Look at the stop until it is as expected."""
    for _ in range(300):
        seen = await handle.query(StopOrders.progress)
        if true(seen):
            return seen
        await asyncio.sleep(0.05)
    raise AssertionError(f"never came true: {seen}")


async def resting(handle: Stop, looks: int) -> StopProgress:
    """Wait until so many looks are done."""
    return await until(handle, lambda seen: seen.phase == "resting" and seen.looks == looks)


async def undone(handle: Stop, script: ScriptedStops) -> StopProgress:
    """Somebody lifts the stop."""
    script.now_stands(lifted=True)
    await handle.signal(StopOrders.on_stop_changed)
    return await asyncio.wait_for(handle.result(), 30)


async def test_it_looks_soon_again_and_then_in_its_rhythm(environment: WorkflowEnvironment) -> None:
    """Page by page; ten seconds after the first look, then every five minutes; undone, it releases what it held."""
    script = ScriptedStops(pages=3, held=60)
    async with started(environment, script) as handle:
        seen = await resting(handle, 1)
        assert (seen.treated, script.asked.count("treat_page")) == (30, 3)
        await environment.fast_forward(handle, timedelta(seconds=11))
        second = await resting(handle, 2)
        assert second.next_look is not None
        await environment.fast_forward(handle, timedelta(minutes=4))
        assert (await handle.query(StopOrders.progress)).looks == 2
        await environment.fast_forward(handle, timedelta(minutes=2))
        await resting(handle, 3)
        ended = await undone(handle, script)
    assert (ended.phase, ended.released, script.looks) == ("ended", 60, [0, 1, 2])
    assert (script.lifted, script.asked[-4:]) == ([], ["release_page"] * 3 + ["end_stop"])


async def test_it_waits_until_it_takes_effect_and_ends_by_itself(environment: WorkflowEnvironment) -> None:
    """Nothing is touched before; at its end it opens the door and releases its holds, without anybody."""
    now = ScriptedStops().standing.effective_at
    script = ScriptedStops(held=1, effective_at=now + timedelta(hours=2), until=now + timedelta(hours=3))
    async with started(environment, script) as handle:
        await environment.fast_forward(handle, timedelta(hours=1))
        assert script.asked == ["read_stop"]
        await environment.fast_forward(handle)
        ended = await asyncio.wait_for(handle.result(), 30)
    assert (ended.phase, ended.released) == ("ended", 1)
    assert [(each.by, each.reason) for each in script.lifted] == [(handle.id, "its time is over")]
    assert script.asked.count("treat_page") >= 12


async def test_paused_it_touches_nobody_and_goes_on_when_resumed(environment: WorkflowEnvironment) -> None:
    """From the page where it was."""
    script = ScriptedStops(pages=4, paused=True)
    async with started(environment, script) as handle:
        await until(handle, lambda seen: seen.phase == "paused")
        assert "treat_page" not in script.asked
        script.now_stands(paused=False)
        await handle.signal(StopOrders.on_stop_changed)
        await resting(handle, 1)
        assert script.asked.count("treat_page") == 4
        await undone(handle, script)


async def test_what_could_not_be_treated_is_tried_again_sooner(environment: WorkflowEnvironment) -> None:
    """Half a minute later, not five; and a page that is refused is never given up."""
    script = ScriptedStops()
    script.failing = 2
    script.errors = [OperatorError("data_refused", "no")]
    async with started(environment, script) as handle:
        await until(handle, lambda _: "treat_page" in script.asked)
        await environment.fast_forward(handle, timedelta(seconds=31))
        seen = await resting(handle, 1)
        assert (seen.treated, seen.failed) == (8, 2)
        await environment.fast_forward(handle, timedelta(seconds=11))
        await resting(handle, 2)
        await environment.fast_forward(handle, timedelta(seconds=31))
        await resting(handle, 3)
        await undone(handle, script)


async def test_a_dry_run_looks_once_and_holds_nobody(environment: WorkflowEnvironment) -> None:
    """Whenever it would take effect."""
    now = ScriptedStops().standing.effective_at
    script = ScriptedStops(pages=2, dry_run=True, effective_at=now + timedelta(days=9))
    async with started(environment, script) as handle:
        ended = await asyncio.wait_for(handle.result(), 30)
    assert (ended.looks, ended.treated) == (1, 20)
    assert "release_page" not in script.asked
    assert [each.reason for each in script.lifted] == ["all was foreseen"]


async def test_a_raw_cancellation_lifts_it(environment: WorkflowEnvironment) -> None:
    """As if somebody had undone it: the holds are released."""
    script = ScriptedStops(held=30)
    async with started(environment, script) as handle:
        await resting(handle, 1)
        await handle.cancel()
        ended = await asyncio.wait_for(handle.result(), 30)
    assert (ended.phase, ended.released) == ("ended", 30)
    assert [each.by for each in script.lifted] == ["temporal"]


@pytest.mark.slow
async def test_long_looks_begin_their_history_anew(environment: WorkflowEnvironment) -> None:
    """Each page once, and the counts go on; it is still found by what it stops, and says so."""
    pages = 2 * stop_orders.PAGES_A_RUN + 5
    script = ScriptedStops(pages=pages)
    async with started(environment, script) as handle:
        first = (await handle.describe()).run_id
        seen = await _after(handle, pages)
        assert (seen.treated, script.asked.count("treat_page")) == (10 * pages, pages)
        shown = await handle.describe()
        assert shown.run_id != first
        assert shown.typed_search_attributes[CARRIER] == ["ups"]
        assert await shown.memo_value("title") == "stop region US-CA, carrier ups"
        title = f"**resting**\n\nStop {seen.stop_id}: region US-CA, carrier ups\n"
        assert (await details(handle)).startswith(title)
        await undone(handle, script)
    assert script.looks == [0]
    history = await environment.client.get_workflow_handle(handle.id, run_id=first).fetch_history()
    assert history.events[-1].event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW
    assert len(history.events) < 1500


async def _after(handle: Stop, pages: int) -> StopProgress:
    async with asyncio.timeout(90):
        while True:
            seen = await handle.query(StopOrders.progress)
            if seen.phase == "resting":
                return seen
            await asyncio.sleep(0.2)


async def test_a_strange_signal_changes_nothing(environment: WorkflowEnvironment) -> None:
    """Whatever is sent with it."""
    script = ScriptedStops()
    async with started(environment, script) as handle:
        await resting(handle, 1)
        strange: list[list[Any]] = [[1, 2, 3], [None], ["what"]]
        for inputs in strange:
            await handle.signal("stop_changed", args=inputs)
        assert (await undone(handle, script)).phase == "ended"

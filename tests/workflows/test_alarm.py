"""One durable timer for all waits of an order: what it rings for, and what it does not start."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest_asyncio
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowHandle
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from tests.workflows.waits import Waits
from tests.workflows.world import task_failures
from workers.sandbox import workflow_runner

QUEUE = "alarms"


@pytest_asyncio.fixture
async def alarms(environment: WorkflowEnvironment) -> AsyncIterator[Client]:
    async with Worker(environment.client, task_queue=QUEUE, workflows=[Waits], workflow_runner=workflow_runner()):
        yield environment.client


async def start(client: Client, name: str, *waits: tuple[str, int]) -> WorkflowHandle[Waits, list[list[object]]]:
    handle: WorkflowHandle[Waits, list[list[object]]] = await client.start_workflow(
        "Waits", list(waits), id=f"alarm-{name}", task_queue=QUEUE, result_type=list
    )
    return handle


async def timers(handle: WorkflowHandle[Waits, list[list[object]]]) -> int:
    assert await task_failures(handle) == []
    started = EventType.EVENT_TYPE_TIMER_STARTED
    return sum(event.event_type == started for event in (await handle.fetch_history()).events)


async def test_equal_deadlines_share_a_timer(alarms: Client, environment: WorkflowEnvironment) -> None:
    """Three waits until the same moment end at that moment, with one timer."""
    handle = await start(alarms, "equal", ("a", 600), ("b", 600), ("c", 600))
    await environment.fast_forward(handle, timedelta(minutes=11))
    assert sorted(await handle.result()) == [["a", False, 60], ["b", False, 60], ["c", False, 60]]
    assert await timers(handle) == 1


async def test_deadline_in_the_past_ends_at_once(alarms: Client) -> None:
    """A wait whose deadline has passed does not wait."""
    handle = await start(alarms, "past", ("a", -3600))
    assert await handle.result() == [["a", False, 0]]


async def test_later_deadline_reuses_the_running_timer(alarms: Client, environment: WorkflowEnvironment) -> None:
    """The timer of the earliest deadline rings, then is set to the next: as many timers as deadlines, no more."""
    handle = await start(alarms, "later", ("a", 600), ("b", 1200), ("c", 1800))
    await environment.fast_forward(handle, timedelta(minutes=31))
    assert await handle.result() == [["a", False, 60], ["b", False, 120], ["c", False, 180]]
    assert await timers(handle) == 3


async def test_earlier_deadline_rings_first(alarms: Client, environment: WorkflowEnvironment) -> None:
    """A wait that comes later but ends earlier is not late; the longer one still ends on time."""
    handle = await start(alarms, "earlier", ("b", 1200), ("a", 600))
    await environment.fast_forward(handle, timedelta(minutes=21))
    assert await handle.result() == [["a", False, 60], ["b", False, 120]]
    assert await timers(handle) <= 3


async def test_condition_that_comes_true_ends_only_its_own_wait(
    alarms: Client, environment: WorkflowEnvironment
) -> None:
    """A released wait ends before its deadline; what waits beside it goes on to its own."""
    handle = await start(alarms, "released", ("a", 600), ("b", 1200))
    await handle.signal("release", "a")
    await environment.fast_forward(handle, timedelta(minutes=21))
    assert await handle.result() == [["a", True, 0], ["b", False, 120]]

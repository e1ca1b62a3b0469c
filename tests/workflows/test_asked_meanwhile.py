"""A query parts a quick call's end from what follows it: the order goes on, and replays, as if nobody had asked."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Replayer

from ordersaga.domain.statuses import ConfirmOutcome, OrderStatus
from tests.workflows.gates import Gates, as_over_a_network
from tests.workflows.parted import parted, quick_calls
from tests.workflows.world import Handle, World, task_failures
from workers.sandbox import workflow_runner
from workflows.messages import HoldRequest
from workflows.order_fulfillment import OrderFulfillment

IN_GRACE = {"hand_off_delay": timedelta(hours=1)}
QUICK_CALLS = 8
"""Holding, reserving and recording; releasing and giving back for each parcel; closing."""
HOLD = HoldRequest(kind="fraud", by="risk")


@pytest.fixture
def gates(monkeypatch: pytest.MonkeyPatch) -> Gates:
    """Gates around every workflow of this test."""
    made = Gates()
    monkeypatch.setattr("workers.orders.workflow_runner", made.runner)
    return made


async def replays(handle: Handle) -> None:
    """Its history can be continued."""
    await replayed(await handle.fetch_history())


async def replayed(history: WorkflowHistory) -> None:
    """A history can be continued."""
    replayer = Replayer(
        workflows=[OrderFulfillment], workflow_runner=workflow_runner(), data_converter=pydantic_data_converter
    )
    await replayer.replay_workflow(history)


@asynccontextmanager
async def held_meanwhile(world: World, gates: Gates, handle: Handle) -> AsyncIterator[asyncio.Task[Any]]:
    """Somebody holds the order, and a query parts the record of it from what the block does. Yields the answer."""
    as_over_a_network(world.journal, "record")
    asked: list[asyncio.Task[Any]] = []

    async def holds() -> None:
        asked.append(asyncio.create_task(handle.execute_update("place_hold", HOLD)))

    async with gates.parted(world, handle, holds):
        yield asked[0]


async def test_an_answer_whose_task_is_lost_is_given_again(environment: WorkflowEnvironment, gates: Gates) -> None:
    """The task that would have answered never reaches the server: the next one does, and the order goes on."""
    async with World(environment) as world:
        _, handle = await world.confirmed(("MUG", 1), terms=IN_GRACE)
        async with held_meanwhile(world, gates, handle) as hold:
            gates.loses = True
        await asyncio.wait_for(hold, 10)

        assert await task_failures(handle) == [f"{handle.id}: lost"]
        assert (await world.cancel(handle)).outcome == "canceled"
        assert (await world.result(handle)).status is OrderStatus.CANCELED
        await replays(handle)


async def test_what_a_quick_call_came_to_is_taken_in_first(environment: WorkflowEnvironment, gates: Gates) -> None:
    """A cancellation arrives with the end of the call before it: the order replays in the order it ran."""
    async with World(environment) as world:
        _, handle = await world.confirmed(("MUG", 1), terms=IN_GRACE)
        async with held_meanwhile(world, gates, handle) as hold:
            await handle.signal("request_cancel")
            await handle.cancel()
        await hold

        assert (await world.result(handle)).status is OrderStatus.CANCELED
        await replays(handle)
        assert await task_failures(handle) == []


async def test_what_is_undone_unbegun_replays_wherever_it_was_parted(world: World) -> None:
    """The second parcel's payment was not begun when the order was canceled: a query may have parted any quick call."""
    world.restocked(("nj-1", "MUG", 1), ("ca-1", "TEE", 1))
    world.payments.require_action_next()
    answer, handle = await world.checkout(world.order(("MUG", 1), ("TEE", 1)))
    assert answer.outcome is ConfirmOutcome.ACTION_REQUIRED
    await handle.signal("request_cancel")
    assert (await world.result(handle)).status is OrderStatus.CANCELED

    history = await handle.fetch_history()
    assert len(quick_calls(history)) == QUICK_CALLS
    for marker in quick_calls(history):
        await replayed(parted(history, marker))

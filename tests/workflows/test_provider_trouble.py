"""A provider refuses, gives up after accepting, fails us, or is down."""

import asyncio
from datetime import timedelta

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.testing import WorkflowEnvironment

from ordersaga.client_lanes import LaneQueues
from ordersaga.domain.errors import CustomerError, OperatorError, RetryError
from ordersaga.domain.shipping import CancelDecision
from ordersaga.domain.statuses import OrderStatus, ParcelStatus
from tests.workflows.world import Handle, World
from workflows import hand_over
from workflows.messages import provider_queue


async def test_refused_address_undoes_the_order(world: World) -> None:
    """The provider cannot ship there: nothing to withdraw, units and money back, captured nothing."""
    world.provider.fail_next("submit", CustomerError("address_refused", "no such street"))
    placed, handle = await world.confirmed()
    result = await world.result(handle)
    assert (result.status, result.reason, result.captured) == (OrderStatus.CANCELED, "address_refused", 0)
    assert world.log[-2:] == ["stock.release", "payments.void"]
    assert world.provider.called("cancel") == []
    await world.balanced(placed)


@pytest.mark.parametrize("status", [ParcelStatus.EXCEPTION, ParcelStatus.CANCELED])
async def test_parcel_given_up_by_its_provider_is_undone(world: World, status: ParcelStatus) -> None:
    """Accepted, then stopped by the provider: it is asked to stop for certain, then everything is undone."""
    placed, handle = await world.accepted()
    world.provider.advance(world.reference(placed), status)
    await world.report(handle, status, detail="out of stock")
    result = await world.result(handle)
    assert (result.status, result.reason) == (OrderStatus.CANCELED, f"provider_{status}")
    assert world.log[-3:] == ["shipbob.cancel", "stock.release", "payments.void"]
    await world.balanced(placed)


async def test_exception_the_provider_cannot_stop_goes_on(world: World) -> None:
    """A troubled parcel that is past stopping is neither undone nor asked about in a loop; it resumes and ships."""
    placed, handle = await world.accepted()
    world.provider.answer_cancel_next(CancelDecision.REFUSED)
    await world.report(handle, ParcelStatus.EXCEPTION)
    await world.called(world.provider, "cancel", 1)
    await world.report(handle, ParcelStatus.PICKED)
    result = await world.deliver(handle)
    assert (result.status, result.captured) == (OrderStatus.COMPLETED, 1000)
    assert len(world.provider.called("cancel")) == 1
    await world.balanced(placed)


async def test_a_hand_off_that_waits_in_its_lane_asks_nobody(
    environment: WorkflowEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A surge or a pause keeps it there for longer than a provider may be silent: it goes on waiting, then goes."""
    monkeypatch.setattr(hand_over, "SILENCE", timedelta(seconds=5))
    queues, lane = LaneQueues(environment.client), provider_queue("shipbob")
    await queues.set_rate(lane, 0, "test")
    try:
        async with World(environment, sandboxed=False) as world:
            placed, handle = await world.confirmed()
            async with asyncio.timeout(60):
                while not await _timed_out(handle):  # noqa: ASYNC110 - the server does it
                    await asyncio.sleep(0.1)
            await queues.set_rate(lane, None, "test")
            await world.called(world.provider, "submit", 1)
            view = await world.until(handle, lambda seen: seen.parcels[0].status is ParcelStatus.ACCEPTED)
            assert view.attention == ()
            assert world.memory.attention == {}
            await world.deliver(handle)
            await world.balanced(placed)
    finally:
        await queues.set_rate(lane, None, "test")


async def _timed_out(handle: Handle) -> int:
    """How often a call waited in its lane until its patience ended."""
    events = (await handle.fetch_history()).events
    return sum(event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT for event in events)


async def test_operators_error_is_parked_and_retried_under_a_new_generation(world: World) -> None:
    """A failure of ours is nobody's refusal: after repair the hand-off is new, and old reports are ignored."""
    world.provider.fail_next("submit", OperatorError("channel_missing", "not set up"))
    placed, handle = await world.confirmed()
    view = await world.until(handle, lambda seen: bool(seen.attention))
    assert (view.attention[0].kind, view.attention[0].choices) == ("step_failed", ("retry", "cancel"))
    assert world.units()["ca-1", "MUG"] == (10, 1)
    await world.resolve(handle, "retry")
    await world.until(handle, lambda seen: seen.parcels[0].status is ParcelStatus.ACCEPTED)
    assert list(world.provider.orders) == [world.reference(placed, generation=2)]
    await world.cancel(handle)
    assert world.provider.called("cancel") == [(world.reference(placed, generation=2),)]
    assert (await world.result(handle)).status is OrderStatus.CANCELED
    await world.balanced(placed)


async def test_parked_hand_off_given_up_by_a_person(world: World) -> None:
    """`cancel` undoes the parcel with the failure as its reason; the provider had nothing."""
    world.provider.fail_next("submit", OperatorError("channel_missing", "not set up"))
    placed, handle = await world.confirmed()
    await world.resolve(handle, "cancel", "step_failed")
    result = await world.result(handle)
    assert (result.status, result.reason) == (OrderStatus.CANCELED, "channel_missing")
    assert world.provider.called("cancel") == []
    await world.balanced(placed)


async def test_cancellation_answers_a_parked_hand_off(world: World) -> None:
    """While an operator is asked, the order is canceled: the question closes itself."""
    world.provider.fail_next("submit", OperatorError("channel_missing", "not set up"))
    placed, handle = await world.confirmed()
    await world.question(handle, "step_failed")
    assert (await world.cancel(handle)).outcome == "canceled"
    assert (await world.result(handle)).status is OrderStatus.CANCELED
    assert [item.resolved for item in world.memory.attention.values()] == ["settled"]
    await world.balanced(placed)


async def test_provider_down_for_days_is_parked_and_the_same_hand_off_is_retried(world: World) -> None:
    """Nobody knows what became of it: after patience a person is asked, and `retry` keeps the generation."""
    for _ in range(20):
        world.provider.fail_next(
            "submit", RetryError("down", "no answer", unknown=True, retry_after=timedelta(hours=6))
        )
    placed, handle = await world.confirmed()
    await world.called(world.provider, "submit", 1)
    await world.pass_time(handle, timedelta(days=2, hours=12))
    view = await world.until(handle, lambda seen: bool(seen.attention))
    assert "hand parcel 1 to shipbob" in view.attention[0].question
    world.up(world.provider, "submit")
    await world.resolve(handle, "retry")
    await world.until(handle, lambda seen: seen.parcels[0].status is ParcelStatus.ACCEPTED)
    assert list(world.provider.orders) == [world.reference(placed)]

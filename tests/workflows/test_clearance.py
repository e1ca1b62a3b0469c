"""What may keep an order from being handed off: the hand-off delay and typed holds, several at once."""

from datetime import timedelta

import pytest
from temporalio.client import WorkflowUpdateFailedError

from ordersaga.domain.statuses import OrderStatus, ParcelStatus
from tests.workflows.world import Handle, World
from workflows.messages import HoldRequest, OrderView

GRACE = timedelta(hours=1)


async def hold(handle: Handle, kind: str, update: str = "place_hold") -> OrderView:
    """Place (or release) a hold; what the order looks like then."""
    asked = HoldRequest(kind=kind, by="agent", reason="to be sure")
    view: OrderView = await handle.execute_update(update, asked, result_type=OrderView)
    return view


async def test_grace_period_delays_the_hand_off(world: World) -> None:
    """Nothing is handed off before the channel's hour is over; then it goes by itself."""
    _, handle = await world.confirmed(terms={"hand_off_delay": GRACE})
    await world.pass_time(handle, timedelta(minutes=58))
    view = await world.until(handle, lambda seen: seen.status is OrderStatus.CONFIRMED)
    assert (view.awaiting, world.provider.calls) == ("the hand-off delay", [])
    await world.pass_time(handle, timedelta(minutes=3))
    await world.until(handle, lambda seen: seen.parcels[0].status is ParcelStatus.ACCEPTED)


async def test_hand_off_waits_for_the_last_of_several_holds(world: World) -> None:
    """Two holds placed in the grace period: shown at once, and releasing one is not enough."""
    placed, handle = await world.confirmed(terms={"hand_off_delay": GRACE})
    await hold(handle, "fraud_review")
    await world.recorded(placed, OrderStatus.ON_HOLD)
    await hold(handle, "bad_address")
    await world.pass_time(handle, timedelta(hours=2))
    view = await hold(handle, "fraud_review", "release_hold")
    assert (view.status, view.holds) == (OrderStatus.ON_HOLD, {"bad_address": "to be sure"})
    assert world.provider.calls == []
    await hold(handle, "bad_address", "release_hold")
    await world.until(handle, lambda seen: seen.parcels[0].status is ParcelStatus.ACCEPTED)
    assert len(world.provider.called("submit")) == 1


async def test_released_hold_does_not_shorten_the_grace_period(world: World) -> None:
    """A hold placed and released within the grace period leaves the rest of it in force."""
    placed, handle = await world.confirmed(terms={"hand_off_delay": GRACE})
    await hold(handle, "fraud_review")
    await hold(handle, "fraud_review", "release_hold")
    await world.recorded(placed, OrderStatus.CONFIRMED)
    await world.pass_time(handle, timedelta(minutes=50))
    assert world.provider.calls == []


async def test_hold_of_days_is_looked_at_daily_and_ends_with_a_cancellation(world: World) -> None:
    """A hold nobody releases never hands off; a cancellation still undoes the order."""
    placed, handle = await world.confirmed(terms={"hand_off_delay": GRACE})
    await hold(handle, "stop")
    await world.pass_time(handle, timedelta(days=4))
    answer = await world.cancel(handle)
    assert (answer.outcome, answer.voided, world.provider.calls) == ("canceled", 1000, [])
    assert (await world.result(handle)).status is OrderStatus.CANCELED
    await world.balanced(placed)


async def test_late_hold_is_refused(world: World) -> None:
    """A parcel is at its provider: holding would be a lie; the refusal says what to do instead."""
    _, handle = await world.accepted()
    with pytest.raises(WorkflowUpdateFailedError) as caught:
        await hold(handle, "fraud_review")
    assert "cancel instead" in str(caught.value.cause)
    with pytest.raises(WorkflowUpdateFailedError) as caught:
        await hold(handle, "never_placed", "release_hold")
    assert "no hold 'never_placed' is in force; in force: none" in str(caught.value.cause)

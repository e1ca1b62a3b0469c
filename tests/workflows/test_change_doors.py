"""The doors for changes: what each refuses before confirmation, while canceling and after the end; and holds."""

from datetime import timedelta

import pytest
from temporalio.client import WorkflowUpdateFailedError
from temporalio.service import RPCError

from ordersaga.domain.statuses import OrderStatus, ParcelStatus
from tests.workflows.changes import (
    change,
    expedited,
    goodwill,
    moved,
    paying_with,
    refusal,
    since,
    split,
    to_boston,
    with_carrier,
)
from tests.workflows.world import World
from workflows.messages import Asked, DelayConsent, HoldRequest

EVERY: dict[str, Asked] = {
    "change_address": to_boston(),
    "expedite": expedited(),
    "split_parcel": split(("MUG", 1)),
    "move_parcel": moved(),
    "change_carrier": with_carrier(),
    "refund": goodwill(1),
    "change_payment": paying_with("pm_other"),
    "answer_delay": DelayConsent(by="agent", consent=True),
}
MOVING = ("change_address", "expedite", "split_parcel", "move_parcel", "change_carrier")


async def test_before_confirmation_nothing_can_be_changed(world: World) -> None:
    """The shopper still pays: every door says when to ask again; nothing is recorded."""
    world.payments.require_action_next()
    placed = world.order()
    _, handle = await world.checkout(placed)
    told = {await refusal(handle, name, asked) for name, asked in EVERY.items()}
    assert told == {"customer: the order is not confirmed yet; ask again once it is, or cancel it"}
    assert "change_requested" not in world.story(placed)
    await world.pass_time(handle, timedelta(minutes=16))
    await world.result(handle)
    await world.balanced(placed)


async def test_after_the_end_nothing_can_be_changed(world: World) -> None:
    """The order has ended: its doors are gone."""
    placed, handle = await world.accepted()
    await world.deliver(handle)
    mark = len(world.log)
    for name, asked in EVERY.items():
        with pytest.raises((RPCError, WorkflowUpdateFailedError)):
            await handle.execute_update(name, asked)
    assert since(world, mark) == []
    await world.balanced(placed)


async def test_empty_inputs_are_refused(world: World) -> None:
    """JSON's null is no request."""
    _, handle = await world.accepted()
    assert {await refusal(handle, name, None) for name in EVERY} == {"customer: the input is empty"}


async def test_while_canceling_parcels_do_not_move(world: World) -> None:
    """The provider has not answered the withdrawal: moving it now is refused in words."""
    placed, handle = await world.accepted(("MUG", 2))
    world.down(world.provider, "cancel")
    await handle.signal("request_cancel")
    await world.called(world.provider, "cancel", 1)
    told = {await refusal(handle, name, EVERY[name]) for name in MOVING}
    assert told == {"customer: the order is being canceled; ask for the cancellation's outcome first"}
    world.up(world.provider, "cancel")
    assert (await world.result(handle)).status is OrderStatus.CANCELED
    await world.balanced(placed)


async def test_after_the_scan_parcels_do_not_move(world: World) -> None:
    """Each door offers the return instead."""
    placed, handle = await world.accepted(("MUG", 2))
    await world.report(handle, ParcelStatus.IN_TRANSIT)
    await world.until(handle, lambda view: view.parcels[0].captured > 0)
    told = {await refusal(handle, name, EVERY[name]) for name in MOVING}
    assert told == {
        "customer: too late: the parcel has left, or can no longer be stopped; offer a return once it is delivered"
    }
    assert await refusal(handle, "answer_delay", EVERY["answer_delay"]) == (
        "customer: no delay notice is open; cancel the order if the shopper does not want it"
    )
    await world.report(handle, ParcelStatus.DELIVERED)
    await world.result(handle)
    await world.balanced(placed)


async def test_changes_asked_again_while_on_hold(world: World) -> None:
    """Several requests, each once: the story has one line for each, whoever repeats it."""
    placed, handle = await world.confirmed(terms={"hand_off_delay": timedelta(hours=1)})
    for _ in range(2):
        await change(handle, "change_address", to_boston(request_id="a"))
        await change(handle, "expedite", expedited(request_id="e"))
        await change(handle, "move_parcel", moved("nj-1", request_id="m"))
    assert (world.provider.calls, len(world.stock.called("replan"))) == ([], 1)
    await world.recorded(placed, OrderStatus.CONFIRMED)
    assert world.story(placed).count("change_requested") == 3
    await world.pass_time(handle, timedelta(hours=1, minutes=5))
    await world.until(handle, lambda view: view.parcels[0].status is ParcelStatus.ACCEPTED)
    assert list(world.provider.orders) == [world.reference(placed)]
    await world.deliver(handle)
    await world.balanced(placed)


async def test_hand_off_waits_for_the_last_of_several_holds(world: World) -> None:
    """Two holds, one released: it still waits; a hold that was never placed cannot be released."""
    placed, handle = await world.confirmed(terms={"hand_off_delay": timedelta(hours=1)})
    fraud, stock = (HoldRequest(kind=kind, by="agent") for kind in ("fraud_review", "stock_check"))
    for hold in (fraud, stock):
        await handle.execute_update("place_hold", hold)
    never = HoldRequest(kind="customs", by="agent")
    told = await refusal(handle, "release_hold", never)
    assert told == "customer: no hold 'customs' is in force; in force: fraud_review, stock_check"
    await world.pass_time(handle, timedelta(hours=1, minutes=5))
    await handle.execute_update("release_hold", fraud)
    await world.until(handle, lambda view: view.awaiting == "the release of holds: stock_check")
    assert world.provider.calls == []
    await handle.execute_update("release_hold", stock)
    await world.until(handle, lambda view: view.parcels[0].status is ParcelStatus.ACCEPTED)
    late = await refusal(handle, "place_hold", fraud)
    assert late == "customer: too late for a hold: the hand-off has begun; cancel instead"
    assert (await world.deliver(handle)).captured == 1000
    await world.balanced(placed)

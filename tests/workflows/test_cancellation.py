"""Cancel at every stage, by every door: the answer is the truth, and goods are stopped before money moves."""

import asyncio
from datetime import timedelta

import pytest
from temporalio.client import WorkflowUpdateFailedError
from temporalio.service import RPCError

from ordersaga.domain.payments import PaymentStatus
from ordersaga.domain.shipping import CancelDecision
from ordersaga.domain.statuses import ConfirmOutcome, OrderStatus, ParcelStatus
from tests.workflows.world import Handle, World, stalled
from workflows.messages import CancelAnswer

DOORS = ("update", "signal", "temporal")


async def ask(world: World, handle: Handle, door: str) -> None:
    """Cancel through one of the doors, without looking at the answer."""
    if door == "update":
        await world.cancel(handle)
    elif door == "signal":
        await handle.signal("request_cancel")
    else:
        await handle.cancel(reason="mistake " * 60)


@pytest.mark.parametrize("door", DOORS)
async def test_cancel_after_acceptance_undoes_goods_then_stock_then_money(world: World, door: str) -> None:
    """Whichever way the request came, the undo is the same and in the same order."""
    placed, handle = await world.accepted()
    await ask(world, handle, door)
    result = await world.result(handle)
    assert (result.status, result.reason, result.captured) == (OrderStatus.CANCELED, "canceled", 0)
    assert world.log[-3:] == ["shipbob.cancel", "stock.release", "payments.void"]
    assert world.provider.orders[world.reference(placed)].status is ParcelStatus.CANCELED
    assert world.units()["ca-1", "MUG"] == (10, 0)
    await world.balanced(placed)


@pytest.mark.parametrize("door", DOORS)
async def test_cancel_before_hand_off_never_reaches_the_provider(world: World, door: str) -> None:
    """The order waits on a hold: canceled without a word to the provider, whose lane may be paused."""
    placed, handle = await world.confirmed(terms={"hand_off_delay": timedelta(hours=1)})
    await world.until(handle, lambda view: view.status is OrderStatus.CONFIRMED)
    await ask(world, handle, door)
    result = await world.result(handle)
    assert result.status is OrderStatus.CANCELED
    assert world.log[-2:] == ["stock.release", "payments.void"]
    assert world.provider.calls == []
    await world.balanced(placed)


@pytest.mark.parametrize("door", DOORS)
async def test_cancel_while_the_provider_is_down(world: World, door: str) -> None:
    """The hand-off is being repeated: it stops, the provider is asked what it knows, and all is undone."""
    world.down(world.provider, "submit")
    placed, handle = await world.confirmed()
    await world.called(world.provider, "submit", 1)
    await ask(world, handle, door)
    result = await world.result(handle)
    assert result.status is OrderStatus.CANCELED
    assert (world.provider.orders, world.provider.called("cancel")) == ({}, [])
    assert world.provider.called("inquire")[-1] == (world.reference(placed),)
    await world.balanced(placed)


async def test_cancel_while_a_failing_attempt_is_under_way_asks_nobody(world: World) -> None:
    """The attempt in flight ends in an error after the cancellation: undone, not parked for a person."""
    world.down(world.provider, "submit", 1)
    async with stalled(world.provider, "submit") as reached:
        placed, handle = await world.confirmed()
        await reached.wait()
        await handle.signal("request_cancel")
        await world.until(handle, lambda view: view.status is OrderStatus.CANCELING)
    result = await world.result(handle)
    assert result.status is OrderStatus.CANCELED
    assert world.provider.orders == {}
    assert "attention" not in world.story(placed)
    await world.balanced(placed)


async def test_cancel_while_an_attempt_succeeds_withdraws_what_it_did(world: World) -> None:
    """The hand-off in flight is never abandoned: it is accepted, then withdrawn."""
    async with stalled(world.provider, "submit") as reached:
        placed, handle = await world.confirmed()
        await reached.wait()
        await handle.signal("request_cancel")
        await world.until(handle, lambda view: view.status is OrderStatus.CANCELING)
    await world.result(handle)
    assert world.log[-4:] == ["shipbob.submit", "shipbob.cancel", "stock.release", "payments.void"]
    await world.balanced(placed)


async def test_cancel_after_the_pick_is_too_late_and_the_order_is_paid(world: World) -> None:
    """The provider refuses: nothing is undone, the goods ship and are captured once."""
    placed, handle = await world.accepted()
    world.provider.advance(world.reference(placed), ParcelStatus.PICKED)
    answer = await world.cancel(handle)
    assert (answer.outcome, answer.voided, answer.refunded) == ("too_late", 0, 0)
    assert answer.return_offered
    assert "can no longer be stopped" in answer.message
    assert world.payment(placed).status is PaymentStatus.AUTHORIZED
    result = await world.deliver(handle)
    assert (result.status, result.captured, result.refunded) == (OrderStatus.COMPLETED, 1000, 0)
    assert (world.stock.called("release"), world.payments.called("void")) == ([], [])
    await world.balanced(placed)


async def test_provider_that_refused_and_then_stopped_the_parcel_is_believed(world: World) -> None:
    """Too late, said the provider, and canceled it by itself afterwards: undone, once it has confirmed that."""
    placed, handle = await world.accepted()
    world.provider.answer_cancel_next(CancelDecision.REFUSED)
    assert (await world.cancel(handle)).outcome == "too_late"
    await world.report(handle, ParcelStatus.CANCELED)
    result = await world.result(handle)
    assert (result.status, result.captured) == (OrderStatus.CANCELED, 0)
    assert len(world.provider.called("cancel")) == 2
    await world.balanced(placed)


@pytest.mark.parametrize(("can", "looks"), [(True, 1), (False, 0)])
async def test_a_refused_cancellation_is_looked_at_where_it_may_have_stopped_a_part(
    world: World, can: bool, looks: int
) -> None:
    """A capability of the provider: of one that stops all or nothing there is nothing to see."""
    world.provider.is_able(cancels_parts=can)
    placed, handle = await world.accepted()
    world.provider.advance(world.reference(placed), ParcelStatus.PICKED)
    assert (await world.cancel(handle)).outcome == "too_late"
    assert len(world.provider.called("inquire")) == looks
    assert (await world.deliver(handle)).captured == 1000
    await world.balanced(placed)


async def test_cancel_after_the_scan_is_too_late(world: World) -> None:
    """What the carrier has is not called back: nobody is asked, the capture stands."""
    placed, handle = await world.accepted()
    await world.report(handle, ParcelStatus.IN_TRANSIT)
    await world.until(handle, lambda view: view.parcels[0].captured > 0)
    answer = await world.cancel(handle)
    assert (answer.outcome, answer.status) == ("too_late", OrderStatus.SHIPPED)
    await world.report(handle, ParcelStatus.DELIVERED)
    assert (await world.result(handle)).status is OrderStatus.COMPLETED
    assert world.provider.called("cancel") == []
    await world.balanced(placed)


@pytest.mark.parametrize("door", DOORS)
async def test_cancel_after_the_scan_by_any_door_changes_nothing(world: World, door: str) -> None:
    """Also a raw cancellation, sent twice, lets the parcel arrive and be paid."""
    placed, handle = await world.accepted()
    await world.report(handle, ParcelStatus.IN_TRANSIT)
    await world.until(handle, lambda view: view.parcels[0].captured > 0)
    for _ in range(2):
        await ask(world, handle, door)
    await world.report(handle, ParcelStatus.DELIVERED)
    result = await world.result(handle)
    assert (result.status, result.captured, result.refunded) == (OrderStatus.COMPLETED, 1000, 0)
    assert (world.provider.called("cancel"), world.payments.called("void")) == ([], [])
    await world.balanced(placed)


async def test_cancel_during_a_slow_authorization_voids_it(world: World) -> None:
    """The bank has not answered yet: the authorization in flight is awaited, then given back; nothing is handed off."""
    async with stalled(world.payments, "authorize") as reached:
        placed = world.order()
        checkout = asyncio.create_task(world.checkout(placed))
        await reached.wait()
        await world.client.get_workflow_handle(f"order-{placed.order_id}").signal("request_cancel")
    answer, handle = await checkout
    result = await world.result(handle)
    assert result.status is OrderStatus.CANCELED
    assert answer.outcome in (ConfirmOutcome.CANCELED, ConfirmOutcome.CONFIRMED)
    assert world.payment(placed).status is PaymentStatus.VOIDED
    assert world.units()["ca-1", "MUG"] == (10, 0)
    await world.balanced(placed)


async def test_cancel_while_the_confirmations_capture_is_in_flight_refunds_it(world: World) -> None:
    """Captured at confirmation, canceled meanwhile: what was taken is refunded, once."""
    async with stalled(world.payments, "capture") as reached:
        placed = world.order(terms={"capture": "at_confirmation"})
        checkout = asyncio.create_task(world.checkout(placed))
        await reached.wait()
        await world.client.get_workflow_handle(f"order-{placed.order_id}").signal("request_cancel")
    _, handle = await checkout
    result = await world.result(handle)
    assert (result.status, result.captured, result.refunded) == (OrderStatus.CANCELED, 1000, 1000)
    assert world.payment(placed).refunded == 1000
    await world.balanced(placed)


async def test_cancel_during_the_capture_does_not_disturb_it(world: World) -> None:
    """The scan came, the capture is in flight: answered at once, captured once, nothing voided."""
    placed, handle = await world.accepted()
    async with stalled(world.payments, "capture") as reached:
        await world.report(handle, ParcelStatus.IN_TRANSIT)
        await reached.wait()
        asking = asyncio.create_task(world.cancel(handle))
        await asyncio.sleep(0.1)
    assert (await asking).outcome == "too_late"
    await world.report(handle, ParcelStatus.DELIVERED)
    assert (await world.result(handle)).captured == 1000
    assert (len(world.payments.called("capture")), world.payments.called("void")) == (1, [])
    await world.balanced(placed)


async def test_canceling_twice_at_once_undoes_once(world: World) -> None:
    """Two agents and a signal: both agents hear the same, each thing is undone once, the first is named."""
    placed, handle = await world.accepted()
    await handle.signal("request_cancel")
    first, second = await asyncio.gather(world.cancel(handle, by="ann"), world.cancel(handle, by="ben"))
    await world.result(handle)
    assert first == second
    assert first.outcome == "canceled"
    undone = [world.provider.called("cancel"), world.stock.called("release"), world.payments.called("void")]
    assert [len(calls) for calls in undone] == [1, 1, 1]
    assert world.story(placed).count("cancel_requested") == 1
    await world.balanced(placed)


async def test_undecided_provider_is_told_as_pending(world: World) -> None:
    """No decision within 30 seconds: the asker hears `pending` and lists show `canceling`; later it is undone."""
    placed, handle = await world.accepted()
    for _ in range(8):
        world.provider.answer_cancel_next(CancelDecision.PENDING)
    asking = asyncio.create_task(world.cancel(handle))
    await world.called(world.provider, "cancel", 1)
    await world.pass_time(handle, timedelta(seconds=31))
    answer = await asking
    assert (answer.outcome, answer.status, answer.voided) == ("pending", OrderStatus.CANCELING, 1000)
    await world.recorded(placed, OrderStatus.CANCELING)
    assert world.payment(placed).status is PaymentStatus.AUTHORIZED
    await world.pass_time(handle, timedelta(minutes=5))
    assert (await world.result(handle)).status is OrderStatus.CANCELED
    await world.balanced(placed)


async def test_goods_that_leave_while_the_provider_decides_are_paid_for(world: World) -> None:
    """The refund waits for the provider; the carrier's scan is the answer: it ships and is captured."""
    placed, handle = await world.accepted()
    for _ in range(200):
        world.provider.answer_cancel_next(CancelDecision.PENDING)
    await handle.signal("request_cancel")
    await world.called(world.provider, "cancel", 1)
    result = await world.deliver(handle)
    assert (result.status, result.captured, result.refunded) == (OrderStatus.COMPLETED, 1000, 0)
    assert world.stock.called("release") == []
    await world.balanced(placed)


async def test_cancel_while_the_first_task_has_not_run(world: World) -> None:
    """Canceled by Temporal before anything happened: no hold stands, no money, a final answer."""
    placed = world.order()
    handle = await world.started_later(placed, timedelta(minutes=1))
    await handle.cancel()
    await world.pass_time(handle, timedelta(minutes=2))
    result = await world.result(handle)
    assert result.status is OrderStatus.CANCELED
    assert world.payments.calls == []
    assert world.units()["ca-1", "MUG"] == (10, 0)


async def test_closed_order_takes_no_cancellation(world: World) -> None:
    """After the end there is nobody to ask: the update is refused by Temporal, nothing changes."""
    placed, handle = await world.accepted()
    await world.deliver(handle)
    with pytest.raises((RPCError, WorkflowUpdateFailedError)):
        await handle.execute_update("cancel", result_type=CancelAnswer)
    assert (await handle.describe()).status is not None
    assert world.payment(placed).status is PaymentStatus.CAPTURED

"""3-D Secure: the shopper has one more step to pay, and the hold waits a bounded time for it."""

from datetime import timedelta

from ordersaga.domain.orders import Order
from ordersaga.domain.payments import PaymentStatus
from ordersaga.domain.statuses import ConfirmOutcome, OrderStatus, ParcelStatus
from tests.workflows.world import Handle, World


async def challenged(world: World) -> tuple[Order, Handle]:
    """An order whose checkout was told that the shopper must act."""
    world.payments.require_action_next()
    placed = world.order()
    answer, handle = await world.checkout(placed)
    assert (answer.outcome, answer.status) == (ConfirmOutcome.ACTION_REQUIRED, OrderStatus.ACTION_REQUIRED)
    assert answer.next_action is not None
    assert answer.next_action.payment_id == world.payment(placed).payment_id
    assert (answer.next_action.url, answer.next_action.client_secret) == (None, None)
    return placed, handle


async def test_completed_challenge_confirms_on_the_payment_companys_word(world: World) -> None:
    """The event wakes the order; the payment itself is looked up, then the parcel is handed off."""
    placed, handle = await challenged(world)
    world.payments.complete_action(world.payment(placed).payment_id)
    await world.payment_moved(handle)
    await world.until(handle, lambda view: view.parcels[0].status is ParcelStatus.ACCEPTED)
    result = await world.deliver(handle)
    assert (result.status, result.captured) == (OrderStatus.COMPLETED, 1000)
    assert len(world.payments.called("authorize")) == 1
    await world.balanced(placed)


async def test_lost_event_is_made_up_for_by_looking(world: World) -> None:
    """No message ever comes: the order looks by itself before the window ends."""
    placed, handle = await challenged(world)
    world.payments.complete_action(world.payment(placed).payment_id)
    await world.pass_time(handle, timedelta(minutes=6))
    view = await world.until(handle, lambda seen: seen.outcome is ConfirmOutcome.CONFIRMED)
    assert view.status in (OrderStatus.CONFIRMED, OrderStatus.FULFILLING)
    assert len(world.payments.called("inquire")) == 1


async def test_abandoned_challenge_releases_the_hold(world: World) -> None:
    """The window ends without payment: units back, the payment voided, nothing handed off."""
    placed, handle = await challenged(world)
    await world.pass_time(handle, timedelta(minutes=16))
    result = await world.result(handle)
    assert (result.status, result.reason) == (OrderStatus.REJECTED, "payment_abandoned")
    assert world.payment(placed).status is PaymentStatus.VOIDED
    assert world.units()["ca-1", "MUG"] == (10, 0)
    assert world.provider.calls == []
    await world.balanced(placed)


async def test_messages_do_not_shorten_the_payment_window(world: World) -> None:
    """Any number of events about a payment that still waits leave the shopper the whole window."""
    placed, handle = await challenged(world)
    for looks in range(1, 6):
        await world.payment_moved(handle)
        await world.called(world.payments, "inquire", looks)
    world.payments.complete_action(world.payment(placed).payment_id)
    await world.pass_time(handle, timedelta(minutes=14, seconds=30))
    await world.until(handle, lambda view: view.outcome is ConfirmOutcome.CONFIRMED)


async def test_voided_payment_declines_the_order(world: World) -> None:
    """The payment company gave the payment up: declined, and nothing is voided in the books."""
    placed, handle = await challenged(world)
    world.payments.lapse(world.payment(placed).payment_id)
    await world.payment_moved(handle)
    result = await world.result(handle)
    assert (result.status, result.reason) == (OrderStatus.REJECTED, "expired")
    assert world.units()["ca-1", "MUG"] == (10, 0)
    await world.balanced(placed)


async def test_payment_in_processing_is_no_decline(world: World) -> None:
    """After the challenge the bank may take a moment: the order waits and is confirmed."""
    placed, handle = await challenged(world)
    payment = world.payment(placed)
    world.payments.payments[payment.payment_id] = payment.model_copy(update={"status": PaymentStatus.PROCESSING})
    await world.payment_moved(handle)
    await world.called(world.payments, "inquire", 1)
    world.payments.complete_action(payment.payment_id)
    await world.payment_moved(handle)
    await world.until(handle, lambda view: view.outcome is ConfirmOutcome.CONFIRMED)


async def test_cancel_during_the_challenge_voids_and_releases(world: World) -> None:
    """An agent cancels while the shopper hesitates: undone at once, stock before money."""
    placed, handle = await challenged(world)
    answer = await world.cancel(handle)
    result = await world.result(handle)
    assert (answer.outcome, answer.status, answer.voided, answer.refunded) == ("canceled", OrderStatus.CANCELED, 0, 0)
    assert (result.status, result.reason) == (OrderStatus.CANCELED, "canceled")
    assert world.log[-2:] == ["stock.release", "payments.void"]
    assert world.provider.calls == []
    await world.balanced(placed)

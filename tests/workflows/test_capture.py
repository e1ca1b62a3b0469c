"""Money follows goods: lapsed reservations, refused captures, and sellers who capture at confirmation."""

from datetime import timedelta

from ordersaga.domain.errors import CustomerError, OperatorError, RetryError
from ordersaga.domain.orders import Order
from ordersaga.domain.payments import PaymentStatus
from ordersaga.domain.statuses import ConfirmOutcome, OrderStatus, ParcelStatus
from tests.workflows.changes import change, paying_with, refusal
from tests.workflows.world import Handle, World

EARLY = {"capture": "at_confirmation"}


async def scanned(world: World) -> tuple[Order, Handle]:
    """An order whose parcel the carrier has, and whose payment may be in trouble."""
    placed, handle = await world.accepted()
    await world.report(handle, ParcelStatus.IN_TRANSIT)
    return placed, handle


async def delivered(world: World, handle: Handle) -> OrderStatus:
    await world.report(handle, ParcelStatus.DELIVERED)
    return (await world.result(handle)).status


async def test_capture_at_confirmation_takes_the_money_once(world: World) -> None:
    """Captured before hand-off, and not again at the scan."""
    placed, handle = await world.accepted(terms=EARLY)
    assert world.payment(placed).status is PaymentStatus.CAPTURED
    result = await world.deliver(handle)
    assert (result.captured, len(world.payments.called("capture"))) == (1000, 1)
    assert world.log.index("payments.capture") < world.log.index("shipbob.submit")
    await world.balanced(placed)


async def test_capture_refused_at_confirmation_undoes_the_order(world: World) -> None:
    """The bank takes its word back: declined, reservation voided, units back, nothing handed off."""
    world.payments.fail_next("capture", CustomerError("card_reported_stolen", "no"))
    placed = world.order(terms=EARLY)
    answer, handle = await world.checkout(placed)
    await world.result(handle)
    assert (answer.outcome, answer.reason) == (ConfirmOutcome.DECLINED, "card_reported_stolen")
    assert world.payment(placed).status is PaymentStatus.VOIDED
    assert (world.units()["ca-1", "MUG"], world.provider.calls) == ((10, 0), [])
    await world.balanced(placed)


async def test_captured_order_canceled_later_is_refunded(world: World) -> None:
    """What was taken is refunded in full, after the goods are stopped."""
    placed, handle = await world.accepted(terms=EARLY)
    answer = await world.cancel(handle)
    result = await world.result(handle)
    assert (answer.outcome, answer.voided, answer.refunded) == ("canceled", 0, 1000)
    assert world.log[-3:] == ["shipbob.cancel", "stock.release", "payments.refund"]
    assert (result.status, result.captured, result.refunded) == (OrderStatus.CANCELED, 1000, 1000)
    await world.balanced(placed)


async def test_lapsed_reservation_is_replaced_once(world: World) -> None:
    """The authorization ended by itself before the scan: a new one, off session, is captured."""
    placed, handle = await world.accepted()
    world.payments.lapse(world.payment(placed).payment_id)
    await world.report(handle, ParcelStatus.IN_TRANSIT)
    await world.until(handle, lambda seen: seen.parcels[0].captured == 1000)
    assert await delivered(world, handle) is OrderStatus.COMPLETED
    assert [request.off_session for request in world.payments.requests] == [False, True]
    assert world.payment(placed, generation=2).status is PaymentStatus.CAPTURED
    assert world.payments.called("void") == []
    await world.balanced(placed)


async def test_capture_refused_for_good_is_parked_then_paid_by_new_funds(world: World) -> None:
    """`retry` gives the old reservation back, secures new funds and takes them, once."""
    world.payments.fail_next("capture", CustomerError("card_reported_stolen", "no"))
    placed, handle = await scanned(world)
    view = await world.until(handle, lambda seen: bool(seen.attention))
    assert (view.status, view.attention[0].choices) == (OrderStatus.NEEDS_ATTENTION, ("retry", "write_off"))
    await world.resolve(handle, "retry", "capture_refused")
    assert await delivered(world, handle) is OrderStatus.COMPLETED
    assert world.payment(placed).status is PaymentStatus.VOIDED
    assert world.payment(placed, generation=2).status is PaymentStatus.CAPTURED
    await world.balanced(placed)


async def test_capture_refused_for_good_is_written_off(world: World) -> None:
    """`write_off` accepts the loss: the order completes, the loss stands in the books."""
    world.payments.fail_next("capture", CustomerError("card_reported_stolen", "no"))
    placed, handle = await scanned(world)
    await world.resolve(handle, "write_off", "capture_refused")
    assert await delivered(world, handle) is OrderStatus.COMPLETED
    balance = await world.balance(placed)
    assert (balance.captured_net, balance.written_off, balance.authorized) == (0, 1000, 0)
    await world.balanced(placed)


async def test_new_funds_refused_too_are_asked_about_again(world: World) -> None:
    """Retried in vain, then written off: two questions, no money, books that balance."""
    world.payments.fail_next("capture", CustomerError("card_reported_stolen", "no"))
    placed, handle = await world.accepted()
    world.payments.decline_next("do_not_honor")
    await world.report(handle, ParcelStatus.IN_TRANSIT)
    first = await world.question(handle, "capture_refused")
    await world.resolve(handle, "retry")
    await world.until(handle, lambda seen: any(item.item_id != first for item in seen.attention))
    await world.resolve(handle, "write_off")
    assert await delivered(world, handle) is OrderStatus.COMPLETED
    assert all(payment.captured == 0 for payment in world.payments.payments.values())
    await world.balanced(placed)


async def test_written_off_parcel_that_is_lost_owes_nothing(world: World) -> None:
    """The loss an operator accepted ends when the goods are lost: books without a remainder."""
    world.payments.fail_next("capture", CustomerError("card_reported_stolen", "no"))
    placed, handle = await scanned(world)
    await world.resolve(handle, "write_off", "capture_refused")
    await world.report(handle, ParcelStatus.LOST)
    result = await world.result(handle)
    balance = await world.balance(placed)
    assert (result.status, balance.written_off, balance.goods_kept) == (OrderStatus.CANCELED, 0, 0)
    await world.balanced(placed)


async def test_capture_nobody_answers_keeps_its_reservation(world: World) -> None:
    """An hour without an answer is parked; `retry` captures the same payment, no second one is made."""
    for _ in range(12):
        error = RetryError("down", "no answer", unknown=True, retry_after=timedelta(minutes=15))
        world.payments.fail_next("capture", error)
    placed, handle = await scanned(world)
    await world.called(world.payments, "capture", 1)
    await world.pass_time(handle, timedelta(hours=3))
    await world.question(handle, "capture_refused")
    world.up(world.payments, "capture")
    await world.resolve(handle, "retry")
    assert await delivered(world, handle) is OrderStatus.COMPLETED
    assert (len(world.payments.payments), world.payments.called("void")) == (1, [])
    await world.balanced(placed)


async def test_capture_nobody_answers_can_be_written_off(world: World) -> None:
    """The reservation is given back and the open capture is settled: the books have no unknown left."""
    for _ in range(12):
        error = RetryError("down", "no answer", unknown=True, retry_after=timedelta(minutes=15))
        world.payments.fail_next("capture", error)
    placed, handle = await scanned(world)
    await world.called(world.payments, "capture", 1)
    await world.pass_time(handle, timedelta(hours=3))
    await world.resolve(handle, "write_off", "capture_refused")
    assert await delivered(world, handle) is OrderStatus.COMPLETED
    assert world.payment(placed).status is PaymentStatus.VOIDED
    await world.balanced(placed)


async def test_capture_refused_to_us_is_tried_again_with_the_same_reservation(world: World) -> None:
    """Our credentials were wrong: once repaired, `retry` takes the money that is still reserved."""
    world.payments.fail_next("capture", OperatorError("bad_credentials", "key revoked"))
    placed, handle = await scanned(world)
    await world.resolve(handle, "retry", "capture_refused")
    assert await delivered(world, handle) is OrderStatus.COMPLETED
    assert (len(world.payments.payments), world.payments.called("void")) == (1, [])
    assert len(world.payments.called("capture")) == 2
    await world.balanced(placed)


async def test_arrived_goods_are_paid_with_the_shoppers_new_card(world: World) -> None:
    """The question about the refused capture answers itself; the old reservation is given back, nothing taken twice."""
    world.payments.fail_next("capture", CustomerError("card_reported_stolen", "no"))
    placed, handle = await scanned(world)
    await world.until(handle, lambda seen: bool(seen.attention))
    await world.report(handle, ParcelStatus.DELIVERED)
    answer = await change(handle, "change_payment", paying_with("pm_new"))
    result = await world.result(handle)
    assert (answer.outcome, result.status, result.captured) == ("done", OrderStatus.COMPLETED, 1000)
    assert world.payment(placed).status is PaymentStatus.VOIDED
    assert world.payments.requests[-1].payment_method == "pm_new"
    assert [world.payment(placed, generation=2).captured, len(world.payments.called("capture"))] == [1000, 2]
    await world.balanced(placed)


async def test_loss_that_was_accepted_is_not_charged_to_a_new_card(world: World) -> None:
    """Written off is the end of it: another payment method is refused, and nobody is asked for money."""
    world.payments.fail_next("capture", CustomerError("card_reported_stolen", "no"))
    placed, handle = await scanned(world)
    await world.until(handle, lambda seen: bool(seen.attention))
    await world.resolve(handle, "write_off", "capture_refused")
    await world.until(handle, lambda seen: not seen.attention)
    assert "everything is paid" in await refusal(handle, "change_payment", paying_with("pm_new"))
    assert await delivered(world, handle) is OrderStatus.COMPLETED
    assert len(world.payments.called("authorize")) == 1
    await world.balanced(placed)

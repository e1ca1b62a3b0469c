"""Ways to pay that are no cards: taken at once, confirmed by a bank days later, charged once only."""

from datetime import timedelta
from typing import Any

import pytest

from ordersaga.domain.orders import Order, Payment
from ordersaga.domain.payment_methods import MethodType
from ordersaga.domain.payments import PaymentStatus
from ordersaga.domain.statuses import ConfirmOutcome, OrderStatus, ParcelStatus
from tests.workflows.world import Handle, World

DAY = timedelta(days=1)
BANK = Payment(payment_method="pm_usBankAccount_success", type=MethodType.US_BANK_ACCOUNT)
IDEAL = Payment(payment_method="pm_ideal", type=MethodType.IDEAL, return_url="https://shop.example/thanks")
AFFIRM = Payment(payment_method="pm_affirm", type=MethodType.AFFIRM, return_url="https://shop.example/thanks")


async def redirected(world: World, payment: Payment, **changes: Any) -> tuple[Order, Handle]:
    """An order whose shopper is sent to a page of the bank's."""
    world.payments.require_action_next()
    placed = world.order(payment=payment, **changes)
    answer, handle = await world.checkout(placed)
    assert answer.outcome is ConfirmOutcome.ACTION_REQUIRED
    return placed, handle


async def debited(world: World, **terms: Any) -> tuple[Order, Handle]:
    """An order paid by a bank debit that nobody has confirmed yet."""
    world.payments.process_next()
    placed = world.order(payment=BANK, terms={"ship_within": 7 * DAY, **terms})
    answer, handle = await world.checkout(placed)
    assert (answer.outcome, answer.status) == (ConfirmOutcome.PAYMENT_PENDING, OrderStatus.PENDING)
    assert world.provider.calls == []
    assert sum(held for _, held in world.units().values()) == 1
    return placed, handle


async def decided(world: World, placed: Order, handle: Handle, *, paid: bool) -> None:
    """The bank's word, and the message about it."""
    payment = world.payment(placed).payment_id
    world.payments.take_at_once(payment) if paid else world.payments.refuse_late(payment)
    await world.payment_moved(handle)


async def nothing_left(world: World, placed: Order) -> None:
    """Nothing shipped, nothing is held, no money is kept, and the books say so."""
    assert world.provider.called("submit") == []
    assert sum(held for _, held in world.units().values()) == 0
    payment = world.payment(placed)
    assert payment.captured == payment.refunded
    await world.balanced(placed)


async def test_money_taken_at_once_ships_and_is_not_taken_again(world: World) -> None:
    """iDEAL cannot be reserved: paid at the bank's page, in the books once, and no capture is asked for."""
    placed, handle = await redirected(world, IDEAL, currency="EUR")
    world.payments.take_at_once(world.payment(placed).payment_id)
    await world.payment_moved(handle)
    await world.until(handle, lambda view: view.parcels[0].status is ParcelStatus.ACCEPTED)
    result = await world.deliver(handle)
    assert (result.status, result.captured) == (OrderStatus.COMPLETED, 1000)
    assert world.payments.called("capture") == []
    assert (await world.balance(placed)).captured_net == 1000
    await world.balanced(placed)


async def test_capture_at_confirmation_asks_for_nothing_where_money_was_taken(world: World) -> None:
    """It is there already."""
    placed, handle = await redirected(world, IDEAL, currency="EUR", terms={"capture": "at_confirmation"})
    world.payments.take_at_once(world.payment(placed).payment_id)
    await world.payment_moved(handle)
    await world.until(handle, lambda view: view.parcels[0].status is ParcelStatus.ACCEPTED)
    result = await world.deliver(handle)
    assert (result.captured, world.payments.called("capture")) == (1000, [])
    await world.balanced(placed)


async def test_money_taken_at_once_is_refunded_when_the_order_is_canceled(world: World) -> None:
    """There is nothing to void."""
    placed, handle = await redirected(world, IDEAL, currency="EUR")
    world.payments.take_at_once(world.payment(placed).payment_id)
    await world.payment_moved(handle)
    await world.until(handle, lambda view: view.parcels[0].status is ParcelStatus.ACCEPTED)
    answer = await world.cancel(handle)
    assert (await world.result(handle)).refunded == 1000
    assert (answer.outcome, answer.refunded, answer.voided) == ("canceled", 1000, 0)
    assert world.payments.called("void") == []
    await world.balanced(placed)


async def test_paid_at_the_bank_after_the_window_is_given_back(world: World) -> None:
    """Nobody heard of it when the order was given up: found, entered, refunded."""
    placed, handle = await redirected(world, IDEAL, currency="EUR")
    world.payments.take_at_once(world.payment(placed).payment_id)
    answer = await world.cancel(handle)
    result = await world.result(handle)
    assert (answer.outcome, result.status, result.refunded) == ("canceled", OrderStatus.CANCELED, 1000)
    await nothing_left(world, placed)


async def test_abandoned_redirect_releases_the_hold(world: World) -> None:
    """The shopper never came back from the bank."""
    placed, handle = await redirected(world, IDEAL, currency="EUR")
    await world.pass_time(handle, timedelta(minutes=16))
    assert (await world.result(handle)).reason == "payment_abandoned"
    assert world.payment(placed).status is PaymentStatus.VOIDED
    await nothing_left(world, placed)


async def test_method_that_reserves_is_captured_at_the_first_scan(world: World) -> None:
    """Affirm: a redirect, then like a card; it is not saved, for it cannot be charged again."""
    placed, handle = await redirected(world, AFFIRM, terms={"ship_within": 10 * DAY})
    world.payments.complete_action(world.payment(placed).payment_id)
    await world.payment_moved(handle)
    await world.until(handle, lambda view: view.parcels[0].status is ParcelStatus.ACCEPTED)
    assert world.payments.called("capture") == []
    result = await world.deliver(handle)
    assert (result.captured, len(world.payments.called("capture"))) == (1000, 1)
    asked = world.payments.requests[0]
    assert (asked.method_type, asked.save_for_later) == (MethodType.AFFIRM, False)
    await world.balanced(placed)


@pytest.mark.parametrize("payment", [AFFIRM, BANK])
async def test_several_parcels_need_a_method_that_can_be_charged_for_each(world: World, payment: Payment) -> None:
    """Refused before anything is asked of the payment company; the units are free again."""
    world.restocked(("nj-1", "MUG", 10), ("ca-1", "TEE", 10))
    placed = world.order(("MUG", 1), ("TEE", 1), payment=payment)
    answer, handle = await world.checkout(placed)
    assert (answer.outcome, answer.reason) == (ConfirmOutcome.DECLINED, "one_parcel_only")
    assert (await world.result(handle)).status is OrderStatus.REJECTED
    assert world.payments.called("authorize") == []
    assert sum(held for _, held in world.units().values()) == 0
    await world.balanced(placed)


async def test_debit_confirmed_days_later_ships_then(world: World) -> None:
    """The stock waits, nothing ships unpaid; then the order goes its way, paid once."""
    placed, handle = await debited(world)
    await world.pass_time(handle, 3 * DAY)
    assert world.provider.calls == []
    await decided(world, placed, handle, paid=True)
    await world.until(handle, lambda view: view.parcels[0].status is ParcelStatus.ACCEPTED)
    result = await world.deliver(handle)
    assert (result.status, result.captured) == (OrderStatus.COMPLETED, 1000)
    assert world.payments.called("capture") == []
    await world.balanced(placed)


async def test_debit_whose_message_is_lost_is_looked_up_daily(world: World) -> None:
    """No message ever comes."""
    placed, handle = await debited(world)
    world.payments.take_at_once(world.payment(placed).payment_id)
    await world.pass_time(handle, DAY + timedelta(minutes=1))
    await world.until(handle, lambda view: view.outcome is ConfirmOutcome.CONFIRMED)


async def test_debit_the_bank_refuses_gives_the_units_back(world: World) -> None:
    """Days later: declined with the bank's reason, and nobody can try it again."""
    placed, handle = await debited(world)
    await decided(world, placed, handle, paid=False)
    result = await world.result(handle)
    assert (result.status, result.reason) == (OrderStatus.REJECTED, "insufficient_funds")
    await nothing_left(world, placed)


async def test_stock_is_held_exactly_as_long_as_the_terms_say(world: World) -> None:
    """Still held a moment before, free a moment after; the money that comes later goes back."""
    placed, handle = await debited(world, slow_payment_window=5 * DAY)
    await world.pass_time(handle, 5 * DAY - timedelta(minutes=5))
    assert sum(held for _, held in world.units().values()) == 1
    await world.pass_time(handle, timedelta(minutes=10))
    await world.until(handle, lambda view: view.outcome is ConfirmOutcome.DECLINED)
    await world.called(world.stock, "release", 1)
    assert sum(held for _, held in world.units().values()) == 0
    await decided(world, placed, handle, paid=True)
    result = await world.result(handle)
    assert (result.status, result.reason, result.refunded) == (OrderStatus.REJECTED, "payment_not_confirmed", 1000)
    await nothing_left(world, placed)


@pytest.mark.parametrize("paid", [True, False])
async def test_cancel_while_the_bank_decides(world: World, paid: bool) -> None:
    """The stock is free at once; the order ends when the bank has decided, and what came goes back."""
    placed, handle = await debited(world)
    answer = await world.waiting(handle, world.cancel(handle))
    assert answer.outcome == "pending"
    assert sum(held for _, held in world.units().values()) == 0
    assert world.payments.called("void") == []
    await decided(world, placed, handle, paid=paid)
    result = await world.result(handle)
    assert (result.status, result.refunded) == (OrderStatus.CANCELED, 1000 if paid else 0)
    await nothing_left(world, placed)


async def test_bank_that_never_decides_about_a_given_up_payment_is_a_persons_question(world: World) -> None:
    """After two weeks somebody is asked, who settles it at the bank."""
    placed, handle = await debited(world)
    await world.waiting(handle, world.cancel(handle))
    await world.pass_time(handle, 15 * DAY)
    await world.question(handle, "step_failed")
    world.payments.refuse_late(world.payment(placed).payment_id)
    await world.resolve(handle, "retry", "step_failed")
    assert (await world.result(handle)).status is OrderStatus.CANCELED
    await nothing_left(world, placed)

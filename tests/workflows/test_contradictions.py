"""When companies and people contradict each other: one defined end, no loop, and books that close."""

from datetime import timedelta

import pytest

from ordersaga.domain.errors import OperatorError, RetryError
from ordersaga.domain.payments import PaymentStatus
from ordersaga.domain.shipping import CancelDecision
from ordersaga.domain.statuses import OrderStatus, ParcelStatus
from tests.workflows.world import World

REVOKED = OperatorError("bad_credentials", "key revoked")


async def test_capture_refused_to_us_and_written_off_closes(world: World) -> None:
    """The capture was never a bank's no: writing it off voids the reservation, and the books agree."""
    placed, handle = await world.accepted()
    world.payments.fail_next("capture", REVOKED)
    await world.report(handle, ParcelStatus.IN_TRANSIT)
    await world.resolve(handle, "write_off", "capture_refused")
    await world.report(handle, ParcelStatus.DELIVERED)
    assert (await world.result(handle)).status is OrderStatus.COMPLETED
    assert world.payment(placed).status is PaymentStatus.VOIDED
    await world.balanced(placed)


@pytest.mark.parametrize("choice", ["charge", "write_off"])
async def test_money_settled_by_hand_is_not_given_back_again(world: World, choice: str) -> None:
    """The goods leave while a person settles the money: what follows starts from a reservation that is gone."""
    placed, handle = await world.accepted()
    world.payments.fail_next("void", REVOKED)
    await handle.signal("request_cancel")
    await world.question(handle, "step_failed")
    await world.report(handle, ParcelStatus.IN_TRANSIT)
    await world.resolve(handle, "settled_by_hand", "step_failed")
    await world.resolve(handle, choice, "shipped_after_cancel")
    await world.report(handle, ParcelStatus.DELIVERED)
    result = await world.result(handle)
    assert (result.status, result.captured) == (OrderStatus.COMPLETED, 1000 if choice == "charge" else 0)
    assert len(world.payments.called("void")) == 1
    await world.balanced(placed)


async def test_refunded_goods_that_left_are_charged_anew(world: World) -> None:
    """Captured at confirmation, refunded on cancellation, gone all the same: charged again, each amount told once."""
    placed, handle = await world.accepted(terms={"capture": "at_confirmation"})
    world.down(world.payments, "refund", 2)
    await handle.signal("request_cancel")
    await world.called(world.payments, "refund", 1)
    await world.report(handle, ParcelStatus.CANCELED)
    await world.report(handle, ParcelStatus.IN_TRANSIT)
    await world.resolve(handle, "charge", "shipped_after_cancel")
    await world.report(handle, ParcelStatus.DELIVERED)
    result = await world.result(handle)
    assert (result.status, result.captured, result.refunded) == (OrderStatus.COMPLETED, 2000, 1000)
    await world.balanced(placed)


async def test_canceled_report_without_a_confirmation_asks_once(world: World) -> None:
    """It reports the parcel as canceled and refuses to cancel it: a person clears it up, nobody is asked in a loop."""
    placed, handle = await world.accepted()
    for _ in range(2):
        world.provider.answer_cancel_next(CancelDecision.REFUSED)
    await world.report(handle, ParcelStatus.CANCELED)
    await world.question(handle, "not_stopped")
    assert len(world.provider.called("cancel")) == 1
    await world.resolve(handle, "retry")
    await world.question(handle, "not_stopped")
    await world.resolve(handle, "retry")
    assert (await world.result(handle)).status is OrderStatus.CANCELED
    assert len(world.provider.called("cancel")) == 3
    await world.balanced(placed)


async def test_scan_proves_a_hand_off_nobody_could_look_up(world: World) -> None:
    """Its answer was lost, the inquiry is refused to us, a cancel is open: the scan settles all of it."""
    world.provider.fail_next("submit", RetryError("timeout", "no answer", unknown=True), after_doing=True)
    for _ in range(20):
        world.provider.fail_next("inquire", REVOKED)
    placed, handle = await world.confirmed()
    await world.question(handle, "step_failed")
    await handle.signal("request_cancel")
    await world.question(handle, "not_stopped")
    result = await world.deliver(handle)
    assert (result.status, result.captured) == (OrderStatus.COMPLETED, 1000)
    assert len(world.provider.called("inquire")) < 6
    await world.balanced(placed)


async def test_renewal_we_cannot_ask_for_is_a_persons_to_repair(world: World) -> None:
    """Our key is revoked when the reservation must be renewed: the shopper's order is not canceled for it."""
    placed, handle = await world.accepted(terms={"ship_within": timedelta(days=10)})
    world.payments.fail_next("void", REVOKED)
    await world.pass_time(handle, timedelta(days=6, hours=20))
    await world.resolve(handle, "retry", "renewal_failed")
    await world.called(world.payments, "authorize", 2)
    result = await world.deliver(handle)
    assert (result.status, result.captured) == (OrderStatus.COMPLETED, 1000)
    assert world.provider.called("cancel") == []
    await world.balanced(placed)


async def test_reservation_is_renewed_while_a_late_parcel_is_waited_for(world: World) -> None:
    """Ship-by is long gone and a person keeps waiting: the reservation is renewed all the same."""
    placed, handle = await world.accepted(terms={"hand_off_delay": timedelta(0), "ship_within": timedelta(days=5)})
    await world.pass_time(handle, timedelta(days=5, hours=1))
    await world.question(handle, "ship_by_missed")
    await world.pass_time(handle, timedelta(days=1, hours=20))
    await world.called(world.payments, "authorize", 2)
    await world.resolve(handle, "keep_waiting", "ship_by_missed")
    result = await world.deliver(handle)
    assert (result.status, result.captured) == (OrderStatus.COMPLETED, 1000)
    await world.balanced(placed)

"""A reservation that ends before its goods leave: kept, replaced, taken early, or the buyer is asked; never lost."""

from collections.abc import Mapping
from datetime import timedelta

from ordersaga.domain.errors import CustomerError, RetryError
from ordersaga.domain.orders import Order, Payment
from ordersaga.domain.payments import PaymentState, PaymentStatus
from ordersaga.domain.statuses import OrderStatus, ParcelStatus
from tests.workflows.world import Handle, World
from workflows.messages import ChangeAnswer, ChangePayment

LATE = {"ship_within": timedelta(days=10)}
EARLY = {**LATE, "early_capture": True}
ASKED = timedelta(days=6, hours=1)
"""Within a day of the bank's deadline, which is after seven: time to ask a buyer."""
DUE = timedelta(days=6, hours=19)
"""Within six hours of it: time to act."""


def live(world: World) -> list[PaymentState]:
    """The reservations that hold a shopper's money now."""
    return [payment for payment in world.payments.payments.values() if payment.status is PaymentStatus.AUTHORIZED]


async def paid_with(handle: Handle, method: str, customer: str | None = None) -> ChangeAnswer:
    """The shopper gives another payment method; without `customer` it may not be asked again."""
    payment = Payment(payment_method=method, customer=customer)
    asked = ChangePayment(by="shopper", payment=payment)
    answer: ChangeAnswer = await handle.execute_update("change_payment", asked, result_type=ChangeAnswer)
    return answer


async def unsaved(world: World, terms: Mapping[str, object]) -> tuple[Order, Handle]:
    """An accepted order, reserved with a payment method that may not be asked again."""
    placed, handle = await world.accepted(terms=terms)
    assert (await paid_with(handle, "pm_card_mastercard")).outcome == "done"
    assert len(live(world)) == 1
    return placed, handle


async def buyer_asked(world: World) -> tuple[Order, Handle]:
    """An order whose buyer was asked to pay anew."""
    placed, handle = await unsaved(world, LATE)
    await world.pass_time(handle, ASKED)
    await world.question(handle, "renewal_failed")
    return placed, handle


async def completed(world: World, placed: Order, handle: Handle) -> None:
    """It ships, is paid once, and leaves no reservation."""
    result = await world.deliver(handle)
    assert (result.status, result.captured, result.refunded) == (OrderStatus.COMPLETED, 1000, 0)
    assert (live(world), len(world.payments.called("capture"))) == ([], 1)
    await world.balanced(placed)


async def test_deadline_far_away_changes_nothing(world: World) -> None:
    """Six days of a hold of seven: no bank, no buyer and no provider is asked anything."""
    placed, handle = await world.accepted(terms=LATE)
    before = list(world.log)
    await world.pass_time(handle, timedelta(days=6, hours=17))
    assert (world.log, len(live(world))) == (before, 1)
    assert "payment_needed" not in world.story(placed)
    await completed(world, placed, handle)
    assert len(world.payments.requests) == 1


async def test_saved_card_is_reserved_anew_three_times(world: World) -> None:
    """A month to ship in: each reservation ends before the next begins, and only the last is captured."""
    placed, handle = await world.accepted(terms={"ship_within": timedelta(days=30)})
    for generation in (2, 3, 4):
        await world.pass_time(handle, DUE)
        await world.called(world.payments, "authorize", generation)
        await world.until(handle, lambda view: view.awaiting == "the carrier's first scan")
        assert live(world) == [world.payment(placed, generation=generation)]
    assert [request.off_session for request in world.payments.requests] == [False, True, True, True]
    assert len(world.payments.called("void")) == 3
    await completed(world, placed, handle)
    assert world.payment(placed, generation=4).status is PaymentStatus.CAPTURED


async def test_longer_hold_is_asked_for_and_needs_no_renewal(world: World) -> None:
    """Terms with extended authorizations: one reservation outlasts ten days."""
    placed, handle = await world.accepted(terms={**LATE, "extended_authorization": True})
    await world.pass_time(handle, timedelta(days=9))
    assert [request.extended for request in world.payments.requests] == [True]
    assert world.payments.called("void") == []
    await completed(world, placed, handle)


async def test_bank_that_grants_no_longer_hold_is_asked_again(world: World) -> None:
    """Asked for a month, granted a week: renewed by the date the bank said."""
    world.payments.allow_long_holds(allowed=False)
    placed, handle = await world.accepted(terms={**LATE, "extended_authorization": True})
    await world.pass_time(handle, DUE)
    await world.called(world.payments, "authorize", 2)
    assert [request.extended for request in world.payments.requests] == [True, True]
    await completed(world, placed, handle)


async def test_order_that_ships_soon_asks_for_no_longer_hold(world: World) -> None:
    """Terms would allow it, two days do not need it."""
    placed, handle = await world.accepted(terms={"extended_authorization": True})
    assert [request.extended for request in world.payments.requests] == [False]
    await completed(world, placed, handle)


async def test_accepted_parcel_is_taken_early_where_the_terms_allow(world: World) -> None:
    """No card to ask again: captured before the hold ends, once, and nobody is asked."""
    placed, handle = await unsaved(world, EARLY)
    await world.pass_time(handle, ASKED)
    assert (world.payments.called("capture"), len(live(world))) == ([], 1)
    await world.pass_time(handle, DUE - ASKED)
    view = await world.until(handle, lambda seen: seen.parcels[0].captured == 1000)
    assert view.attention == ()
    await completed(world, placed, handle)
    assert "captured_early" in world.story(placed)
    assert "payment_needed" not in world.story(placed)


async def test_money_taken_early_goes_back_with_a_cancellation(world: World) -> None:
    """Captured before it left, then canceled: refunded in full."""
    placed, handle = await unsaved(world, EARLY)
    await world.pass_time(handle, DUE)
    await world.until(handle, lambda seen: seen.parcels[0].captured == 1000)
    answer = await world.cancel(handle)
    result = await world.result(handle)
    assert (answer.outcome, answer.refunded) == ("canceled", 1000)
    assert (result.status, result.captured, result.refunded) == (OrderStatus.CANCELED, 1000, 1000)
    assert live(world) == []
    await world.balanced(placed)


async def test_early_capture_the_bank_refuses_asks_the_buyer(world: World) -> None:
    """Nothing is taken; the buyer is asked before the hold ends."""
    placed, handle = await unsaved(world, EARLY)
    world.payments.fail_next("capture", CustomerError("do_not_honor", "no"))
    await world.pass_time(handle, DUE)
    await world.question(handle, "renewal_failed")
    assert "payment_needed" in world.story(placed)
    assert (await paid_with(handle, "pm_card_visa", "cus_2")).outcome == "done"
    result = await world.deliver(handle)
    assert (result.status, result.captured, live(world)) == (OrderStatus.COMPLETED, 1000, [])
    await world.balanced(placed)


async def test_parcel_nobody_accepted_is_not_taken_early(world: World) -> None:
    """Its provider is silent: no money for goods that nobody has, the buyer is asked; once paid, it is tried again."""
    world.provider.fail_next("submit", RetryError("down", "no answer", unknown=True, retry_after=timedelta(hours=6)))
    placed, handle = await world.confirmed(terms=EARLY)
    await world.question(handle, "provider_silent")
    assert (await paid_with(handle, "pm_card_mastercard")).outcome == "done"
    await world.pass_time(handle, DUE)
    await world.question(handle, "renewal_failed")
    assert (world.payments.called("capture"), len(live(world))) == ([], 1)
    assert (await paid_with(handle, "pm_card_visa", "cus_2")).outcome == "done"
    await world.until(handle, lambda seen: seen.parcels[0].status is ParcelStatus.ACCEPTED)
    await completed(world, placed, handle)
    assert "captured_early" not in world.story(placed)


async def test_buyer_is_asked_a_day_before_and_settles_it(world: World) -> None:
    """Told once; the new payment method is reserved before the old one is given back; the question closes itself."""
    placed, handle = await buyer_asked(world)
    assert [payment.payment_id for payment in live(world)] == [world.payment(placed, generation=2).payment_id]
    answer = await paid_with(handle, "pm_card_visa", "cus_2")
    assert (answer.outcome, live(world)) == ("done", [world.payment(placed, generation=3)])
    view = await world.until(handle, lambda seen: not seen.attention)
    assert view.status is OrderStatus.FULFILLING
    assert world.story(placed).count("payment_needed") == 1
    assert world.log[-2:] == ["payments.authorize", "payments.void"]
    await completed(world, placed, handle)


async def test_payment_method_the_bank_declines_leaves_the_question_open(world: World) -> None:
    """The old reservation stands and the buyer is still needed, though told only once."""
    placed, handle = await buyer_asked(world)
    world.payments.decline_next()
    assert (await paid_with(handle, "pm_card_visa", "cus_2")).outcome == "refused"
    await world.question(handle, "renewal_failed")
    assert live(world) == [world.payment(placed, generation=2)]
    assert (await paid_with(handle, "pm_card_amex", "cus_2")).outcome == "done"
    assert world.story(placed).count("payment_needed") == 1
    await completed(world, placed, handle)


async def test_buyer_who_never_answers_is_given_up_by_a_person(world: World) -> None:
    """`cancel`: the goods are stopped first, then the money is given back; nothing ships unpaid."""
    placed, handle = await buyer_asked(world)
    await world.resolve(handle, "cancel", "renewal_failed")
    result = await world.result(handle)
    assert (result.status, result.reason, result.captured) == (OrderStatus.CANCELED, "authorization_lapsed", 0)
    assert world.log[-3:] == ["shipbob.cancel", "stock.release", "payments.void"]
    assert (live(world), world.payments.called("capture")) == ([], [])
    await world.balanced(placed)


async def test_scan_ends_the_question_about_the_buyer(world: World) -> None:
    """It ships within the hold after all: captured, and nobody needs to answer."""
    placed, handle = await buyer_asked(world)
    await world.report(handle, ParcelStatus.IN_TRANSIT)
    view = await world.until(handle, lambda seen: seen.parcels[0].captured == 1000)
    assert view.attention == ()
    await completed(world, placed, handle)


async def test_declined_renewal_undoes_only_its_parcel(world: World) -> None:
    """Two parcels, one bank's no: that parcel is stopped and unpaid, the other ships and is paid."""
    world.restocked(("nj-1", "MUG", 10), ("ca-1", "TEE", 10))
    placed, handle = await world.accepted(("MUG", 1), ("TEE", 2), terms=LATE)
    world.payments.decline_next()
    await world.pass_time(handle, DUE)
    view = await world.until(handle, lambda seen: any(p.status is ParcelStatus.CANCELED for p in seen.parcels))
    await world.called(world.payments, "authorize", 4)
    stopped, going = sorted(view.parcels, key=lambda parcel: parcel.status is not ParcelStatus.CANCELED)
    result = await world.deliver(handle, going.plan.parcel)
    assert (result.status, result.captured) == (OrderStatus.COMPLETED, going.plan.amount)
    assert world.provider.called("cancel") == [(world.reference(placed, stopped.plan.parcel),)]
    assert live(world) == []
    await world.balanced(placed)

"""Changes that meet something under way: a hand-off, a silent provider, a cancellation, a question, a refusal."""

import asyncio
from datetime import timedelta

import pytest

from ordersaga.domain.errors import OperatorError, RetryError
from ordersaga.domain.payments import PaymentStatus
from ordersaga.domain.shipping import CancelDecision
from ordersaga.domain.statuses import OrderStatus, ParcelStatus
from tests.workflows.changes import BOSTON, SAVED, change, expedited, moved, paying_with, split, to_boston
from tests.workflows.world import World, stalled
from workflows.messages import OrderView


def accepted(view: OrderView) -> bool:
    """Every parcel is at its provider."""
    return all(parcel.status is ParcelStatus.ACCEPTED for parcel in view.parcels)


async def test_change_while_a_hand_off_is_in_flight(world: World) -> None:
    """The call is not abandoned: it ends, its parcel is withdrawn, and the next one has the change."""
    async with stalled(world.provider, "submit") as reached:
        placed, handle = await world.confirmed()
        await asyncio.wait_for(reached.wait(), 10)
        asked = asyncio.ensure_future(change(handle, "expedite", expedited()))
        await world.until(handle, lambda _: "change_requested" in world.story(placed) or not asked.done())
        assert world.provider.called("cancel") == []
    assert (await asked).outcome == "done"
    await world.until(handle, accepted)
    first, second = world.reference(placed), world.reference(placed, generation=2)
    assert {name: held.status for name, held in world.provider.orders.items()} == {
        first: ParcelStatus.CANCELED,
        second: ParcelStatus.ACCEPTED,
    }
    assert (await world.deliver(handle, generation=2)).captured == 1000
    await world.balanced(placed)


async def test_change_while_the_provider_is_down(world: World) -> None:
    """No answer to the hand-off: the change ends the attempts, and the parcel leaves from elsewhere."""
    world.down(world.provider, "submit")
    placed, handle = await world.confirmed()
    await world.called(world.provider, "submit", 1)
    asked = asyncio.ensure_future(change(handle, "move_parcel", moved("nj-1", "seller_warehouse")))
    assert (await asked).outcome == "done"
    view = await world.until(handle, lambda seen: seen.parcels[0].tracking_number is not None)
    assert (view.parcels[0].plan.provider, view.attention) == ("seller_warehouse", ())
    assert (world.provider.orders, list(world.warehouse.orders)) == ({}, [world.reference(placed, generation=2)])
    assert (await world.deliver(handle, generation=2)).captured == 1000
    await world.balanced(placed)


async def test_change_nobody_decides_in_time_says_so(world: World) -> None:
    """The provider is silent about giving the parcel back: told `pending`, carried out once it answers."""
    placed, handle = await world.accepted()
    world.down(world.provider, "cancel")
    asked = asyncio.ensure_future(change(handle, "expedite", expedited(request_id="r1")))
    await world.called(world.provider, "cancel", 1)
    await world.pass_time(handle, timedelta(seconds=31))
    answer = await asked
    assert (answer.outcome, answer.answer_by is not None) == ("pending", True)
    assert answer.message == "not decided yet: parcel 1: goes by the faster service"
    world.up(world.provider, "cancel")
    await world.called(world.provider, "submit", 2)
    assert (await change(handle, "expedite", expedited(request_id="r1"))).outcome == "done"
    assert len(world.provider.orders) == 2
    await world.until(handle, accepted)
    await world.deliver(handle, generation=2)
    await world.balanced(placed)


async def test_change_closes_the_question_about_a_parked_step(world: World) -> None:
    """Another address for a parcel its provider refused to take from us: the question is settled, the next goes."""
    world.provider.fail_next("submit", OperatorError("bad_credentials", "token expired"))
    placed, handle = await world.confirmed()
    await world.question(handle, "step_failed")
    assert (await change(handle, "change_address", to_boston())).outcome == "done"
    await world.until(handle, lambda view: accepted(view) and not view.attention)
    assert [item.resolved for item in world.memory.attention.values()] == ["settled"]
    ((reference, given),) = world.provider.hand_offs.items()
    assert (given.ship_to, given.reference) == (BOSTON, reference)
    assert (await world.deliver(handle, generation=int(reference.rsplit("-", 1)[1]))).captured == 1000
    await world.balanced(placed)


async def test_payment_changes_without_touching_a_parked_step(world: World) -> None:
    """The question about the hand-off stays; `retry` then hands it off once, and the new payment is taken."""
    world.provider.fail_next("submit", OperatorError("bad_credentials", "token expired"))
    placed, handle = await world.confirmed()
    await world.question(handle, "step_failed")
    assert (await change(handle, "change_payment", paying_with("pm_other"))).outcome == "done"
    await world.resolve(handle, "retry", "step_failed")
    await world.until(handle, accepted)
    assert list(world.provider.orders) == [world.reference(placed, generation=2)]
    assert (await world.deliver(handle, generation=2)).captured == 1000
    assert world.payment(placed, generation=2).captured == 1000
    await world.balanced(placed)


async def test_canceled_while_it_is_taken_back(world: World) -> None:
    """The cancellation wins: taken back once, not handed off again, nothing is taken."""
    placed, handle = await world.accepted()
    async with stalled(world.provider, "cancel") as reached:
        asked = asyncio.ensure_future(change(handle, "expedite", expedited()))
        await asyncio.wait_for(reached.wait(), 10)
        await handle.signal("request_cancel")
    result = await world.result(handle)
    await asyncio.gather(asked, return_exceptions=True)
    assert (result.status, result.captured) == (OrderStatus.CANCELED, 0)
    assert (list(world.provider.orders), len(world.provider.called("submit"))) == ([world.reference(placed)], 1)
    assert world.payment(placed).status is PaymentStatus.VOIDED
    await world.balanced(placed)


async def test_change_and_cancel_in_one_moment(world: World) -> None:
    """Both are answered; whatever came first, nothing ships, and the answers agree with that."""
    placed, handle = await world.accepted()
    both = (change(handle, "expedite", expedited()), world.cancel(handle))
    answers = await asyncio.gather(*both, return_exceptions=True)
    assert not any(isinstance(answer, asyncio.CancelledError) for answer in answers)
    assert getattr(answers[1], "outcome", None) == "canceled"
    assert (await world.result(handle)).captured == 0
    assert not any(held.status is ParcelStatus.ACCEPTED for held in world.provider.orders.values())
    await world.balanced(placed)


async def test_canceled_while_the_second_payment_is_asked_for(world: World) -> None:
    """A split meets a cancellation: nothing ships, both reservations are given back."""
    placed, handle = await world.accepted(("MUG", 2), payment=SAVED)
    async with stalled(world.payments, "authorize") as reached:
        asked = asyncio.ensure_future(change(handle, "split_parcel", split(("MUG", 1))))
        await asyncio.wait_for(reached.wait(), 10)
        await handle.signal("request_cancel")
    result = await world.result(handle)
    await asyncio.gather(asked, return_exceptions=True)
    assert (result.status, result.captured) == (OrderStatus.CANCELED, 0)
    assert {state.status for state in world.payments.payments.values()} == {PaymentStatus.VOIDED}
    assert {held.status for held in world.provider.orders.values()} == {ParcelStatus.CANCELED}
    assert world.units()["ca-1", "MUG"] == (10, 0)
    await world.balanced(placed)


async def test_second_payment_nobody_could_say_anything_about_is_given_back(world: World) -> None:
    """Reserved, the answer lost, the inquiry refused to us: no second parcel; the reservation is found and ended."""
    placed, handle = await world.accepted(("MUG", 2), payment=SAVED)
    world.payments.fail_next("authorize", RetryError("timeout", "no answer", unknown=True), after_doing=True)
    world.payments.fail_next("find", OperatorError("bad_credentials", "key revoked"))
    answer = await change(handle, "split_parcel", split(("MUG", 1)))
    assert (answer.outcome, answer.message) == ("refused", "bad_credentials: key revoked")
    await world.until(handle, accepted)
    assert world.payment(placed, 2).status is PaymentStatus.VOIDED
    assert (await world.deliver(handle, generation=2)).captured == 2000
    await world.balanced(placed)


async def test_other_payment_method_nobody_could_say_anything_about_is_given_back(world: World) -> None:
    """The same for another payment method: the old reservation stands, the new one is ended."""
    placed, handle = await world.accepted()
    world.payments.fail_next("authorize", RetryError("timeout", "no answer", unknown=True), after_doing=True)
    world.payments.fail_next("find", OperatorError("bad_credentials", "key revoked"))
    answer = await change(handle, "change_payment", paying_with("pm_other"))
    told = "key revoked; offer another payment method"
    assert (answer.outcome, answer.message) == ("refused", told)
    states = [world.payment(placed, generation=number).status for number in (1, 2)]
    assert states == [PaymentStatus.AUTHORIZED, PaymentStatus.VOIDED]
    assert (await world.deliver(handle)).captured == 1000
    await world.balanced(placed)


async def test_old_reservation_is_settled_by_hand(world: World) -> None:
    """Our key is gone for good: a person gives the old reservation back; the new one is captured, books agree."""
    placed, handle = await world.accepted()
    world.payments.fail_next("void", OperatorError("bad_credentials", "key revoked"))
    asked = asyncio.ensure_future(change(handle, "change_payment", paying_with("pm_other")))
    item = await world.question(handle, "step_failed")
    view = await world.until(handle, lambda seen: bool(seen.attention))
    assert (view.attention[0].item_id, view.attention[0].money) == (item, 1000)
    assert view.attention[0].choices == ("retry", "settled_by_hand")
    await world.resolve(handle, "settled_by_hand", "step_failed")
    assert (await asked).outcome == "done"
    assert (await world.deliver(handle)).captured == 1000
    assert (len(world.payments.called("void")), len(world.payments.called("capture"))) == (1, 1)
    assert world.payment(placed, generation=2).captured == 1000
    await world.balanced(placed)


@pytest.mark.parametrize("asked", [expedited(), moved("nj-1"), split(("MUG", 1))])
async def test_provider_that_cannot_give_it_back_ships_it(world: World, asked: object) -> None:
    """Refused with the alternative; the parcel is scanned and paid as it was, and stock leaves where it was."""
    placed, handle = await world.accepted(("MUG", 2), payment=SAVED)
    world.provider.answer_cancel_next(CancelDecision.REFUSED)
    names = {"Expedite": "expedite", "MoveParcel": "move_parcel", "SplitParcel": "split_parcel"}
    answer = await change(handle, names[type(asked).__name__], asked)  # type: ignore[arg-type]
    told = "shipbob could not give the parcel back: it ships as it is; offer a return"
    assert (answer.outcome, answer.message) == ("refused", told)
    result = await world.deliver(handle)
    assert (result.status, result.captured) == (OrderStatus.COMPLETED, 2000)
    assert (len(world.provider.called("submit")), world.stock.called("replan")) == (1, [])
    assert world.units()["ca-1", "MUG"] == (8, 0)
    await world.balanced(placed)


async def test_ticket_that_cannot_be_stopped_gets_its_label(world: World) -> None:
    """The change ended the purchase of a label and the warehouse keeps the parcel: it does not go without one."""
    world.restocked(("nj-1", "MUG", 10), provider="seller_warehouse")
    world.down(world.carrier, "book", 1)
    world.warehouse.answer_cancel_next(CancelDecision.REFUSED)
    placed, handle = await world.confirmed()
    await world.called(world.carrier, "book", 1)
    assert (await change(handle, "expedite", expedited())).outcome == "refused"
    await world.until(handle, lambda view: view.parcels[0].tracking_number is not None)
    assert list(world.warehouse.orders) == [world.reference(placed)]
    assert (await world.deliver(handle)).captured == 1000
    await world.balanced(placed)


async def test_scan_of_a_hand_off_that_was_taken_back(world: World) -> None:
    """It left although its withdrawal was confirmed: a person hears of it once; the second one is the sale."""
    placed, handle = await world.accepted()
    await change(handle, "expedite", expedited())
    await world.until(handle, accepted)
    for status in (ParcelStatus.LEFT_WAREHOUSE, ParcelStatus.IN_TRANSIT):
        await world.report(handle, status, generation=1)
    await world.resolve(handle, "noted", "left_twice")
    result = await world.deliver(handle, generation=2)
    assert (result.captured, world.story(placed).count("attention")) == (1000, 1)
    await world.balanced(placed)

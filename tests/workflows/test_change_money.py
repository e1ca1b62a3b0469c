"""Money changes: goodwill with its limits and its second person, and another payment method."""

import asyncio

import pytest

from ordersaga.domain.errors import CustomerError, RetryError
from ordersaga.domain.payments import PaymentStatus
from ordersaga.domain.statuses import OrderStatus, ParcelStatus
from tests.workflows.changes import SAVED, change, goodwill, paying_with, refusal, split
from tests.workflows.world import Handle, World
from workflows.messages import NO_REASON, Resolution

LITTLE = {"second_person_above": 500}
"""Terms under which more than 500 minor units need a second person."""


async def _shipped(world: World, handle: Handle, parcel: int = 1) -> None:
    await world.report(handle, ParcelStatus.IN_TRANSIT, parcel=parcel)
    await world.until(handle, lambda view: view.parcels[parcel - 1].captured > 0)


async def test_goodwill_is_refunded_and_entered_as_an_allowance(world: World) -> None:
    """The goods are kept: part of the price goes back once, and the books say why."""
    placed, handle = await world.accepted()
    await _shipped(world, handle)
    answer = await change(handle, "refund", goodwill(300, reason="late"))
    assert (answer.outcome, answer.message) == ("done", "parcel 1: USD 3.00 given back: late")
    assert (world.payment(placed).refunded, (await world.balance(placed)).allowed) == (300, 300)
    await world.report(handle, ParcelStatus.DELIVERED)
    result = await world.result(handle)
    assert (result.status, result.captured, result.refunded) == (OrderStatus.COMPLETED, 1000, 300)
    assert len(world.payments.called("refund")) == 1
    await world.balanced(placed)


async def test_goodwill_is_limited_to_what_was_taken(world: World) -> None:
    """Before anything left, above the price, above what is left of it: refused in words, nothing moves."""
    placed, handle = await world.accepted()
    early = await refusal(handle, "refund", goodwill(1))
    await _shipped(world, handle)
    given = await change(handle, "refund", goodwill(400, reason=NO_REASON))
    assert given.message == "parcel 1: USD 4.00 given back"
    late = [await refusal(handle, "refund", goodwill(amount)) for amount in (601, 1000)]
    most = "of what a parcel that left cost can be given; ask for less, or cancel"
    assert early == "customer: nothing that left is paid; ask again after the first scan, or cancel units"
    assert late == [f"customer: amount: at most USD 6.00 {most}"] * 2
    assert (world.payment(placed).refunded, len(world.payments.called("refund"))) == (400, 1)
    await world.report(handle, ParcelStatus.DELIVERED)
    await world.result(handle)
    await world.balanced(placed)


async def test_two_goodwills_at_once_never_give_more_than_was_taken(world: World) -> None:
    """Each fits, both together do not: one is given, the other refused, and nobody has to look."""
    placed, handle = await world.accepted()
    await _shipped(world, handle)
    both = (change(handle, "refund", goodwill(600, request_id=name)) for name in ("r1", "r2"))
    answers = await asyncio.gather(*both, return_exceptions=True)
    assert sorted(getattr(answer, "outcome", "refused") for answer in answers) == ["done", "refused"]
    assert (world.payment(placed).refunded, world.memory.attention) == (600, {})
    await world.report(handle, ParcelStatus.DELIVERED)
    await world.result(handle)
    await world.balanced(placed)


async def test_lost_after_goodwill_only_the_rest_is_refunded(world: World) -> None:
    """The shopper gets the price back once: the allowance, then what it left."""
    placed, handle = await world.accepted()
    await _shipped(world, handle)
    await change(handle, "refund", goodwill(300))
    await world.report(handle, ParcelStatus.LOST)
    result = await world.result(handle)
    assert (result.status, result.captured, result.refunded) == (OrderStatus.CANCELED, 1000, 1000)
    assert [call[1] for call in world.payments.called("refund")] == [300, 700]
    assert (await world.balance(placed)).allowed == 0
    await world.balanced(placed)


async def test_lost_while_goodwill_is_under_way(world: World) -> None:
    """The bank is slow to answer about the gift: the rest waits for it, and together they are the price."""
    placed, handle = await world.accepted()
    await _shipped(world, handle)
    world.down(world.payments, "refund", 3)
    asked = asyncio.ensure_future(change(handle, "refund", goodwill(300)))
    await world.called(world.payments, "refund", 1)
    await world.report(handle, ParcelStatus.LOST)
    assert (await asked).outcome == "done"
    assert (await world.result(handle)).refunded == 1000
    assert world.payment(placed).refunded == 1000
    await world.balanced(placed)


async def test_refund_whose_answer_is_lost_is_given_once(world: World) -> None:
    """The bank refunded and fell silent: it is found, not given again."""
    placed, handle = await world.accepted()
    await _shipped(world, handle)
    world.payments.fail_next("refund", RetryError("timeout", "no answer", unknown=True), after_doing=True)
    assert (await change(handle, "refund", goodwill(300))).outcome == "done"
    assert (world.payment(placed).refunded, len(world.payments.called("refund"))) == (300, 1)
    await world.report(handle, ParcelStatus.DELIVERED)
    await world.result(handle)
    await world.balanced(placed)


# ---- a second person -----------------------------------------------------------------------------------------


async def _asked_for_much(world: World) -> tuple[str, Handle]:
    placed, handle = await world.accepted(terms=LITTLE)
    await _shipped(world, handle)
    answer = await change(handle, "refund", goodwill(600, request_id="r1"))
    assert (answer.outcome, answer.message) == ("awaiting_approval", "waits for a second person")
    assert world.payments.called("refund") == []
    return placed.order_id, handle


async def test_second_person_approves(world: World) -> None:
    """Who asked may not approve; somebody else does, and the same request then hears `done`."""
    order_id, handle = await _asked_for_much(world)
    item = await world.question(handle, "refund_approval")
    same = Resolution(item_id=item, choice="approve", by="Agent ", reason="mine")
    assert "a second person must choose it too" in await refusal(handle, "resolve_attention", same)
    assert world.payments.called("refund") == []
    await world.resolve(handle, "approve", "refund_approval", by="boss")
    await world.until(handle, lambda view: view.parcels[0].refunded == 600)
    assert (await change(handle, "refund", goodwill(600, request_id="r1"))).outcome == "done"
    await world.report(handle, ParcelStatus.DELIVERED)
    assert (await world.result(handle)).refunded == 600
    assert world.memory.attention[order_id, item].resolved_by == "boss"
    assert (await world.effects.balance(order_id)).differences() == []


async def test_second_person_declines(world: World) -> None:
    """Nothing is given; the order ends with the whole price."""
    order_id, handle = await _asked_for_much(world)
    await world.resolve(handle, "decline", "refund_approval", by="boss")
    await world.report(handle, ParcelStatus.DELIVERED)
    result = await world.result(handle)
    assert (result.captured, result.refunded, world.payments.called("refund")) == (1000, 0, [])
    assert (await world.effects.balance(order_id)).differences() == []


async def test_order_does_not_close_before_the_second_person(world: World) -> None:
    """Delivered, yet the question is open: it closes after the answer, the refund in its books."""
    order_id, handle = await _asked_for_much(world)
    await world.report(handle, ParcelStatus.DELIVERED)
    await world.until(handle, lambda view: view.parcels[0].status is ParcelStatus.DELIVERED)
    view = await world.until(handle, lambda seen: seen.status is OrderStatus.NEEDS_ATTENTION)
    assert [item.kind for item in view.attention] == ["refund_approval"]
    await world.resolve(handle, "approve", by="boss")
    assert (await world.result(handle)).refunded == 600
    assert (await world.effects.balance(order_id)).differences() == []


async def test_lost_while_the_second_person_thinks(world: World) -> None:
    """The whole price went back meanwhile: the approval comes too late and gives nothing."""
    order_id, handle = await _asked_for_much(world)
    await world.report(handle, ParcelStatus.LOST)
    await world.until(handle, lambda view: view.parcels[0].refunded == 1000)
    await world.resolve(handle, "approve", by="boss")
    assert (await world.result(handle)).refunded == 1000
    assert [call[1] for call in world.payments.called("refund")] == [1000]
    assert (await world.effects.balance(order_id)).differences() == []


async def test_choice_about_much_money_takes_two(world: World) -> None:
    """Writing off is a proposal until a second person makes it too; the first may not do so twice."""
    world.payments.fail_next("capture", CustomerError("card_reported_stolen", "no"))
    placed, handle = await world.accepted(terms=LITTLE)
    await world.report(handle, ParcelStatus.IN_TRANSIT)
    await world.resolve(handle, "write_off", "capture_refused")
    item = await world.question(handle, "capture_refused")
    again = Resolution(item_id=item, choice="write_off", by="operator", reason="sure")
    told = await refusal(handle, "resolve_attention", again)
    assert told == (
        "operator: operator proposed it already; it moves much money, so a second person must choose it too"
    )
    assert (await world.balance(placed)).written_off == 0
    await world.resolve(handle, "write_off", by="boss")
    await world.report(handle, ParcelStatus.DELIVERED)
    await world.result(handle)
    assert ((await world.balance(placed)).written_off, world.story(placed).count("proposal")) == (1000, 1)
    await world.balanced(placed)


async def test_second_person_may_choose_otherwise(world: World) -> None:
    """A proposal binds nobody: `retry` moves nothing by itself, so one person may choose it."""
    world.payments.fail_next("capture", CustomerError("card_reported_stolen", "no"))
    placed, handle = await world.accepted(terms=LITTLE, payment=SAVED)
    await world.report(handle, ParcelStatus.IN_TRANSIT)
    await world.resolve(handle, "write_off", "capture_refused")
    await world.resolve(handle, "retry", "capture_refused", by="boss")
    await world.report(handle, ParcelStatus.DELIVERED)
    assert (await world.result(handle)).captured == 1000
    assert (await world.balance(placed)).written_off == 0
    await world.balanced(placed)


# ---- another payment method ----------------------------------------------------------------------------------


async def test_old_reservation_stands_until_the_new_one_does(world: World) -> None:
    """Reserved with the other card first, then given back; the new one is captured."""
    placed, handle = await world.accepted()
    mark = len(world.log)
    answer = await change(handle, "change_payment", paying_with("pm_other"))
    assert answer.outcome == "done"
    assert world.log[mark:] == ["payments.authorize", "payments.void"]
    assert world.payments.requests[-1].payment_method == "pm_other"
    assert world.payment(placed).status is PaymentStatus.VOIDED
    assert (await world.deliver(handle)).captured == 1000
    assert world.payment(placed, generation=2).captured == 1000
    await world.balanced(placed)


@pytest.mark.parametrize("said", ["declined", "challenge"])
async def test_refused_payment_method_leaves_the_old_one(world: World, said: str) -> None:
    """The bank says no, or wants the shopper: the old reservation stands and is captured."""
    placed, handle = await world.accepted()
    (world.payments.decline_next if said == "declined" else world.payments.require_action_next)()
    answer = await change(handle, "change_payment", paying_with("pm_other"))
    assert answer.outcome == "refused"
    assert answer.message.endswith("; offer another payment method")
    assert world.payment(placed).status is PaymentStatus.AUTHORIZED
    assert (await world.deliver(handle)).captured == 1000
    assert world.payment(placed).captured == 1000
    await world.balanced(placed)


async def test_third_payment_method_is_asked_for_itself(world: World) -> None:
    """After one refused method another is reserved: it does not hear the answer of the first."""
    placed, handle = await world.accepted()
    world.payments.decline_next()
    await change(handle, "change_payment", paying_with("pm_empty"))
    assert (await change(handle, "change_payment", paying_with("pm_third"))).outcome == "done"
    assert [asked.payment_method for asked in world.payments.requests] == ["pm_card_visa", "pm_empty", "pm_third"]
    assert (await world.deliver(handle)).captured == 1000
    assert world.payment(placed, generation=3).captured == 1000
    await world.balanced(placed)


async def test_another_method_pays_for_what_left_unpaid(world: World) -> None:
    """The capture was refused after the scan: the new method is captured and the question closes by itself."""
    world.payments.fail_next("capture", CustomerError("card_reported_stolen", "no"))
    placed, handle = await world.accepted()
    await world.report(handle, ParcelStatus.IN_TRANSIT)
    await world.question(handle, "capture_refused")
    assert (await change(handle, "change_payment", paying_with("pm_other"))).outcome == "done"
    await world.until(handle, lambda view: view.parcels[0].captured == 1000)
    await world.report(handle, ParcelStatus.DELIVERED)
    assert (await world.result(handle)).captured == 1000
    assert [item.resolved for item in world.memory.attention.values()] == ["settled"]
    await world.balanced(placed)


async def test_after_a_split_the_new_method_reserves_what_is_left(world: World) -> None:
    """Two parcels, two new reservations; a cancellation then gives back exactly these."""
    placed, handle = await world.accepted(("MUG", 3), payment=SAVED)
    await change(handle, "split_parcel", split(("MUG", 1)))
    await world.until(handle, lambda view: len(view.parcels) == 2)
    await change(handle, "change_payment", paying_with("pm_other", "cus_ada"))
    assert [asked.amount for asked in world.payments.requests] == [3000, 1000, 2000, 1000]
    assert (await world.cancel(handle)).voided == 3000
    await world.result(handle)
    assert {state.status for state in world.payments.payments.values()} == {PaymentStatus.VOIDED}
    await world.balanced(placed)


async def test_paid_parcels_keep_their_payment(world: World) -> None:
    """Refused at the door."""
    _, handle = await world.accepted()
    await _shipped(world, handle)
    told = await refusal(handle, "change_payment", paying_with("pm_other"))
    assert told == "customer: everything is paid; use the other payment method for the next order"
    assert len(world.payments.called("authorize")) == 1


async def test_a_parcel_given_away_altogether_is_paid_all_the_same(world: World) -> None:
    """Goodwill of the whole price: the card is not asked again, what it waits for is delivery, and the order ends."""
    placed, handle = await world.accepted()
    await _shipped(world, handle)
    await world.until(handle, lambda view: view.awaiting == "delivery")
    await change(handle, "refund", goodwill(250))
    await change(handle, "refund", goodwill(750))
    assert (await world.until(handle, lambda view: view.parcels[0].refunded == 1000)).awaiting == "delivery"
    told = await refusal(handle, "change_payment", paying_with("pm_other"))
    assert told == "customer: everything is paid; use the other payment method for the next order"
    assert len(world.payments.called("authorize")) == 1
    await world.report(handle, ParcelStatus.DELIVERED)
    assert (await world.result(handle)).status is OrderStatus.COMPLETED
    await world.balanced(placed)

"""One parcel becomes two, each with its own money and its own way."""

import asyncio
from datetime import timedelta

from ordersaga.domain.payments import PaymentStatus
from ordersaga.domain.statuses import OrderStatus, ParcelStatus
from tests.workflows.changes import SAVED, change, refusal, since, split
from tests.workflows.world import World
from workflows.messages import HoldRequest, OrderView


def accepted(view: OrderView) -> bool:
    """Every parcel is at its provider."""
    return all(parcel.status is ParcelStatus.ACCEPTED for parcel in view.parcels)


async def test_second_parcel_is_paid_and_shipped_by_itself(world: World) -> None:
    """Reserved first, then planned; the first parcel takes less, and the rest of its reservation is let go."""
    placed, handle = await world.accepted(("MUG", 3), payment=SAVED)
    mark = len(world.log)
    answer = await change(handle, "split_parcel", split(("MUG", 1)))
    assert (answer.outcome, answer.parcel) == ("done", 2)
    await world.until(handle, accepted)
    asked = since(world, mark)
    assert asked[:3] == ["shipbob.cancel", "payments.authorize", "stock.replan"]
    assert asked[3:] == ["shipbob.submit", "shipbob.submit"]
    second = world.provider.hand_offs[world.reference(placed, 2)]
    assert [(line.sku, line.quantity) for line in second.lines] == [("MUG", 1)]
    assert world.payments.requests[-1].off_session
    assert world.units()["ca-1", "MUG"] == (10, 3)
    await world.arrive(handle, 1, 2)
    result = await world.deliver(handle, 2)
    assert (result.status, result.captured, result.refunded) == (OrderStatus.COMPLETED, 3000, 0)
    assert (world.payment(placed).captured, world.payment(placed, 2).captured) == (2000, 1000)
    assert (world.payments.called("refund"), world.units()["ca-1", "MUG"]) == ([], (7, 0))
    await world.balanced(placed)


async def test_own_warehouse_buys_a_label_for_each(world: World) -> None:
    """The first label is voided; each parcel gets one of its own."""
    world.restocked(("nj-1", "MUG", 10), provider="seller_warehouse")
    placed, handle = await world.accepted(("MUG", 2), payment=SAVED)
    await world.until(handle, lambda view: view.parcels[0].tracking_number is not None)
    await change(handle, "split_parcel", split(("MUG", 1)))
    await world.until(handle, lambda view: all(parcel.tracking_number for parcel in view.parcels))
    alive = {reference for reference, label in world.carrier.labels.items() if not label.voided}
    assert alive == {world.reference(placed, 1, 2), world.reference(placed, 2)}
    await world.arrive(handle, 1, 2)
    assert (await world.deliver(handle, 2)).captured == 2000
    await world.balanced(placed)


async def test_declined_second_payment_changes_nothing(world: World) -> None:
    """Refused with the bank's word: one parcel, one reservation, the plan as it was; handed off again."""
    placed, handle = await world.accepted(("MUG", 2), payment=SAVED)
    world.payments.decline_next()
    answer = await change(handle, "split_parcel", split(("MUG", 1)))
    assert (answer.outcome, answer.parcel) == ("refused", 0)
    assert "card_declined" in answer.message
    view = await world.until(handle, accepted)
    assert [parcel.plan.amount for parcel in view.parcels] == [2000]
    assert (world.stock.called("replan"), world.payments.called("void")) == ([], [])
    assert (await world.deliver(handle, generation=2)).captured == 2000
    await world.balanced(placed)


async def test_split_asked_again_after_a_decline(world: World) -> None:
    """The card has funds now: the second attempt is a payment of its own, not the first one's answer."""
    placed, handle = await world.accepted(("MUG", 2), payment=SAVED)
    world.payments.decline_next()
    assert (await change(handle, "split_parcel", split(("MUG", 1)))).outcome == "refused"
    await world.until(handle, accepted)
    answer = await change(handle, "split_parcel", split(("MUG", 1)))
    assert (answer.outcome, answer.parcel) == ("done", 3)
    await world.until(handle, lambda view: len(view.parcels) == 2 and accepted(view))
    await world.arrive(handle, 1, 3)
    assert (await world.deliver(handle, 3)).captured == 2000
    await world.balanced(placed)


async def test_challenge_nobody_can_answer_is_a_refusal(world: World) -> None:
    """The bank wants the shopper, who is not there: the payment is given up and nothing else changed."""
    placed, handle = await world.accepted(("MUG", 2), payment=SAVED)
    world.payments.require_action_next()
    answer = await change(handle, "split_parcel", split(("MUG", 1)))
    assert answer.outcome == "refused"
    assert world.payment(placed, 2).status is PaymentStatus.VOIDED
    await world.until(handle, accepted)
    assert (await world.deliver(handle, generation=2)).captured == 2000
    await world.balanced(placed)


async def test_card_that_was_not_saved(world: World) -> None:
    """No second payment could be made: refused at the door with the alternative."""
    _, handle = await world.accepted(("MUG", 2))
    assert await refusal(handle, "split_parcel", split(("MUG", 1))) == (
        "customer: the shopper's card was not saved, so a second parcel could not be charged; move it instead"
    )
    assert world.provider.called("cancel") == []


async def test_parcel_paid_at_confirmation(world: World) -> None:
    """One capture was made for it: refused at the door with the alternative."""
    _, handle = await world.accepted(("MUG", 2), payment=SAVED, terms={"capture": "at_confirmation"})
    assert await refusal(handle, "split_parcel", split(("MUG", 1))) == (
        "customer: the parcel is paid as a whole; cancel these units and order them again"
    )


async def test_units_that_cannot_leave_by_themselves(world: World) -> None:
    """More than there are, all of them, unknown ones: each refused by the field's name."""
    _, handle = await world.accepted(("MUG", 2), payment=SAVED)
    asked = [split(("MUG", 3)), split(("MUG", 2)), split(("LAMP", 1))]
    assert [await refusal(handle, "split_parcel", one) for one in asked] == [
        "customer: lines: parcel 1 does not contain these units; name units that it has",
        "customer: lines: these are all units of the parcel; name fewer",
        "customer: lines: parcel 1 does not contain these units; name units that it has",
    ]


async def test_split_of_a_split(world: World) -> None:
    """Three parcels of one unit each, three payments, one order."""
    placed, handle = await world.accepted(("MUG", 3), payment=SAVED)
    await change(handle, "split_parcel", split(("MUG", 2)))
    await world.until(handle, lambda view: len(view.parcels) == 2 and accepted(view))
    answer = await change(handle, "split_parcel", split(("MUG", 1), parcel=2))
    assert (answer.outcome, answer.parcel) == ("done", 3)
    await world.until(handle, lambda view: len(view.parcels) == 3 and accepted(view))
    for parcel, generation in ((1, 2), (2, 2)):
        await world.arrive(handle, parcel, generation)
    assert (await world.deliver(handle, 3)).captured == 3000
    assert [world.payment(placed, parcel).captured for parcel in (1, 2, 3)] == [1000, 1000, 1000]
    assert [world.payment(placed, parcel).amount for parcel in (1, 2, 3)] == [3000, 2000, 1000]
    await world.balanced(placed)


async def test_two_parcels_split_at_once(world: World) -> None:
    """Each new parcel has a number, a payment and units of its own."""
    world.restocked(("nj-1", "MUG", 10), ("ca-1", "TEE", 10))
    placed, handle = await world.accepted(("MUG", 2), ("TEE", 2), payment=SAVED)
    asked = [split(("TEE", 1)), split(("MUG", 1), parcel=2)]
    answers = await asyncio.gather(*(change(handle, "split_parcel", one) for one in asked))
    assert {answer.parcel for answer in answers} == {3, 4}
    await world.until(handle, lambda view: len(view.parcels) == 4 and accepted(view))
    for parcel, generation in ((1, 2), (2, 2), (3, 1)):
        await world.arrive(handle, parcel, generation)
    assert (await world.deliver(handle, 4)).captured == 4000
    await world.balanced(placed)


async def test_held_order_is_split_before_hand_off(world: World) -> None:
    """Nothing is taken back; after the release both parcels leave for their provider."""
    placed = world.order(("MUG", 2), payment=SAVED, terms={"hand_off_delay": timedelta(hours=1)})
    _, handle = await world.checkout(placed)
    await handle.execute_update("place_hold", HoldRequest(kind="fraud_review", by="agent"))
    assert (await change(handle, "split_parcel", split(("MUG", 1)))).outcome == "done"
    assert world.provider.calls == []
    await world.pass_time(handle, timedelta(hours=1, minutes=5))
    await handle.execute_update("release_hold", HoldRequest(kind="fraud_review", by="agent"))
    await world.until(handle, accepted)
    assert len(world.provider.called("submit")) == 2
    await world.arrive(handle)
    assert (await world.deliver(handle, 2)).captured == 2000
    await world.balanced(placed)


async def test_canceled_after_the_split(world: World) -> None:
    """Both parcels are stopped, both reservations given back, nothing is taken."""
    placed, handle = await world.accepted(("MUG", 2), payment=SAVED)
    await change(handle, "split_parcel", split(("MUG", 1)))
    await world.until(handle, lambda view: len(view.parcels) == 2 and accepted(view))
    answer = await world.cancel(handle)
    result = await world.result(handle)
    assert (answer.outcome, answer.voided, result.captured) == ("canceled", 2000, 0)
    assert {world.payment(placed, parcel).status for parcel in (1, 2)} == {PaymentStatus.VOIDED}
    assert world.units()["ca-1", "MUG"] == (10, 0)
    await world.balanced(placed)

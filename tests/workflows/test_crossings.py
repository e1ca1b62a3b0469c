"""Two things at once on one parcel: neither doubles an effect, loses money or goods, or stops the order."""

import asyncio
from datetime import timedelta

import pytest
from temporalio.client import WorkflowUpdateFailedError

from ordersaga.domain.errors import CustomerError, OperatorError, RetryError
from ordersaga.domain.orders import CapturePolicy, LineQuantity
from ordersaga.domain.payments import PaymentStatus
from ordersaga.domain.shipping import CancelDecision
from ordersaga.domain.statuses import OrderStatus, ParcelStatus
from tests.workflows import cancels
from tests.workflows.cancels import cancel, units
from tests.workflows.changes import SAVED, change, expedited, moved, paying_with, refusal, split
from tests.workflows.test_lost_parcels import overdue
from tests.workflows.world import World, stalled
from workflows.messages import HoldRequest, OrderView, Resolution

MISSING = (LineQuantity(sku="MUG", quantity=1),)
HEARTBEAT = 3.0
"""Seconds after which Temporal delivers messages to an order that hears soon and whose database has not answered."""


def accepted(view: OrderView) -> bool:
    """Every parcel that stands is at its provider."""
    return all(parcel.status in (ParcelStatus.ACCEPTED, ParcelStatus.CANCELED) for parcel in view.parcels)


# ---- units that leave in a parcel of their own ---------------------------------------------------------------------


async def test_rest_canceled_while_units_leave_in_their_own_parcel(world: World) -> None:
    """What stays is canceled as a whole, what was split off ships; nothing is handed off empty."""
    placed, handle = await world.accepted(("MUG", 3), payment=SAVED)
    async with stalled(world.provider, "cancel") as reached:
        asked = asyncio.ensure_future(change(handle, "split_parcel", split(("MUG", 2))))
        await asyncio.wait_for(reached.wait(), 10)
        less = asyncio.ensure_future(cancel(handle, units(("MUG", 1))))
        await asyncio.sleep(0.3)
    assert ((await asked).outcome, (await less).outcome, (await less).voided) == ("done", "canceled", 1000)
    result = await world.deliver(handle, 2)
    assert (result.status, result.captured, result.refunded) == (OrderStatus.COMPLETED, 2000, 0)
    assert all(handed.lines for handed in world.provider.hand_offs.values())
    assert (world.payment(placed).status, world.units()["ca-1", "MUG"]) == (PaymentStatus.VOIDED, (8, 0))
    await world.balanced(placed)


async def test_units_on_their_way_out_are_not_taken_twice(world: World) -> None:
    """Neither another split nor a cancellation gets them: refused at the door, with what is left."""
    placed, handle = await world.accepted(("MUG", 3), payment=SAVED)
    async with stalled(world.provider, "cancel") as reached:
        asked = asyncio.ensure_future(change(handle, "split_parcel", split(("MUG", 2))))
        await asyncio.wait_for(reached.wait(), 10)
        assert "does not contain these units" in await refusal(handle, "split_parcel", split(("MUG", 2)))
        with pytest.raises(WorkflowUpdateFailedError) as caught:
            await cancel(handle, units(("MUG", 2)))
        assert "the order has 1 of MUG left to cancel, not 2" in str(caught.value.cause)
    assert (await asked).outcome == "done"
    await world.until(handle, lambda view: len(view.parcels) == 2 and accepted(view))
    await world.arrive(handle, 1, 2)
    assert (await world.deliver(handle, 2)).captured == 3000
    await world.balanced(placed)


async def test_split_whose_stock_is_refused_reserves_nothing(world: World) -> None:
    """Our own stock says no for good: the second payment is given back, the parcel goes on as it was."""
    placed, handle = await world.accepted(("MUG", 3), payment=SAVED)
    world.stock.fail_next("replan", OperatorError("integrity_violation", "stock differs"))
    assert (await change(handle, "split_parcel", split(("MUG", 1)))).outcome == "refused"
    await world.until(handle, accepted)
    assert world.payment(placed, 2).status is PaymentStatus.VOIDED
    assert (await world.deliver(handle, generation=2)).captured == 3000
    await world.balanced(placed)


# ---- cancellations -------------------------------------------------------------------------------------------------


async def test_canceled_while_units_taken_out_are_refunded(world: World) -> None:
    """The parcel is already smaller, its refund is not answered yet: a bare signal cancels the rest."""
    placed, handle = await world.accepted(("MUG", 3), terms={"capture": CapturePolicy.AT_CONFIRMATION})
    world.down(world.payments, "refund")
    less = asyncio.ensure_future(cancel(handle, units(("MUG", 2))))
    await world.called(world.payments, "refund", 3)
    await handle.signal("request_cancel")
    world.up(world.payments, "refund")
    result = await world.result(handle)
    assert ((await less).refunded, result.captured, result.refunded) == (2000, 3000, 3000)
    assert (world.payment(placed).refunded, len(world.payments.refunds)) == (3000, 2)
    await world.balanced(placed)


async def test_hand_off_nobody_answered_that_cannot_be_stopped_gets_its_label(world: World) -> None:
    """Whether it needs one was never heard: it is heard now, for it ships."""
    world.restocked(("nj-1", "MUG", 10), provider="seller_warehouse")
    world.warehouse.fail_next("submit", RetryError("timeout", "no answer", unknown=True), after_doing=True)
    world.down(world.warehouse, "inquire")
    placed, handle = await world.confirmed()
    await world.called(world.warehouse, "submit", 1)
    world.warehouse.answer_cancel_next(CancelDecision.REFUSED)
    asked = asyncio.ensure_future(cancel(handle))
    await asyncio.sleep(0.3)
    world.up(world.warehouse, "inquire")
    assert (await asked).outcome == "too_late"
    await world.until(handle, lambda view: view.parcels[0].tracking_number is not None)
    assert (await world.deliver(handle)).captured == 1000
    assert (list(world.warehouse.orders), len(world.carrier.labels)) == ([world.reference(placed)], 1)
    await world.balanced(placed)


# ---- changes -------------------------------------------------------------------------------------------------------


async def test_second_change_gets_what_the_first_was_refused(world: World) -> None:
    """The provider gives the parcel back after all: it is handed off again, and not forgotten here."""
    placed, handle = await world.accepted(("MUG", 3))
    world.provider.answer_cancel_next(CancelDecision.REFUSED)
    async with stalled(world.provider, "cancel") as reached:
        first = asyncio.ensure_future(change(handle, "expedite", expedited()))
        await asyncio.wait_for(reached.wait(), 10)
        second = asyncio.ensure_future(change(handle, "move_parcel", moved("nj-1")))
        await asyncio.sleep(0.3)
    assert ((await first).outcome, (await second).outcome) == ("refused", "done")
    await world.until(handle, accepted)
    assert (await world.deliver(handle, generation=2)).captured == 3000
    assert world.units()["nj-1", "MUG"] == (7, 0)
    await world.balanced(placed)


async def test_hold_while_the_parcel_is_taken_back_is_refused(world: World) -> None:
    """It would be handed off again all the same: whoever asks is told to cancel."""
    placed, handle = await world.accepted(("MUG", 2))
    async with stalled(world.provider, "cancel") as reached:
        asked = asyncio.ensure_future(change(handle, "expedite", expedited()))
        await asyncio.wait_for(reached.wait(), 10)
        late = await refusal(handle, "place_hold", HoldRequest(kind="fraud", by="risk"))
    assert late == "customer: too late for a hold: the hand-off has begun; cancel instead"
    await asked
    await world.until(handle, accepted)
    assert (await world.deliver(handle, generation=2)).status is OrderStatus.COMPLETED
    await world.balanced(placed)


@pytest.mark.parametrize(("choice", "hand_offs"), [("it_ships", 1), ("it_has_not", 2)])
async def test_change_waits_for_a_label_that_is_not_voided(world: World, choice: str, hand_offs: int) -> None:
    """As long as it takes: nothing is handed off anew that the carrier may have already."""
    world.restocked(("nj-1", "MUG", 10), provider="seller_warehouse")
    placed, handle = await world.accepted(("MUG", 2), terms={"ship_within": timedelta(days=6)})
    await world.until(handle, lambda view: view.parcels[0].tracking_number is not None)
    world.carrier.answer_void_next(CancelDecision.REFUSED)
    asked = asyncio.ensure_future(change(handle, "expedite", expedited()))
    await world.question(handle, "label_not_voided")
    assert (await asyncio.gather(asked, world.pass_time(handle, timedelta(hours=21))))[0].outcome == "pending"
    assert list(world.warehouse.orders) == [world.reference(placed)]
    await world.resolve(handle, choice, "label_not_voided")
    await world.until(handle, lambda view: view.parcels[0].tracking_number is not None and not view.attention)
    assert (await world.deliver(handle, generation=hand_offs)).captured == 2000
    assert (len(world.warehouse.orders), len(world.carrier.labels)) == (hand_offs, hand_offs)
    await world.balanced(placed)


async def test_payment_changed_while_the_loss_is_written_off(world: World) -> None:
    """A slow database: nothing is reserved any more for what was given up, and the order closes."""
    world.hear_soon()
    world.payments.fail_next("capture", CustomerError("card_reported_stolen", "no"))
    placed, handle = await world.accepted()
    await world.report(handle, ParcelStatus.IN_TRANSIT)
    await world.question(handle, "capture_refused")
    async with stalled(world.effects, "post") as reached:
        asked = asyncio.ensure_future(world.resolve(handle, "write_off", "capture_refused"))
        await asyncio.wait_for(reached.wait(), 10)
        late = await refusal(handle, "change_payment", paying_with("pm_other"))
    assert "everything is paid" in late
    await asked
    await world.report(handle, ParcelStatus.DELIVERED)
    assert (await world.result(handle)).captured == 0
    assert len(world.payments.payments) == 1
    await world.balanced(placed)


# ---- units the provider canceled -----------------------------------------------------------------------------------


async def test_units_missing_from_each_hand_off_are_counted_for_each(world: World) -> None:
    """One mug is missing, the parcel is handed off anew, one more is missing: two are not paid."""
    stage = await cancels.accepted(world, ("MUG", 4))
    await stage.report(stage.live[0], ParcelStatus.PICKED, partial=True, canceled_lines=MISSING)
    await stage.told("units_canceled")
    assert (await change(stage.handle, "expedite", expedited())).outcome == "done"
    await stage.stands(2)
    await stage.report(stage.live[0], ParcelStatus.PICKED, partial=True, canceled_lines=MISSING)
    assert await stage.ended() is OrderStatus.COMPLETED
    assert cancels.payments(world, stage.placed) == ("captured 2000",)
    await world.balanced(stage.placed)


async def test_units_missing_are_given_back_once_they_are_paid(world: World) -> None:
    """The bank refused the charge when they were heard of: asked after the charge, and then given back."""
    stage = await cancels.accepted(world, ("MUG", 3))
    world.payments.fail_next("capture", CustomerError("card_reported_stolen", "no"))
    await stage.report(stage.live[0], ParcelStatus.IN_TRANSIT)
    await world.question(stage.handle, "capture_refused")
    await stage.report(stage.live[0], ParcelStatus.IN_TRANSIT, partial=True, canceled_lines=MISSING)
    await world.resolve(stage.handle, "retry", "capture_refused")
    await world.resolve(stage.handle, "refund", "partly_canceled")
    await stage.report(stage.live[0], ParcelStatus.DELIVERED)
    result = await world.result(stage.handle)
    assert (result.captured, result.refunded) == (3000, 1000)
    await world.balanced(stage.placed)


# ---- lost, late, renewed -------------------------------------------------------------------------------------------


async def test_stock_that_refuses_what_is_sent_again_asks_a_person(world: World) -> None:
    """The order does not stop: it is tried again, and the goods leave once more."""
    placed, handle = await overdue(world)
    world.stock.fail_next("replan", OperatorError("integrity_violation", "stock differs"))
    await world.resolve(handle, "reship", "delivery_overdue")
    await world.resolve(handle, "retry", "step_failed")
    await world.until(handle, lambda view: len(view.parcels) == 2)
    result = await world.deliver(handle, 2)
    assert (result.status, result.captured, result.refunded) == (OrderStatus.COMPLETED, 1000, 0)
    await world.balanced(placed)


@pytest.mark.parametrize("choice", ["refund_as_lost", "reship"])
async def test_delivered_while_the_choice_is_written_down(world: World, choice: str) -> None:
    """A slow database: what has arrived is neither refunded nor sent once more."""
    world.hear_soon()
    placed, handle = await overdue(world)
    item = await world.question(handle, "delivery_overdue")
    async with stalled(world.journal, "record") as reached:
        answer = Resolution(item_id=item, choice=choice, by="operator", reason="seen")
        asked = asyncio.ensure_future(handle.execute_update("resolve_attention", answer))
        await asyncio.wait_for(reached.wait(), 10)
        await world.report(handle, ParcelStatus.DELIVERED)
        await asyncio.sleep(HEARTBEAT)
    await asked
    result = await world.result(handle)
    assert (result.status, result.captured, result.refunded) == (OrderStatus.COMPLETED, 1000, 0)
    assert len(world.provider.orders) == 1
    await world.balanced(placed)


async def test_shopper_is_told_of_a_delay_while_the_order_is_held(world: World) -> None:
    """A hold does not stop the law's clock."""
    placed, handle = await world.confirmed(terms={"hand_off_delay": timedelta(minutes=1)})
    await handle.execute_update("place_hold", HoldRequest(kind="fraud", by="risk"))
    await world.pass_time(handle, timedelta(days=3))
    for _ in range(100):
        if "delay_notice" in world.story(placed):
            break
        await asyncio.sleep(0.05)
    assert world.story(placed).count("delay_notice") == 1
    assert (await cancel(handle)).outcome == "canceled"
    assert (await world.result(handle)).captured == 0
    await world.balanced(placed)


async def test_payment_method_given_when_the_renewal_is_due_is_kept(world: World) -> None:
    """The bank answers late: what the shopper gave then is not given back for a renewal."""
    placed, handle = await world.accepted(payment=SAVED, terms={"ship_within": timedelta(days=10)})
    await world.pass_time(handle, timedelta(days=6, hours=17, minutes=40))
    world.down(world.payments, "authorize")
    asked = asyncio.ensure_future(change(handle, "change_payment", paying_with("pm_other", "cus_ada")))
    await world.called(world.payments, "authorize", 3)
    await world.pass_time(handle, timedelta(minutes=30))
    world.up(world.payments, "authorize")
    await asked
    await world.called(world.payments, "void", 1)
    assert [request.payment_method for request in world.payments.requests] == ["pm_card_visa", "pm_other"]
    result = await world.deliver(handle)
    assert (result.captured, world.payment(placed, generation=2).captured) == (1000, 1000)
    assert len(world.payments.payments) == 2
    await world.balanced(placed)


async def test_renewal_refused_to_us_is_asked_anew_when_the_goods_leave(world: World) -> None:
    """Nothing was reserved: units taken out release nothing, and the charge asks the bank for new funds."""
    placed, handle = await world.accepted(("MUG", 3), terms={"ship_within": timedelta(days=10)}, payment=SAVED)
    world.payments.fail_next("authorize", OperatorError("bad_credentials", "key revoked"))
    await world.pass_time(handle, timedelta(days=6, hours=19))
    await world.resolve(handle, "wait", "renewal_failed")
    assert (await cancel(handle, units(("MUG", 1)))).voided == 0
    view = await world.until(handle, accepted)
    assert view.parcels[0].voided == 3000
    result = await world.deliver(handle, generation=2)
    assert (result.captured, result.refunded) == (2000, 0)
    assert len(world.payments.called("capture")) == 1
    await world.balanced(placed)


async def test_renewed_reservation_is_told_as_released_once(world: World) -> None:
    """The first one was replaced, not given back: canceled, the shopper hears of one amount."""
    placed, handle = await world.accepted(("MUG", 3), terms={"ship_within": timedelta(days=10)}, payment=SAVED)
    await world.pass_time(handle, timedelta(days=6, hours=19))
    view = await world.until(handle, lambda _: len(world.payments.payments) == 2)
    assert view.parcels[0].voided == 0
    assert (await cancel(handle)).voided == 3000
    view = await world.until(handle, lambda _: True)
    assert view.parcels[0].voided == 3000
    await world.balanced(placed)

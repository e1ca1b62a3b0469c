"""Some units of an order are canceled: what ships is what is paid for, and every asker hears the truth in money."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from temporalio.client import WorkflowUpdateFailedError

from ordersaga.domain.orders import LineQuantity, Payment
from ordersaga.domain.shipping import CancelDecision
from ordersaga.domain.statuses import OrderStatus, ParcelStatus
from tests.workflows.cancels import (
    TWO_PARCELS,
    Stage,
    accepted,
    action_required,
    cancel,
    confirmed,
    labels,
    on_hold,
    payments,
    provider_orders,
    shelves,
    units,
)
from tests.workflows.world import World, stalled
from workflows.messages import CancelAnswer, ChangeAnswer, ChangePayment

ONE = units(("MUG", 1))
CAPTURED_FIRST = {"terms": {"capture": "at_confirmation"}}


def kept(stage: Stage) -> int:
    """What the payment company holds of the shopper's money, in minor units."""
    world = stage.world
    own = [found for key, found in world.payments.references.items() if key.startswith(f"{stage.placed.order_id}/")]
    return sum(world.payments.payments[found].captured - world.payments.payments[found].refunded for found in own)


async def settled(stage: Stage, *answers: CancelAnswer) -> OrderStatus:
    """The order's end; what the askers were told and what the shopper paid add up to the price."""
    status = await stage.ended()
    assert sum(answer.voided + answer.refunded for answer in answers) + kept(stage) == stage.placed.total
    await stage.world.balanced(stage.placed)
    return status


@pytest.mark.parametrize("bring", [confirmed, on_hold])
async def test_units_out_before_the_hand_off_tell_nobody(
    world: World, bring: Callable[[World], Awaitable[Stage]]
) -> None:
    """In grace or on hold: the units are released at once, and the warehouse hears only of the rest, once."""
    stage = await bring(world)
    answer = await cancel(stage.handle, ONE)
    assert (answer.outcome, answer.voided, answer.refunded) == ("canceled", 1000, 0)
    assert world.units()["nj-1", "MUG"] == (10, 1)
    assert (world.warehouse.calls, world.payments.called("void")) == ([], [])
    await stage.go_on()
    await stage.stands(1)
    assert [line.quantity for line in world.warehouse.hand_offs[world.reference(stage.placed)].lines] == [1]
    assert await settled(stage, answer) is OrderStatus.COMPLETED
    assert shelves(world)["MUG"] == 9


async def test_units_out_after_the_hand_off_send_the_rest_anew(world: World) -> None:
    """Taken back, label voided; generation 2 is the rest, with a label of its own."""
    stage = await accepted(world, ("MUG", 3))
    answer = await cancel(stage.handle, ONE)
    await stage.stands(2)
    assert (answer.outcome, answer.voided) == ("canceled", 1000)
    assert provider_orders(world) == ("1-1 canceled", "1-2 accepted")
    assert labels(world) == ("1-1 voided", "1-2 used")
    assert world.warehouse.hand_offs[world.reference(stage.placed, 1, 2)].lines[0].quantity == 2
    assert await settled(stage, answer) is OrderStatus.COMPLETED
    assert payments(world, stage.placed) == ("captured 2000",)


async def test_units_the_provider_does_not_give_back_are_paid(world: World) -> None:
    """It refuses: too late, everything ships under its first label and is paid."""
    stage = await accepted(world)
    world.warehouse.advance(stage.live[0], ParcelStatus.PICKED)
    answer = await cancel(stage.handle, ONE)
    assert (answer.outcome, answer.voided, answer.return_offered) == ("too_late", 0, True)
    assert await settled(stage, answer) is OrderStatus.COMPLETED
    assert (provider_orders(world), labels(world)) == (("1-1 picked",), ("1-1 used",))
    assert (world.carrier.called("void"), kept(stage)) == ([], 2000)


async def test_parcel_that_cannot_be_taken_back_gets_its_label_after_all(world: World) -> None:
    """The label was still being bought when the units were canceled, and the warehouse refuses: it is bought."""
    world.down(world.carrier, "book")
    world.restocked(("nj-1", "MUG", 10), provider="seller_warehouse")
    placed, handle = await world.confirmed(("MUG", 2))
    await world.called(world.carrier, "book", 1)
    world.warehouse.advance(world.reference(placed), ParcelStatus.PICKED)
    stage = Stage(world, placed, handle)
    asking = asyncio.create_task(cancel(handle, ONE))
    await world.called(world.warehouse, "cancel", 1)
    world.up(world.carrier, "book")
    assert (await asking).outcome == "too_late"
    await world.until(handle, lambda view: view.parcels[0].tracking_number is not None)
    assert await settled(stage) is OrderStatus.COMPLETED
    assert labels(world) == ("1-1 used",)


async def test_units_out_after_the_capture_are_refunded(world: World) -> None:
    """Captured at confirmation: the share goes back, once, and nothing is voided."""
    stage = await accepted(world, ("MUG", 3), **CAPTURED_FIRST)
    answer = await cancel(stage.handle, ONE)
    assert (answer.outcome, answer.voided, answer.refunded) == ("canceled", 0, 1000)
    await stage.stands(2)
    assert await settled(stage, answer) is OrderStatus.COMPLETED
    assert payments(world, stage.placed) == ("captured 3000 refunded 1000",)
    assert (len(world.payments.called("refund")), world.payments.called("void")) == (1, [])


async def test_all_units_of_one_parcel_undo_that_parcel(world: World) -> None:
    """No generation 2 of nothing: the parcel is undone, the other ships."""
    stage = await accepted(world, *TWO_PARCELS)
    answer = await cancel(stage.handle, units(("MUG", 2)))
    assert [(part.parcel, part.outcome, part.voided) for part in answer.parts] == [(2, "canceled", 2000)]
    assert await settled(stage, answer) is OrderStatus.COMPLETED
    assert provider_orders(world) == ("1-1 accepted", "2-1 canceled")
    assert shelves(world) == {"MUG": 10, "TEE": 8}


async def test_all_units_of_the_order_cancel_it(world: World) -> None:
    """Named one by one, it is the same as the whole order."""
    stage = await accepted(world, *TWO_PARCELS)
    answer = await cancel(stage.handle, units(("MUG", 2), ("TEE", 2)))
    assert (answer.outcome, answer.voided) == ("canceled", 4000)
    assert await settled(stage, answer) is OrderStatus.CANCELED
    assert payments(world, stage.placed) == ("voided", "voided")


async def test_two_partial_cancels_one_after_another(world: World) -> None:
    """Each takes the parcel back once; each is told its own money."""
    stage = await accepted(world, ("MUG", 3))
    first = await cancel(stage.handle, ONE)
    await stage.stands(2)
    second = await cancel(stage.handle, ONE)
    await stage.stands(3)
    assert (first.voided, second.voided) == (1000, 1000)
    assert await settled(stage, first, second) is OrderStatus.COMPLETED
    assert shelves(world)["MUG"] == 9


async def test_two_partial_cancels_at_once_share_one_taking_back(world: World) -> None:
    """Both are carried out before the rest is handed off again."""
    stage = await accepted(world, ("MUG", 3))
    answers = await asyncio.gather(cancel(stage.handle, ONE), cancel(stage.handle, ONE))
    await stage.stands(2)
    assert [answer.voided for answer in answers] == [1000, 1000]
    assert await settled(stage, *answers) is OrderStatus.COMPLETED
    assert world.warehouse.hand_offs[world.reference(stage.placed, 1, 2)].lines[0].quantity == 1


async def test_two_partial_cancels_at_once_that_leave_nothing(world: World) -> None:
    """The second takes the last unit: the order is undone, and the money is told once, half to each."""
    stage = await accepted(world)
    answers = await asyncio.gather(cancel(stage.handle, ONE), cancel(stage.handle, ONE))
    assert [(answer.outcome, answer.voided) for answer in answers] == [("canceled", 1000), ("canceled", 1000)]
    assert await settled(stage, *answers) is OrderStatus.CANCELED
    assert (payments(world, stage.placed), shelves(world)["MUG"]) == (("voided",), 10)


@pytest.mark.parametrize("lines", [3, 2])
async def test_partial_then_whole_at_once(world: World, lines: int) -> None:
    """Whichever is heard first, nobody is told too late, and the money is told once."""
    stage = await accepted(world, ("MUG", lines))
    partial, whole = await asyncio.gather(cancel(stage.handle, ONE), cancel(stage.handle))
    assert (partial.outcome, whole.outcome) == ("canceled", "canceled")
    assert partial.voided in (1000, 0)  # 0: the other was heard first, and has it all
    assert partial.voided + whole.voided == lines * 1000
    assert await settled(stage, partial, whole) is OrderStatus.CANCELED
    assert len(world.payments.called("void")) == 1


@pytest.mark.parametrize("terms", [{}, CAPTURED_FIRST])
async def test_partial_then_whole(world: World, terms: dict[str, object]) -> None:
    """The rest is undone too: each money once."""
    stage = await accepted(world, ("MUG", 3), **terms)
    partial = await cancel(stage.handle, ONE)
    await stage.stands(2)
    whole = await cancel(stage.handle)
    assert (whole.outcome, whole.voided + whole.refunded) == ("canceled", 2000)
    assert await settled(stage, partial, whole) is OrderStatus.CANCELED
    assert provider_orders(world) == ("1-1 canceled", "1-2 canceled")
    assert labels(world) == ("1-1 voided", "1-2 voided")
    assert shelves(world)["MUG"] == 10


async def test_the_same_request_twice_counts_once(world: World) -> None:
    """By update and by signal, before and after: one unit less, one answer, also when none is left to name."""
    stage = await accepted(world, ("MUG", 1), ("TEE", 1))
    asked = units(("MUG", 1), request_id="r1")
    first = await cancel(stage.handle, asked)
    await stage.handle.signal("request_cancel", asked)
    again = await cancel(stage.handle, asked)
    assert (first.outcome, again.outcome) == ("canceled", "canceled")
    assert (first.parts, first.voided) == (again.parts, again.voided)
    assert await settled(stage, first) is OrderStatus.COMPLETED
    assert world.story(stage.placed).count("cancel_requested") == 1
    assert shelves(world) == {"MUG": 10, "TEE": 9}


@pytest.mark.parametrize(
    ("lines", "named"),
    [
        ((("MUG", 1), ("TEE", 1)), r"lines[1]: the order has 0 of TEE left"),
        ((("MUG", 3),), r"lines[0]: the order has 2 of MUG left"),
        ((("MUG", 1), ("MUG", 2)), r"lines[1]: the order has 1 of MUG left"),
        ((("HAT", 1),), r"lines[0]: the order has 0 of HAT left"),
    ],
)
async def test_units_the_order_has_not_are_refused(
    world: World, lines: tuple[tuple[str, int], ...], named: str
) -> None:
    """Too many, an unknown product, the same line twice: refused by name, and nothing is recorded."""
    stage = await confirmed(world)
    before = (await stage.handle.describe()).history_length
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await cancel(stage.handle, units(*lines))
    assert named in str(refused.value.cause)
    assert "ask for fewer" in str(refused.value.cause)
    assert "cancel_requested" not in await stage.kinds()
    assert (await stage.handle.describe()).history_length == before


async def test_units_of_one_product_named_twice_are_added_up(world: World) -> None:
    """Two lines of one mug each are two mugs."""
    stage = await accepted(world, ("MUG", 3))
    answer = await cancel(stage.handle, units(("MUG", 1), ("MUG", 1)))
    assert answer.voided == 2000
    await stage.stands(2)
    assert await settled(stage, answer) is OrderStatus.COMPLETED
    assert shelves(world)["MUG"] == 9


async def test_units_canceled_while_the_shopper_pays(world: World) -> None:
    """The request waits for the challenge; then the units are out before anything is handed off."""
    stage = await action_required(world)
    asking = asyncio.create_task(cancel(stage.handle, ONE))
    await stage.told("cancel_requested")
    assert not asking.done()
    await stage.go_on()
    answer = await asking
    assert (answer.outcome, answer.voided) == ("canceled", 1000)
    assert await settled(stage, answer) is OrderStatus.COMPLETED
    assert provider_orders(world) == ("1-1 accepted",)


async def test_units_canceled_of_an_order_nobody_pays(world: World) -> None:
    """The challenge is abandoned: the units are canceled with the rest, and no money is promised back."""
    stage = await action_required(world)
    asking = asyncio.create_task(cancel(stage.handle, ONE))
    await stage.told("cancel_requested")
    await world.pass_time(stage.handle, timedelta(minutes=16))
    answer = await asking
    assert (answer.voided, answer.refunded) == (0, 0)
    assert await stage.ended() is OrderStatus.REJECTED
    assert kept(stage) == 0
    await world.balanced(stage.placed)


async def test_units_canceled_while_the_parcel_is_captured(world: World) -> None:
    """The scan came first: too late, paid in full, once."""
    stage = await accepted(world)
    async with stalled(world.payments, "capture") as reached:
        await stage.report(stage.live[0], ParcelStatus.IN_TRANSIT)
        await reached.wait()
        asking = asyncio.create_task(cancel(stage.handle, ONE))
        await asyncio.sleep(0.1)
    answer = await asking
    assert (answer.outcome, answer.voided) == ("too_late", 0)
    assert await settled(stage, answer) is OrderStatus.COMPLETED
    assert (len(world.payments.called("capture")), kept(stage)) == (1, 2000)


async def test_scan_while_the_parcel_is_taken_back(world: World) -> None:
    """The warehouse is still deciding when the carrier scans it: too late, everything is paid."""
    stage = await accepted(world)
    for _ in range(200):
        world.warehouse.answer_cancel_next(CancelDecision.PENDING)
    asking = asyncio.create_task(cancel(stage.handle, ONE))
    await world.called(world.warehouse, "cancel", 1)
    await stage.scanned()
    answer = await asking
    assert (answer.outcome, answer.voided) == ("too_late", 0)
    assert await settled(stage, answer) is OrderStatus.COMPLETED
    assert (provider_orders(world), kept(stage)) == (("1-1 accepted",), 2000)


async def test_partial_then_another_card_then_whole(world: World) -> None:
    """The new reservation is of what is left, and all of it is told as released; the old one is nobody's money back."""
    stage = await accepted(world, ("MUG", 3))
    partial = await cancel(stage.handle, ONE)
    await stage.stands(2)
    other = ChangePayment(by="agent", payment=Payment(payment_method="pm_card_other", customer="cus_ada"))
    changed = await stage.handle.execute_update("change_payment", other, result_type=ChangeAnswer)
    whole = await cancel(stage.handle)
    assert (partial.voided, changed.outcome, whole.voided) == (1000, "done", 2000)
    assert await settled(stage, partial, whole) is OrderStatus.CANCELED
    assert payments(world, stage.placed) == ("voided", "voided")


async def test_a_signal_for_more_than_there_is_takes_what_there_is_and_says_so(world: World) -> None:
    """A signal cannot be refused: one of two is taken, the story names what was not left."""
    stage = await confirmed(world)
    await stage.handle.signal("request_cancel", units(("MUG", 1), ("TEE", 7)))
    await stage.told("units_canceled")
    await stage.told("ignored")
    await stage.go_on()
    assert await stage.ended() is OrderStatus.COMPLETED
    story = [entry.text for (owner, _), entry in world.memory.journal.items() if owner == stage.placed.order_id]
    assert "7 TEE asked for are not left to cancel" in story
    await world.balanced(stage.placed)


async def test_a_signal_that_comes_too_late_is_told_at_once(world: World) -> None:
    """It has left: the published story says so before anything else happens to the order."""
    stage = await accepted(world)
    await stage.scanned()
    await stage.handle.signal("request_cancel", ONE)
    for _ in range(100):
        if "too_late" in world.story(stage.placed):
            break
        await asyncio.sleep(0.05)
    assert "too_late" in world.story(stage.placed)
    assert (world.payments.called("refund"), world.warehouse.called("cancel")) == ([], [])
    assert await stage.ended() is OrderStatus.COMPLETED
    assert world.story(stage.placed).count("too_late") == 1
    await world.balanced(stage.placed)


# ---- the provider itself cancels units -----------------------------------------------------------------------------

MISSING = (LineQuantity(sku="MUG", quantity=1),)


@pytest.mark.parametrize("status", [ParcelStatus.PICKED, ParcelStatus.IN_TRANSIT])
async def test_units_the_provider_canceled_are_not_paid(world: World, status: ParcelStatus) -> None:
    """Heard before the scan, or with it: the rest is captured, nobody is asked, told twice counts once."""
    stage = await accepted(world, ("MUG", 3))
    for _ in range(2):
        await stage.report(stage.live[0], status, partial=True, canceled_lines=MISSING)
    await stage.told("units_canceled")
    assert await stage.ended() is OrderStatus.COMPLETED
    assert (payments(world, stage.placed), shelves(world)["MUG"]) == (("captured 2000",), 8)
    assert ("attention" in world.story(stage.placed), world.warehouse.called("cancel")) == (False, [])
    await world.balanced(stage.placed)


@pytest.mark.parametrize("capture", ["at_first_scan", "at_confirmation"])
async def test_a_provider_that_could_stop_a_part_is_told_as_such(world: World, capture: str) -> None:
    """Asked for all, it stops one of three: `partly_canceled`, with that unit's money, and the rest is paid."""
    stage = await accepted(world, ("MUG", 3), terms={"capture": capture})
    world.warehouse.cancel_part_next(MISSING)
    answer = await cancel(stage.handle)
    back = answer.refunded if capture == "at_confirmation" else answer.voided
    assert (answer.outcome, back, answer.voided + answer.refunded) == ("partly_canceled", 1000, 1000)
    assert answer.return_offered
    assert await settled(stage, answer) is OrderStatus.COMPLETED
    assert (kept(stage), shelves(world)["MUG"], "attention" in world.story(stage.placed)) == (2000, 8, False)


async def test_units_the_provider_canceled_without_saying_which(world: World) -> None:
    """A person is asked before anything is charged."""
    stage = await accepted(world)
    await stage.report(stage.live[0], ParcelStatus.PICKED, partial=True)
    await stage.report(stage.live[0], ParcelStatus.IN_TRANSIT)
    await world.question(stage.handle, "partly_canceled")
    assert world.payments.called("capture") == []
    await world.resolve(stage.handle, "charge", "partly_canceled")
    assert await stage.ended() is OrderStatus.COMPLETED
    assert kept(stage) == 2000
    await world.balanced(stage.placed)


@pytest.mark.parametrize(("choice", "left"), [("refund", 1000), ("keep", 2000)])
async def test_units_canceled_by_the_provider_but_charged(world: World, choice: str, left: int) -> None:
    """Heard only after the parcel was paid for: a person sees whether the shopper got less; asked once."""
    stage = await accepted(world)
    await stage.report(stage.live[0], ParcelStatus.IN_TRANSIT)
    await stage.told("captured")
    for _ in range(2):
        await stage.report(stage.live[0], ParcelStatus.IN_TRANSIT, partial=True, canceled_lines=MISSING)
    await world.resolve(stage.handle, choice, "partly_canceled")
    assert await stage.ended() is OrderStatus.COMPLETED
    assert kept(stage) == left
    assert world.story(stage.placed).count("attention") == 1
    await world.balanced(stage.placed)


async def test_a_provider_that_canceled_every_unit_is_believed_by_its_status(world: World) -> None:
    """Nothing is left to take out of an empty parcel: the parcel is undone when it is reported as canceled."""
    stage = await accepted(world, ("MUG", 1))
    await stage.report(stage.live[0], ParcelStatus.PICKED, canceled_lines=MISSING)
    await stage.report(stage.live[0], ParcelStatus.CANCELED, canceled_lines=MISSING)
    world.warehouse.advance(world.reference(stage.placed), ParcelStatus.CANCELED)
    assert await stage.ended() is OrderStatus.CANCELED
    assert (payments(world, stage.placed), kept(stage)) == (("voided",), 0)
    assert "units_canceled" not in world.story(stage.placed)
    await world.balanced(stage.placed)


# ---- a hand-off that was taken back ---------------------------------------------------------------------------------


async def test_reports_on_a_hand_off_that_was_taken_back_are_ignored(world: World) -> None:
    """Canceled, picked: of generation 1 nothing is believed any more."""
    stage = await accepted(world)
    await cancel(stage.handle, ONE)
    await stage.stands(2)
    for status in (ParcelStatus.CANCELED, ParcelStatus.PICKED):
        await stage.report(world.reference(stage.placed), status)
    await stage.told("ignored")
    assert await stage.ended() is OrderStatus.COMPLETED
    assert world.story(stage.placed).count("ignored") == 2
    assert "attention" not in world.story(stage.placed)
    assert kept(stage) == 1000


async def test_hand_off_that_left_though_it_was_taken_back_asks_once(world: World) -> None:
    """Scanned, delivered: one question; the second parcel goes its own way and alone is paid."""
    stage = await accepted(world)
    await cancel(stage.handle, ONE)
    await stage.stands(2)
    for status in (ParcelStatus.LEFT_WAREHOUSE, ParcelStatus.IN_TRANSIT, ParcelStatus.DELIVERED):
        await stage.report(world.reference(stage.placed), status)
    view = await world.until(stage.handle, lambda seen: bool(seen.attention))
    assert [item.kind for item in view.attention] == ["left_twice"]
    await world.resolve(stage.handle, "noted", "left_twice")
    assert await stage.ended() is OrderStatus.COMPLETED
    assert world.story(stage.placed).count("attention") == 1
    assert kept(stage) == 1000
    await world.balanced(stage.placed)


async def test_whole_twice_and_units_of_it_between(world: World) -> None:
    """While all of it is being canceled no units are left to name; the whole again hears the same."""
    stage = await accepted(world)
    world.warehouse.answer_cancel_next(CancelDecision.PENDING)
    asking = asyncio.create_task(cancel(stage.handle))
    await world.called(world.warehouse, "cancel", 1)
    with pytest.raises(WorkflowUpdateFailedError):
        await cancel(stage.handle, ONE)
    first, again = await asyncio.gather(asking, cancel(stage.handle))
    assert (first.outcome, first.voided) == ("canceled", 2000)
    assert first == again
    assert await settled(stage, first) is OrderStatus.CANCELED

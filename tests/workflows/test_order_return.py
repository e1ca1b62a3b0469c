"""Returns: from the request to closed books, on every way they can take."""

import asyncio
import contextlib
from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import WorkflowUpdateFailedError

from ordersaga.domain.errors import CustomerError
from ordersaga.domain.returns import InspectedLine, Opened, Refusal, ReturnStatus
from ordersaga.domain.shipping import CancelDecision
from ordersaga.domain.statuses import OrderStatus, ParcelStatus
from tests.fakes.samples import sale
from tests.workflows.returns import Returning, asked, delivered, opened, parcels, refunds, returning, shown, started
from tests.workflows.world import World, stalled
from workflows import return_way_back

ONE = timedelta(days=1)


async def refused(work: Any) -> str:
    """The reason why an update is not taken."""
    with pytest.raises(WorkflowUpdateFailedError) as caught:
        await work
    return str(caught.value.cause)


async def attributes_with(back: Returning, name: str) -> dict[str, Any]:
    """The return's search attributes, once there is one of this name."""
    for _ in range(200):
        found = (await back.handle.describe()).typed_search_attributes
        attributes = {pair.key.name: pair.value for pair in found}
        if name in attributes:
            return attributes
        await asyncio.sleep(0.05)
    raise AssertionError(f"{name} never came; last seen: {attributes}")


async def test_a_whole_return_is_restocked_refunded_and_closed(world: World) -> None:
    """Label, way back, inspection, stock, money, books; the order is shown as returning, then returned."""
    back = await returning(world)
    assert shown(back) is OrderStatus.RETURNING
    label = world.carrier.labels[back.reference]
    assert (back.record.carrier, back.record.tracking_number) == (label.carrier, label.tracking_number)
    await back.report(ParcelStatus.IN_TRANSIT)
    await back.report(ParcelStatus.DELIVERED)
    await back.until(lambda view: view.status is ReturnStatus.ARRIVED)
    assert refunds(world) == []
    before = world.units()["ca-1", "MUG"]
    await back.receive()
    result = await back.result()
    assert (result.status, result.refunded, result.exchange_order_id) == (ReturnStatus.REFUNDED, 1000, None)
    assert world.units()["ca-1", "MUG"] == (before[0] + 1, before[1])
    assert refunds(world) == [1000]
    assert (back.record.status, back.record.refunded) == (ReturnStatus.REFUNDED, 1000)
    assert shown(back) is OrderStatus.RETURNED
    assert world.carrier.called("void") == []
    assert back.story() == [
        "return_requested",
        "return_label",
        "return_in_transit",
        "return_delivered",
        "return_inspected",
        "return_restocked",
        "return_refunded",
        "return_closed",
    ]
    await world.balanced(back.placed)


async def test_part_of_a_parcel_comes_back_in_two_returns_and_never_more(world: World) -> None:
    """Two of three, then the last: refunds add up to what was paid for goods and tax, shipping is kept."""
    placed = await delivered(world, ("MUG", 3), shipping=500, tax=100)
    first = await (await started(world, placed, ("MUG", 2))).awaited()
    too_many = await opened(world, placed, asked(("MUG", 2)))
    assert isinstance(too_many, Refusal)
    assert (too_many.code, too_many.alternative) == ("returned_before", "ask for others (parcel 1: 1 MUG)")
    await first.receive(InspectedLine(sku="MUG", sellable=2))
    assert (await first.result()).refunded == 2066
    assert shown(first) is OrderStatus.COMPLETED
    second = await (await started(world, placed)).awaited()
    assert second.number == 2
    await second.receive()
    assert (await second.result()).refunded == 1034
    assert shown(second) is OrderStatus.RETURNED
    assert refunds(world) == [2066, 1034]
    await world.balanced(placed)


async def test_sellers_fault_gives_shipping_back_and_damaged_goods_are_written_off(world: World) -> None:
    """Everything paid goes back; no unit is sold again."""
    placed = await delivered(world, ("MUG", 1), shipping=500, tax=100)
    before = world.units()["ca-1", "MUG"]
    back = await (await started(world, placed, reason="damaged")).awaited()
    await back.receive(InspectedLine(sku="MUG", damaged=1))
    assert (await back.result()).refunded == 1600
    assert world.units()["ca-1", "MUG"] == before
    assert "return_written_off" in back.story()
    assert "return_restocked" not in back.story()
    await world.balanced(placed)


async def test_only_accepted_units_are_refunded(world: World) -> None:
    """One as new, one damaged, one missing, one refused: two refunded, the reason told."""
    back = await returning(world, ("MUG", 4))
    line = InspectedLine(sku="MUG", sellable=1, damaged=1, missing=1, refused=1)
    await back.receive(line, reason="one is of another maker")
    result = await back.result()
    assert (result.status, result.refunded) == (ReturnStatus.PARTLY_REFUNDED, 2000)
    assert result.reason == "one is of another maker"
    assert [call[1:] for call in world.stock.called("take_back")] == [
        (1, f"{back.reference}-sellable"),
        (1, f"{back.reference}-damaged"),
    ]
    assert "return_refused" in back.story()
    told: str = await back.handle.query("explain")
    assert told == (
        f"Return {back.placed.order_id}-r1 of 4 MUG is partly refunded (one is of another maker)."
        " USD 20.00 was given back for 2 MUG. Missing: 1 MUG. Refused and sent back: 1 MUG. Nothing more will happen."
    )
    assert shown(back) is OrderStatus.COMPLETED
    await world.balanced(back.placed)


async def test_refused_goods_are_neither_booked_nor_refunded(world: World) -> None:
    """Damaged by the shopper: it goes back, with the reason; the order is completed as before."""
    back = await returning(world)
    await back.receive(InspectedLine(sku="MUG", refused=1), reason="dropped after delivery")
    result = await back.result()
    assert (result.status, result.reason, result.refunded) == (ReturnStatus.REFUSED, "dropped after delivery", 0)
    assert (refunds(world), world.stock.called("take_back")) == ([], [])
    assert shown(back) is OrderStatus.COMPLETED


async def test_an_inspection_that_explains_not_every_unit_is_refused_at_the_door(world: World) -> None:
    """Each unit asked for is named once; refusing needs a reason; an empty input is not taken."""
    back = await returning(world, ("MUG", 2))
    told = "MUG has 1 units, but 2 were to come back"
    assert told in await refused(back.receive(InspectedLine(sku="MUG", sellable=1)))
    both = (InspectedLine(sku="MUG", sellable=2), InspectedLine(sku="TEE", sellable=1))
    assert "TEE has 1 units, but 0" in await refused(back.receive(*both))
    assert "say why" in await refused(back.receive(InspectedLine(sku="MUG", refused=2)))
    assert await refused(back.handle.execute_update("receive", None))
    assert back.record.inspection is None
    world.down(world.payments, "refund", 1)
    await back.receive(InspectedLine(sku="MUG", sellable=2))
    assert (await back.result()).status is ReturnStatus.REFUNDED
    assert world.payments.payments[world.payment(back.placed).payment_id].refunded == 2000


@pytest.mark.parametrize(
    ("changes", "after", "code"),
    [
        ({}, timedelta(days=30), "window_closed"),
        ({"terms": {"return_window": timedelta(days=2)}}, timedelta(days=2), "window_closed"),
        ({}, timedelta(days=29, hours=23), None),
    ],
)
async def test_the_window_is_judged_at_the_door(
    world: World, changes: dict[str, Any], after: timedelta, code: str | None
) -> None:
    """From delivery, for the seller's fault as well; a refusal changes nothing."""
    placed = await delivered(world, **changes)
    before = world.memory.now()
    world.memory.now = lambda: before + after
    answer = await opened(world, placed, asked(reason="damaged"))
    assert (answer.code if isinstance(answer, Refusal) else None) == code
    assert bool(world.returns.records) is (code is None)


async def test_nothing_sent_back_is_reminded_of_and_expires(world: World) -> None:
    """The label is given back; the shopper keeps the goods, and may ask again."""
    back = await returning(world)
    await world.pass_time(back.handle, return_way_back.REMIND_AFTER + ONE)
    await back.until(lambda _: "return_reminder" in back.story())
    assert back.record.open
    await world.pass_time(back.handle, return_way_back.EXPIRES_AFTER - return_way_back.REMIND_AFTER)
    result = await back.result()
    assert (result.status, result.refunded) == (ReturnStatus.EXPIRED, 0)
    assert world.carrier.labels[back.reference].voided
    assert (refunds(world), shown(back)) == ([], OrderStatus.COMPLETED)
    assert isinstance(await opened(world, back.placed, asked()), Opened)


async def test_without_a_label_the_shopper_is_told_where_to_send_it(world: World) -> None:
    """The carrier refuses: the warehouse's address and our reference; the goods are inspected all the same."""
    world.carrier.fail_next("book", CustomerError("label_refused", "no service"))
    back = await returning(world)
    assert back.record.tracking_number is None
    assert back.record.instructions is not None
    assert "Fresno" in back.record.instructions
    assert back.reference in back.record.instructions
    await back.receive()
    assert (await back.result()).status is ReturnStatus.REFUNDED
    assert world.carrier.called("void") == []


async def test_a_return_is_canceled_until_the_carrier_has_it(world: World) -> None:
    """The shopper keeps it: no refund, the label given back. Afterwards a cancellation is too late."""
    kept = await returning(world)
    await kept.cancel()
    result = await kept.result()
    assert (result.status, result.reason) == (ReturnStatus.CANCELED, "canceled by agent: kept")
    assert world.carrier.labels[kept.reference].voided
    assert (refunds(world), shown(kept)) == ([], OrderStatus.COMPLETED)
    sent = await (await started(world, kept.placed)).awaited()
    await sent.report(ParcelStatus.IN_TRANSIT)
    assert "too late" in await refused(sent.cancel())
    await sent.handle.cancel(reason="mistake")
    await sent.receive()
    assert (await sent.result()).status is ReturnStatus.REFUNDED


async def test_a_label_that_may_exist_is_looked_for_before_the_return_ends(world: World) -> None:
    """The carrier does not answer and the shopper keeps the goods: nothing is left in doubt."""
    placed = await delivered(world)
    world.down(world.carrier, "book")
    back = await started(world, placed)
    await world.called(world.carrier, "book", 1)
    await back.cancel()
    assert (await back.result()).status is ReturnStatus.CANCELED
    assert world.carrier.called("inquire")[-1] == (back.reference,)
    assert (world.carrier.labels, back.record.tracking_number) == ({}, None)
    await world.balanced(placed)


async def test_a_return_that_is_being_canceled_says_so(world: World) -> None:
    """From the shopper's word until the label is given back."""
    back = await returning(world)
    async with stalled(world.carrier, "void") as reached:
        asked = await back.cancel()
        await reached.wait()
        told: str = await back.handle.query("explain")
        view = await back.until(lambda seen: seen.awaiting == "its end: it is being canceled")
    assert (asked.awaiting, view.status) == ("its end: it is being canceled", ReturnStatus.AWAITING_GOODS)
    assert "It is waiting for its end: it is being canceled" in told
    assert (await back.result()).status is ReturnStatus.CANCELED


async def test_goods_sent_while_their_return_is_being_canceled_are_expected_again(world: World) -> None:
    """The shopper was told to keep them, and had given them to the carrier: inspected, refunded, nothing in silence."""
    back = await returning(world)
    world.carrier.answer_void_next(CancelDecision.REFUSED)
    async with stalled(world.carrier, "void") as reached:
        await back.cancel()
        await reached.wait()
        await back.report(ParcelStatus.IN_TRANSIT)
        await back.until(lambda seen: seen.status is ReturnStatus.IN_TRANSIT)
    await back.until(lambda seen: seen.awaiting != "its end: it is being canceled")
    await back.report(ParcelStatus.DELIVERED)
    await back.receive()
    result = await back.result()
    assert (result.status, result.refunded) == (ReturnStatus.REFUNDED, 1000)
    assert "sent_all_the_same" in back.story()
    assert len(world.carrier.called("void")) == 1
    await world.balanced(back.placed)


async def test_goods_sent_while_the_end_of_their_return_is_written_are_expected_again(world: World) -> None:
    """The carrier's first scan crosses the last step: the return goes on, though lists had shown it as canceled."""
    back = await returning(world)
    async with contextlib.AsyncExitStack() as until_it_came:
        async with stalled(world.carrier, "void") as voiding:
            await back.cancel()
            await voiding.wait()
            writing = await until_it_came.enter_async_context(stalled(world.returns, "record"))
        await writing.wait()
        await back.report(ParcelStatus.IN_TRANSIT)
    await back.until(lambda seen: seen.status is ReturnStatus.IN_TRANSIT)
    await back.report(ParcelStatus.DELIVERED)
    await back.receive()
    assert ((await back.result()).status, back.record.status) == (ReturnStatus.REFUNDED, ReturnStatus.REFUNDED)
    ends = [kind for kind in back.story() if kind in ("sent_all_the_same", "return_closed")]
    assert ends == ["return_closed", "sent_all_the_same", "return_closed"]
    await world.balanced(back.placed)


async def test_goods_received_while_the_label_is_still_being_bought(world: World) -> None:
    """The shopper did not wait for it: inspected all the same, and what was bought in doubt is given back."""
    placed = await delivered(world)
    world.down(world.carrier, "book", 1)
    async with stalled(world.carrier, "book") as reached:
        back = await started(world, placed)
        await reached.wait()
        await back.receive()
    result = await back.result()
    assert (result.status, result.refunded) == (ReturnStatus.REFUNDED, 1000)
    assert back.record.status is ReturnStatus.REFUNDED
    await world.balanced(placed)


async def test_a_raw_cancellation_is_a_request_to_keep_the_goods(world: World) -> None:
    """Temporal's own cancellation takes the same path."""
    back = await returning(world)
    await back.handle.cancel(reason="ask the shopper " * 40)
    assert (await back.result()).status is ReturnStatus.CANCELED


@pytest.mark.parametrize(
    ("policy", "choice", "refunded"), [("refund", None, 1000), ("ask", "refund", 1000), ("ask", "no_refund", 0)]
)
async def test_a_return_the_carrier_lost(world: World, policy: str, choice: str | None, refunded: int) -> None:
    """By the seller's policy, or a person decides; nothing is restocked."""
    back = await returning(world, terms={"lost_parcel": policy})
    await back.report(ParcelStatus.IN_TRANSIT)
    await back.report(ParcelStatus.LOST)
    if choice is not None:
        await back.resolve("return_lost", choice)
    result = await back.result()
    assert (result.status, result.refunded) == (ReturnStatus.LOST, refunded)
    assert world.stock.called("take_back") == []
    assert shown(back) is (OrderStatus.RETURNED if refunded else OrderStatus.COMPLETED)
    await world.balanced(back.placed)


async def test_a_return_that_never_arrives_or_is_never_inspected_is_asked_about(world: World) -> None:
    """Overdue, then arrived, then nobody looks: each wait has its deadline; unseen goods are written off."""
    back = await returning(world)
    await back.report(ParcelStatus.IN_TRANSIT)
    await back.until(lambda view: view.awaiting == "the goods' arrival at the warehouse")
    await world.pass_time(back.handle, return_way_back.TRAVELS_WITHIN + ONE)
    await back.resolve("return_overdue", "keep_waiting")
    await back.report(ParcelStatus.DELIVERED)
    await back.until(lambda view: view.awaiting == "the warehouse's inspection")
    await world.pass_time(back.handle, return_way_back.INSPECTED_WITHIN + ONE)
    await back.resolve("inspection_due", "refund_unseen")
    assert (await back.result()).status is ReturnStatus.REFUNDED
    assert world.stock.called("take_back") == [(back.placed.order_id, 1, f"{back.reference}-damaged")]
    await world.balanced(back.placed)


async def test_brought_back_to_the_shopper_is_asked_about(world: World) -> None:
    """The carrier could not deliver to the warehouse: no money without goods."""
    back = await returning(world)
    await back.report(ParcelStatus.IN_TRANSIT)
    await back.report(ParcelStatus.RETURNED_TO_SENDER)
    await back.resolve("returned_to_shopper", "no_return")
    assert (await back.result()).status is ReturnStatus.CANCELED
    assert refunds(world) == []


async def test_attention_of_a_return_names_the_return(world: World) -> None:
    """The item's id says who asked; lists show it beside the order's own questions; nobody can be found by name."""
    back = await returning(world)
    await back.report(ParcelStatus.IN_TRANSIT)
    await back.report(ParcelStatus.LOST)
    item = await back.question("return_lost")
    assert item == f"{back.placed.order_id}-r1-a1"
    assert world.memory.attention[back.placed.order_id, item].money == 1000
    assert back.record.status is ReturnStatus.NEEDS_ATTENTION
    attributes = await attributes_with(back, "Attention")
    assert (attributes["OrderStatus"], attributes["Attention"]) == ("needs_attention", ["return_lost"])
    since = world.memory.attention[back.placed.order_id, item].opened_at
    assert attributes["AttentionSince"] == since
    assert not any("Ada" in str(value) for value in attributes.values())
    await back.resolve("return_lost", "no_refund")
    await back.result()


async def test_a_request_repeated_is_one_return(world: World) -> None:
    """The same key or number with the same words: the same return; with others: refused."""
    placed = await delivered(world)
    first, again = await opened(world, placed, asked(), key="k"), await opened(world, placed, asked(), key="k")
    assert isinstance(first, Opened)
    assert isinstance(again, Opened)
    assert (first.repeated, again.repeated, len(world.returns.records)) == (False, True, 1)
    for more in ({"key": "k"}, {"number": 1}):
        other = await opened(world, placed, asked(reason="damaged"), **more)
        assert isinstance(other, Refusal)
        assert other.code == "return_mismatch"


async def test_duplicates_and_hostile_messages_change_nothing(world: World) -> None:
    """Twice, late, for another parcel, empty: one refund, one restock, no failed task."""
    back = await returning(world)
    for status in (ParcelStatus.IN_TRANSIT, ParcelStatus.IN_TRANSIT, ParcelStatus.DELIVERED, ParcelStatus.IN_TRANSIT):
        await back.report(status)
    await back.report(ParcelStatus.LOST, parcel=7)
    await back.report(ParcelStatus.LOST, returning=9)
    await back.report(ParcelStatus.CANCELED)
    await back.handle.signal("parcel_event")
    await back.handle.signal("parcel_event", None)
    await back.handle.signal("no_such_signal", "x")
    await asyncio.gather(back.receive(), back.receive())
    assert (await back.result()).refunded == 1000
    assert (len(refunds(world)), len(world.stock.called("take_back"))) == (1, 1)
    assert (back.story().count("return_in_transit"), back.story().count("return_inspected")) == (1, 1)


async def test_people_are_told_where_it_is_and_why(world: World) -> None:
    """The explanation names what is awaited and until when; at the end, that nothing more will happen."""
    back = await returning(world)
    told: str = await back.handle.query("explain")
    assert told.startswith(f"Return {back.placed.order_id}-r1 of 1 MUG is awaiting goods. It is waiting for the goods")
    assert "at the latest by" in told
    await back.cancel()
    await back.result()
    told = await back.handle.query("explain")
    assert told.endswith("is canceled (canceled by agent: kept). Nothing more will happen.")


async def test_books_that_differ_are_asked_about_before_the_return_closes(world: World) -> None:
    """It never reports an end with money unexplained."""
    back = await returning(world)
    world.memory.money.pop(f"{back.placed.order_id}/sale/1/1")
    await back.receive()
    await back.until(lambda view: view.awaiting == "the books to balance")
    await world.pass_time(back.handle, timedelta(minutes=11))
    await back.question("books_differ")
    assert shown(back) is OrderStatus.RETURNING
    plan = parcels(world, back.placed)[0]
    await world.stock.ship(back.placed.order_id, plan, sale(back.placed.order_id, plan))
    await back.resolve("books_differ", "recheck")
    assert (await back.result()).status is ReturnStatus.REFUNDED


async def test_an_order_delivered_by_its_own_saga_can_be_returned(world: World) -> None:
    """What the order's saga writes is what the rules of returns read."""
    placed, handle = await world.accepted()
    assert isinstance(await opened(world, placed, asked()), Refusal)
    await world.deliver(handle)
    back: Returning = await (await started(world, placed)).awaited()
    await back.receive()
    assert (await back.result()).refunded == 1000
    await world.balanced(placed)

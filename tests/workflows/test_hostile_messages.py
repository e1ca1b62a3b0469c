"""Messages come twice, late, out of order, wrong, or as garbage: none of them fails an order or moves money."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from temporalio.client import WorkflowUpdateFailedError

from ordersaga.domain.shipping import ParcelEvent
from ordersaga.domain.statuses import ConfirmOutcome, OrderStatus, ParcelStatus
from tests.workflows.world import Handle, World
from workflows.messages import CancelAnswer, ConfirmAnswer


async def entries(handle: Handle, kind: str) -> list[str]:
    """What the order's story says of a kind."""
    story: list[dict[str, Any]] = await handle.query("timeline")
    return [entry["text"] for entry in story if entry["kind"] == kind]


async def test_repeated_and_late_reports_change_nothing(world: World) -> None:
    """Every report twice and in the wrong order: one shipment, one capture, one delivery."""
    placed, handle = await world.accepted()
    for status in (ParcelStatus.PACKED, ParcelStatus.IN_TRANSIT, ParcelStatus.PICKED, ParcelStatus.IN_TRANSIT):
        await world.report(handle, status)
    await world.until(handle, lambda seen: seen.parcels[0].captured > 0)
    for status in (ParcelStatus.ACCEPTED, ParcelStatus.DELIVERED, ParcelStatus.DELIVERED):
        await world.report(handle, status)
    assert (await world.result(handle)).captured == 1000
    assert (len(world.payments.called("capture")), len(world.stock.called("ship"))) == (1, 1)
    await world.balanced(placed)


async def test_contradictions_are_noted_and_change_nothing(world: World) -> None:
    """Canceled after the scan, lost after the delivery: conflicts in the story, the goods are paid for."""
    _, handle = await world.accepted()
    await world.report(handle, ParcelStatus.IN_TRANSIT)
    await world.report(handle, ParcelStatus.CANCELED)
    await world.until(handle, lambda seen: seen.parcels[0].captured > 0)
    assert await entries(handle, "conflict") == ["test: canceled, which contradicts in_transit"]
    await world.report(handle, ParcelStatus.DELIVERED)
    result = await world.result(handle)
    assert (result.status, result.refunded) == (OrderStatus.COMPLETED, 0)
    assert world.provider.called("cancel") == []


async def test_reports_about_what_was_never_handed_off_are_ignored(world: World) -> None:
    """Another parcel, another generation, a parcel still held back: noted, and nothing ships or is captured."""
    _, handle = await world.confirmed(terms={"hand_off_delay": "PT1H"})
    await world.report(handle, ParcelStatus.IN_TRANSIT, parcel=7)
    await world.report(handle, ParcelStatus.IN_TRANSIT)
    event = ParcelEvent(
        source="test",
        source_id="x",
        parcel=1,
        generation=9,
        status=ParcelStatus.DELIVERED,
        occurred_at=datetime.now(UTC),
    )
    await handle.signal("parcel_event", event)
    view = await world.until(handle, lambda seen: True)
    assert len(await entries(handle, "ignored")) == 3
    assert (view.status, view.parcels[0].status) == (OrderStatus.CONFIRMED, ParcelStatus.PLANNED)
    assert world.payments.called("capture") == []


GARBAGE: list[list[Any]] = [[], ["nonsense"], [{"parcel": "x"}], [None], [[1, 2]], [{"a": 1}, {"b": 2}], [7, 8, 9]]


async def test_garbage_sent_to_the_signals_is_dropped(world: World) -> None:
    """Wrong types, wrong numbers of inputs, unknown names: the order goes on as if nothing had come."""
    placed, handle = await world.accepted()
    for inputs in GARBAGE:
        await asyncio.gather(*(handle.signal(name, args=inputs) for name in ("parcel_event", "payment_event")))
    for inputs in ([{"by": 7}], ["x", "y"], [{"by": "a" * 999}], [{"by": " "}]):
        await handle.signal("request_cancel", args=inputs)
    await handle.signal("no_such_signal", "x")
    view = await world.until(handle, lambda seen: True)
    assert (view.status, view.attention) == (OrderStatus.FULFILLING, ())
    result = await world.deliver(handle)
    assert (result.status, result.captured) == (OrderStatus.COMPLETED, 1000)
    await world.balanced(placed)


@pytest.mark.parametrize("update", ["cancel", "place_hold", "release_hold", "resolve_attention"])
async def test_garbage_sent_to_the_updates_is_refused(world: World, update: str) -> None:
    """Each is refused to whoever sent it, before it touches the order."""
    _, handle = await world.accepted()
    tries: list[list[Any]] = [["nonsense"], [{"by": ""}], [1, 2]]
    if update in ("place_hold", "release_hold", "resolve_attention"):
        tries += [[], [None]]
    for inputs in tries:
        with pytest.raises(WorkflowUpdateFailedError):
            await asyncio.wait_for(handle.execute_update(update, args=inputs), 5)
    view = await world.until(handle, lambda seen: True)
    assert (view.status, view.holds, view.attention) == (OrderStatus.FULFILLING, {}, ())
    assert world.provider.called("cancel") == []


async def test_input_sent_to_confirm_is_not_looked_at(world: World) -> None:
    """A checkout that sends something along hears the answer all the same."""
    placed, handle = await world.accepted()
    answer = await asyncio.wait_for(handle.execute_update("confirm", "nonsense", result_type=ConfirmAnswer), 5)
    assert (answer.order_id, answer.outcome) == (placed.order_id, ConfirmOutcome.CONFIRMED)


async def test_bare_cancel_update_works(world: World) -> None:
    """`temporal workflow update execute --name cancel` without an input cancels, and says by whom."""
    placed, handle = await world.accepted()
    answer: CancelAnswer = await handle.execute_update("cancel", result_type=CancelAnswer)
    assert answer.outcome == "canceled"
    await world.result(handle)
    await world.balanced(placed)


async def test_parcel_that_leaves_during_its_undo_is_charged_after_all(world: World) -> None:
    """The provider agreed to stop it, the carrier scans it: a person has it charged, the books know the goods."""
    placed, handle = await world.accepted()
    world.down(world.payments, "void", 3)
    asking = asyncio.create_task(world.cancel(handle))
    await world.called(world.payments, "void", 2)
    await world.report(handle, ParcelStatus.IN_TRANSIT)
    view = await world.until(handle, lambda seen: bool(seen.attention))
    assert (view.attention[0].kind, view.attention[0].choices) == ("shipped_after_cancel", ("charge", "write_off"))
    assert ((await asking).outcome, world.payments.called("capture")) == ("too_late", [])
    await world.resolve(handle, "charge")
    await world.report(handle, ParcelStatus.DELIVERED)
    result = await world.result(handle)
    assert (result.status, result.captured) == (OrderStatus.COMPLETED, 1000)
    assert world.units()["ca-1", "MUG"] == (9, 0)
    await world.balanced(placed)


@pytest.mark.parametrize("seen_as", [ParcelStatus.LEFT_WAREHOUSE, ParcelStatus.IN_TRANSIT, ParcelStatus.DELIVERED])
async def test_goods_of_a_canceled_parcel_are_written_off_knowingly(world: World, seen_as: ParcelStatus) -> None:
    """One parcel of two was undone and left all the same, however we hear of it: asked at once, entered as a loss."""
    world.restocked(("nj-1", "MUG", 10), ("ca-1", "TEE", 10))
    placed, handle = await world.accepted(("MUG", 1), ("TEE", 1))
    await world.report(handle, ParcelStatus.EXCEPTION, parcel=1)
    await world.until(handle, lambda seen: seen.parcels[0].status is ParcelStatus.CANCELED)
    await world.report(handle, seen_as, parcel=1)
    await world.recorded(placed, OrderStatus.NEEDS_ATTENTION)
    await world.resolve(handle, "write_off", "shipped_after_cancel")
    result = await world.deliver(handle, 1, 2)
    assert (result.status, result.captured) == (OrderStatus.COMPLETED, 1000)
    assert (await world.balance(placed)).written_off == 1000
    assert [level[0] for level in world.units().values()].count(9) == 2
    await world.balanced(placed)


async def test_half_a_parcel_is_not_charged_without_a_person(world: World) -> None:
    """The provider canceled part of it and shipped the rest: nobody is charged in full before a person says so."""
    placed, handle = await world.accepted()
    await world.report(handle, ParcelStatus.IN_TRANSIT, partial="true")
    await world.question(handle, "partly_canceled")
    assert world.payments.called("capture") == []
    await world.resolve(handle, "charge")
    await world.report(handle, ParcelStatus.DELIVERED)
    assert (await world.result(handle)).captured == 1000
    await world.balanced(placed)


async def test_word_from_a_parcel_that_stands_still_is_noted_once(world: World) -> None:
    """Held at its provider, part of it canceled: told in the story once, and remembered for the charge."""
    placed, handle = await world.accepted()
    for _ in range(2):
        await world.report(handle, ParcelStatus.ACCEPTED, detail="on hold at ShipBob: address", partial="true")
    await world.report(handle, ParcelStatus.IN_TRANSIT)
    await world.resolve(handle, "charge", "partly_canceled")
    await world.report(handle, ParcelStatus.DELIVERED)
    assert (await world.result(handle)).captured == 1000
    assert world.story(placed).count("notice") == 1

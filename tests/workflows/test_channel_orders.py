"""Orders that a marketplace sold: handed off only with an address, told when they left, canceled there with us."""

from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import WorkflowUpdateFailedError, WorkflowUpdateStage

from ordersaga.domain.channel_orders import address_of, as_order
from ordersaga.domain.channels import CancelReason, ChannelOrder, ChannelStatus
from ordersaga.domain.errors import OperatorError, RetryError
from ordersaga.domain.orders import LineQuantity, Order, SellerTerms
from ordersaga.domain.statuses import ConfirmOutcome, OrderStatus, ParcelStatus
from tests.workflows.changes import change, goodwill
from tests.workflows.world import ACCOUNT, Handle, World
from workflows.messages import AddressChange, CancelRequest, ChangeAnswer, HoldRequest


def bought(world: World, *lines: tuple[str, int, int], released: bool = False) -> tuple[ChannelOrder, Order]:
    """An order there, and what it is with us."""
    there = world.channel.place(*(lines or (("MUG", 1, 1000),)), shipping=500)
    if released:
        world.channel.release(there.channel_order_id)
    told = world.channel.orders[there.channel_order_id]
    return told, as_order(told, ACCOUNT, SellerTerms())


async def at_provider(world: World, *lines: tuple[str, int, int]) -> tuple[ChannelOrder, Order, Handle]:
    """Taken in when its hour was over, and handed off."""
    there, placed = bought(world, *lines, released=True)
    _, handle = await world.checkout(placed)
    await world.until(handle, lambda view: view.parcels[0].status is ParcelStatus.ACCEPTED)
    await world.until(handle, lambda view: view.awaiting == "the carrier's first scan")
    return there, placed, handle


def standing(world: World, there: ChannelOrder) -> ChannelOrder:
    """The order as the marketplace has it now."""
    return world.channel.orders[there.channel_order_id]


async def told_address(world: World, handle: Handle, there: ChannelOrder) -> None:
    """The marketplace released where it goes, and the relay passes it on."""
    world.channel.release(there.channel_order_id)
    ship_to = address_of(standing(world, there))
    assert ship_to is not None
    await handle.execute_update("change_address", AddressChange(by="tiktok_shop", ship_to=ship_to))


async def test_nothing_is_handed_off_before_the_address_is_told(world: World) -> None:
    """However long that takes, whoever wants the hold released; with the address it goes, and to that alone."""
    there, placed = bought(world)
    answer, handle = await world.checkout(placed)
    assert answer.outcome is ConfirmOutcome.CONFIRMED
    await world.pass_time(handle, timedelta(hours=3))
    view = await world.until(handle, lambda seen: "address_awaited" in seen.awaiting)
    assert (view.status, set(view.holds)) == (OrderStatus.ON_HOLD, {"address_awaited"})
    with pytest.raises(WorkflowUpdateFailedError):
        await handle.execute_update("release_hold", HoldRequest(kind="address_awaited", by="operator"))
    assert world.provider.called("submit") == []
    await told_address(world, handle, there)
    await world.until(handle, lambda seen: seen.parcels[0].status is ParcelStatus.ACCEPTED)
    (handed,) = world.provider.hand_offs.values()
    assert handed.ship_to.line1 == "75 Ninth Avenue"


async def test_what_left_is_told_at_the_first_scan_and_not_before(world: World) -> None:
    """Picked and labeled is not shipped; the books balance, and the payment company was never asked."""
    there, placed, handle = await at_provider(world, ("MUG", 2, 1000), ("TEE", 1, 500))
    await world.report(handle, ParcelStatus.LABELED, carrier="ups", tracking_number="1Z1")
    await world.until(handle, lambda view: view.parcels[0].status is ParcelStatus.LABELED)
    assert world.channel.called("ship") == []
    result = await world.deliver(handle)
    assert (result.status, result.captured) == (OrderStatus.COMPLETED, 3000)
    now = standing(world, there)
    assert {line.tracking_number for line in now.lines} == {"1Z1"}
    assert (now.status, world.payments.calls) == (ChannelStatus.AWAITING_COLLECTION, [])
    await world.balanced(placed)


async def test_a_lost_answer_to_what_left_is_found_not_repeated(world: World) -> None:
    """It was told once."""
    _, placed, handle = await at_provider(world)
    world.channel.fail_next("ship", RetryError("no_answer", "lost", unknown=True), after_doing=True)
    assert (await world.deliver(handle)).status is OrderStatus.COMPLETED
    assert len(world.channel.called("ship")) == 1
    await world.balanced(placed)


async def test_what_the_marketplace_refuses_to_hear_a_person_tells_there(world: World) -> None:
    """The parcel is on its way all the same, and the order does not close before that is settled."""
    _, placed, handle = await at_provider(world)
    world.channel.fail_next("ship", OperatorError("carrier_unknown", "no such carrier"))
    await world.arrive(handle)
    await world.resolve(handle, "settled_by_hand", "step_failed")
    assert (await world.result(handle)).status is OrderStatus.COMPLETED
    await world.balanced(placed)


async def test_two_parcels_are_told_each_with_its_lines(world: World) -> None:
    """Neither is told with the other's."""
    world.restocked(("nj-1", "MUG", 10), ("ca-1", "TEE", 10))
    there, placed = bought(world, ("MUG", 1, 1000), ("TEE", 1, 1000), released=True)
    _, handle = await world.checkout(placed)
    await world.until(handle, lambda view: all(p.status is ParcelStatus.ACCEPTED for p in view.parcels))
    await world.report(handle, ParcelStatus.IN_TRANSIT, parcel=1, carrier="ups", tracking_number="1Z1")
    await world.called(world.channel, "ship", 1)
    assert [line.tracking_number for line in standing(world, there).lines].count(None) == 1
    await world.report(handle, ParcelStatus.IN_TRANSIT, parcel=2, carrier="ups", tracking_number="1Z2")
    await world.called(world.channel, "ship", 2)
    for parcel in (1, 2):
        await world.report(handle, ParcelStatus.DELIVERED, parcel=parcel)
    assert (await world.result(handle)).status is OrderStatus.COMPLETED
    assert {line.tracking_number for line in standing(world, there).lines} == {"1Z1", "1Z2"}
    await world.balanced(placed)


async def canceled(handle: Handle, **asked: Any) -> str:
    """Somebody cancels; the answer."""
    request = CancelRequest(**{"by": "support", "reason": "wants it no more", **asked})
    answer = await handle.execute_update("cancel", request)
    return str(answer["outcome"] if isinstance(answer, dict) else answer.outcome)


async def test_canceled_by_us_it_is_canceled_there_and_the_platform_refunds(world: World) -> None:
    """Once, and the money that went back is in the books."""
    there, placed, handle = await at_provider(world)
    assert await canceled(handle) == "canceled"
    result = await world.result(handle)
    assert (result.status, result.refunded) == (OrderStatus.CANCELED, 1500)
    assert standing(world, there).status is ChannelStatus.CANCELED
    assert (len(world.channel.called("cancel")), world.payments.calls) == (1, [])
    await world.balanced(placed)


async def test_canceled_there_in_its_hour_nothing_more_is_asked_for(world: World) -> None:
    """The stock is free, nothing was handed off."""
    there, placed = bought(world)
    _, handle = await world.checkout(placed)
    world.channel.ask_to_cancel(there.channel_order_id)
    assert await canceled(handle, by="tiktok_acme") == "canceled"
    assert (await world.result(handle)).refunded == 1500
    assert (world.channel.called("cancel"), world.provider.called("submit")) == ([], [])
    await world.balanced(placed)


async def test_a_shoppers_request_is_granted_when_the_goods_are_stopped(world: World) -> None:
    """Granted, not canceled a second time by the seller."""
    there, placed, handle = await at_provider(world)
    world.channel.ask_to_cancel(there.channel_order_id)
    assert await canceled(handle, by="tiktok_acme") == "canceled"
    assert (await world.result(handle)).refunded == 1500
    assert [call[1] for call in world.channel.called("answer_cancel_request")] == [True]
    assert (standing(world, there).status, world.channel.called("cancel")) == (ChannelStatus.CANCELED, [])
    await world.balanced(placed)


@pytest.mark.parametrize("by_shopper", [False, True])
async def test_an_order_in_two_parcels_is_canceled_whole_and_asks_nobody(world: World, by_shopper: bool) -> None:
    """Each parcel by itself, whoever asked; what the platform gives back of the first waits for the second."""
    world.restocked(("nj-1", "MUG", 10), ("ca-1", "TEE", 10))
    there, placed = bought(world, ("MUG", 1, 1000), ("TEE", 1, 1000), released=True)
    _, handle = await world.checkout(placed)
    await world.until(handle, lambda view: all(p.status is ParcelStatus.ACCEPTED for p in view.parcels))
    if by_shopper:
        world.channel.ask_to_cancel(there.channel_order_id)
    assert await canceled(handle, by="tiktok_acme") in ("canceled", "pending")
    result = await world.waiting(handle, handle.result())
    assert (result.status, result.refunded, world.memory.attention) == (OrderStatus.CANCELED, 2500, {})
    assert standing(world, there).status is ChannelStatus.CANCELED
    assert {call[1] for call in world.channel.called("answer_cancel_request")} == ({False} if by_shopper else set())
    assert {made.by for made in world.channel.made.values() if made.stands} == {"seller"}
    await world.balanced(placed)


async def test_a_lost_answer_to_a_cancellation_is_found(world: World) -> None:
    """Canceled there once."""
    _, placed, handle = await at_provider(world)
    world.channel.fail_next("cancel", RetryError("no_answer", "lost", unknown=True), after_doing=True)
    await canceled(handle)
    assert (await world.result(handle)).refunded == 1500
    assert len(world.channel.called("cancel")) == 1
    await world.balanced(placed)


async def test_units_taken_out_are_canceled_there(world: World) -> None:
    """Only these; the rest ships and is told."""
    there, _, handle = await at_provider(world, ("MUG", 2, 1000))
    assert await canceled(handle, lines=(LineQuantity(sku="MUG", quantity=1),)) == "canceled"
    assert [line.canceled for line in standing(world, there).lines].count(True) == 1
    await world.until(handle, lambda view: view.parcels[0].status is ParcelStatus.ACCEPTED)
    await world.deliver(handle, generation=2)
    assert {line.tracking_number for line in standing(world, there).lines if not line.canceled} == {"1Z1"}


async def test_sold_out_before_the_saga_began_it_is_canceled_there(world: World) -> None:
    """As out of stock, which is the truth."""
    there, placed = bought(world, ("MUG", 99, 1000))
    answer, handle = await world.checkout(placed)
    assert answer.outcome is ConfirmOutcome.SOLD_OUT
    await world.result(handle)
    (made,) = world.channel.made.values()
    assert (made.by, made.reason) == ("seller", CancelReason.OUT_OF_STOCK)
    assert standing(world, there).status is ChannelStatus.CANCELED


async def on_its_way(world: World) -> tuple[ChannelOrder, Order, Handle]:
    """The carrier has it, and the marketplace was told."""
    there, placed, handle = await at_provider(world, ("MUG", 1, 1000))
    await world.report(handle, ParcelStatus.IN_TRANSIT, carrier="ups", tracking_number="1Z1")
    await world.until(handle, lambda view: view.awaiting == "delivery" and bool(world.channel.called("ship")))
    return there, placed, handle


async def test_goodwill_is_asked_of_the_marketplace_by_amount(world: World) -> None:
    """Once, also when that answer is lost, and again for the next; the books balance."""
    there, placed, handle = await on_its_way(world)
    world.channel.dispatch(there.channel_order_id)
    world.channel.fail_next("give_back", RetryError("no_answer", "lost", unknown=True), after_doing=True)
    await change(handle, "refund", goodwill(200))
    await world.until(handle, lambda view: view.parcels[0].refunded == 200)
    await change(handle, "refund", goodwill(150))
    await world.until(handle, lambda view: view.parcels[0].refunded == 350)
    world.channel.refund_all(there.channel_order_id)
    asked = await world.channel.refund_requests(there.channel_order_id)
    assert [(each.amount, each.status) for each in asked] == [(200, "succeeded"), (150, "succeeded")]
    await world.report(handle, ParcelStatus.DELIVERED)
    assert (await world.result(handle)).status is OrderStatus.COMPLETED
    await world.balanced(placed)


async def test_what_the_marketplace_does_not_give_back_a_person_gives_there(world: World) -> None:
    """Before its dispatch shows there nothing can be asked for; tried again, it is given once."""
    there, placed, handle = await on_its_way(world)
    asking = await handle.start_update(
        "refund", goodwill(200), wait_for_stage=WorkflowUpdateStage.ACCEPTED, result_type=ChangeAnswer
    )
    await world.question(handle, "step_failed")
    view = await world.until(handle, lambda seen: bool(seen.attention))
    assert "give_back_there" in view.attention[0].question
    assert world.channel.called("give_back") == []
    world.channel.dispatch(there.channel_order_id)
    await world.resolve(handle, "retry", "step_failed")
    assert (await asking.result()).outcome == "done"
    assert [call[1] for call in world.channel.called("give_back")] == [200]
    world.channel.refund_all(there.channel_order_id)
    await world.report(handle, ParcelStatus.DELIVERED)
    assert (await world.result(handle)).status is OrderStatus.COMPLETED
    await world.balanced(placed)

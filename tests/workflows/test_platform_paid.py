"""Orders whose money a channel's platform has collected: nothing is reserved, taken or voided by us."""

from typing import Any

from temporalio.client import WorkflowUpdateStage

from ordersaga.domain.errors import RetryError
from ordersaga.domain.orders import LineQuantity, Order, Payment
from ordersaga.domain.statuses import ConfirmOutcome, OrderStatus, ParcelStatus
from tests.workflows.changes import change, goodwill
from tests.workflows.world import Handle, World
from workflows.messages import CancelRequest

PAID_THERE = Payment(collected_by="tiktok_shop")


async def sold(world: World, *lines: tuple[str, int], **changes: Any) -> tuple[Order, Handle]:
    """An order of the channel's, at its provider."""
    placed, handle = await world.confirmed(*lines, channel="tiktok_shop", payment=PAID_THERE, **changes)
    await world.until(handle, lambda view: all(p.status is ParcelStatus.ACCEPTED for p in view.parcels))
    return placed, handle


async def test_it_ships_and_the_payment_company_is_never_asked(world: World) -> None:
    """What the platform collected is the value the shopper keeps: the books balance."""
    world.restocked(("nj-1", "MUG", 10), ("ca-1", "TEE", 10))
    placed, handle = await sold(world, ("MUG", 1), ("TEE", 1))
    result = await world.deliver(handle, 1, 2)
    assert (result.status, result.captured, result.refunded) == (OrderStatus.COMPLETED, 2000, 0)
    assert (world.payments.calls, world.platform.calls) == ([], [])
    balance = await world.balance(placed)
    assert (balance.authorized, balance.captured_net, balance.goods_kept) == (0, 2000, 2000)
    await world.balanced(placed)


async def test_canceled_the_platform_gives_the_money_back(world: World) -> None:
    """Once, under our key."""
    placed, handle = await sold(world)
    answer = await world.cancel(handle)
    result = await world.result(handle)
    assert (answer.outcome, answer.refunded, result.refunded) == ("canceled", 1000, 1000)
    assert world.platform.called("refund") == [(placed.order_id, 1000, f"{placed.order_id}/refund/1/1")]
    assert world.payments.calls == []
    await world.balanced(placed)


async def test_a_lost_answer_of_the_platform_is_found_not_repeated(world: World) -> None:
    """Given back once."""
    placed, handle = await sold(world)
    world.platform.fail_next("refund", RetryError("no_answer", "lost", unknown=True), after_doing=True)
    await world.cancel(handle)
    assert (await world.result(handle)).refunded == 1000
    assert (world.platform.given_back, len(world.platform.called("refund"))) == (1000, 1)
    await world.balanced(placed)


async def test_units_canceled_and_goodwill_come_from_the_platform(world: World) -> None:
    """Each part once; the rest is what the shopper keeps and what they were given."""
    placed, handle = await sold(world, ("MUG", 2))
    lines = (LineQuantity(sku="MUG", quantity=1),)
    await handle.execute_update("cancel", CancelRequest(by="agent", lines=lines))
    await world.until(handle, lambda view: view.parcels[0].status is ParcelStatus.ACCEPTED)
    await world.report(handle, ParcelStatus.IN_TRANSIT, generation=2, carrier="ups", tracking_number="1Z1")
    await world.until(handle, lambda view: view.awaiting == "delivery")
    await change(handle, "refund", goodwill(200))
    await world.until(handle, lambda view: view.parcels[0].refunded == 1200)
    await world.report(handle, ParcelStatus.DELIVERED, generation=2)
    assert (await world.result(handle)).status is OrderStatus.COMPLETED
    assert ([call[1] for call in world.platform.called("refund")], world.payments.calls) == ([1000, 200], [])
    await world.balanced(placed)


async def test_a_channel_nobody_set_up_is_an_operators_question(world: World) -> None:
    """The order ships all the same; its money is given back by a person's hand, and entered."""
    placed, handle = await world.confirmed(payment=Payment(collected_by="unknown_shop"))
    await world.waiting(handle, world.cancel(handle))
    item = await world.question(handle, "step_failed")
    view = await world.until(handle, lambda seen: bool(seen.attention))
    assert item == view.attention[0].item_id
    assert "channel_not_configured" in view.attention[0].question
    await world.resolve(handle, "settled_by_hand", "step_failed")
    result = await world.result(handle)
    assert (result.status, result.refunded) == (OrderStatus.CANCELED, 1000)
    await world.balanced(placed)


async def test_a_part_of_its_money_is_settled_by_hand_as_well(world: World) -> None:
    """Units canceled and goodwill: each is entered once, when a person says that it went back there."""
    placed, handle = await world.confirmed(("MUG", 2), payment=Payment(collected_by="unknown_shop"))
    await world.until(handle, lambda view: view.parcels[0].status is ParcelStatus.ACCEPTED)
    fewer = CancelRequest(by="agent", lines=(LineQuantity(sku="MUG", quantity=1),))
    await handle.start_update("cancel", fewer, wait_for_stage=WorkflowUpdateStage.ACCEPTED)
    await world.resolve(handle, "settled_by_hand", "step_failed")
    await world.until(handle, lambda view: view.parcels[0].refunded == 1000)
    await world.report(handle, ParcelStatus.IN_TRANSIT, generation=2, carrier="ups", tracking_number="1Z1")
    await world.until(handle, lambda view: view.awaiting == "delivery")
    await handle.start_update("refund", goodwill(200), wait_for_stage=WorkflowUpdateStage.ACCEPTED)
    await world.resolve(handle, "settled_by_hand", "step_failed")
    await world.until(handle, lambda view: view.parcels[0].refunded == 1200)
    await world.report(handle, ParcelStatus.DELIVERED, generation=2)
    assert (await world.result(handle)).status is OrderStatus.COMPLETED
    assert (world.platform.calls, world.payments.calls) == ([], [])
    await world.balanced(placed)


async def test_sold_out_the_platform_is_not_asked_for_what_was_never_entered(world: World) -> None:
    """The channel is told that the order is refused; by it alone the money goes back."""
    answer, handle = await world.checkout(world.order(("MUG", 99), payment=PAID_THERE))
    assert answer.outcome is ConfirmOutcome.SOLD_OUT
    await world.result(handle)
    assert (world.platform.calls, world.payments.calls) == ([], [])

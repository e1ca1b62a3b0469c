"""The distinct ways a return can take, each played to its end, as `scenarios` does for orders."""

from typing import Any

from temporalio.client import WorkflowHandle

from ordersaga.domain.statuses import ParcelStatus
from tests.workflows.returns import delivered, returning, started
from tests.workflows.world import World
from workflows import return_way_back

Handle = WorkflowHandle[Any, Any]


async def returned(world: World) -> Handle:
    """Sent with our label, scanned, arrived, inspected, restocked, refunded."""
    back = await returning(world)
    await back.report(ParcelStatus.IN_TRANSIT)
    await back.until(lambda view: view.awaiting == "the goods' arrival at the warehouse")
    await back.report(ParcelStatus.DELIVERED)
    await back.until(lambda view: view.awaiting == "the warehouse's inspection")
    await back.receive()
    return back.handle


async def return_expired(world: World) -> Handle:
    """Nothing is sent: reminded of, then over, the label given back."""
    back = await returning(world)
    await world.pass_time(back.handle, return_way_back.REMIND_AFTER)
    await back.until(lambda _: "return_reminder" in back.story())
    await world.pass_time(back.handle, return_way_back.EXPIRES_AFTER - return_way_back.REMIND_AFTER)
    return back.handle


async def return_lost(world: World) -> Handle:
    """The carrier lost it; a person has the shopper refunded."""
    back = await returning(world)
    await back.report(ParcelStatus.IN_TRANSIT)
    await back.until(lambda view: view.awaiting == "the goods' arrival at the warehouse")
    await back.report(ParcelStatus.LOST)
    await back.resolve("return_lost", "refund")
    return back.handle


async def return_canceled(world: World) -> Handle:
    """The shopper keeps it."""
    back = await returning(world)
    await back.cancel()
    return back.handle


async def goodwill_after_end(world: World) -> Handle:
    """Nothing comes back: a second person agrees, and part of the price is given."""
    placed = await delivered(world, terms={"second_person_above": 500})
    gift = {"wish": "keep", "lines": (), "amount": 600, "reason": "goodwill", "by": "ann"}
    back = await started(world, placed, **gift)
    await back.resolve("refund_approval", "approve", by="bob")
    return back.handle

"""Orders whose provider fails them, and which go from another location."""

from collections.abc import Callable
from datetime import timedelta

from ordersaga.domain.errors import OperatorError, RetryError
from ordersaga.domain.orders import LineQuantity
from ordersaga.domain.statuses import ParcelStatus
from tests.workflows.changes import SAVED
from tests.workflows.moving import MovingWorld
from tests.workflows.world import Handle, World
from workflows.messages import ParcelView


async def delivered_from_there(world: World, handle: Handle, generation: int = 2) -> Handle:
    """From the seller's own warehouse."""
    await world.until(handle, lambda view: view.parcels[0].tracking_number is not None)
    await world.until(handle, lambda view: view.awaiting == "the carrier's first scan")
    number = "1Z1"
    await world.report(handle, ParcelStatus.IN_TRANSIT, generation=generation, carrier="ups", tracking_number=number)
    await world.until(handle, lambda view: view.awaiting == "delivery")
    await world.report(handle, ParcelStatus.DELIVERED, generation=generation)
    return handle


async def refused_and_moved(world: World) -> Handle:
    """Its provider refuses the hand-off; the other place takes it."""
    world.provider.fail_next("submit", OperatorError("shipbob_refused", "out of stock there"))
    _, handle = await world.confirmed()
    return await delivered_from_there(world, handle)


async def moved_while_away(world: World) -> Handle:
    """Its provider's breaker is open for longer than the parcel can wait; nothing was sent."""
    assert isinstance(world, MovingWorld), "played with several places"
    world.lanes.broken = {"shipbob"}
    for _ in range(50):
        world.provider.fail_next("submit", RetryError("breaker_open", "not called", retry_after=timedelta(minutes=30)))
    _, handle = await world.confirmed()
    await world.called(world.provider, "submit", 1)
    await world.pass_time(handle, timedelta(minutes=30))
    return await delivered_from_there(world, handle)


async def given_up_and_moved(world: World) -> Handle:
    """Accepted, then stopped by its provider: taken back, then handed over elsewhere."""
    placed, handle = await world.accepted()
    world.provider.advance(world.reference(placed), ParcelStatus.EXCEPTION)
    await world.report(handle, ParcelStatus.EXCEPTION, detail="out of stock")
    return await delivered_from_there(world, handle)


async def missed_pick_moved(world: World) -> Handle:
    """Nobody picked it in time, and a person moves it."""
    placed, handle = await world.accepted()
    await world.pass_time(handle, 0.8 * placed.terms.ship_within)
    await world.resolve(handle, "move", "pick_missed")
    return await delivered_from_there(world, handle)


async def _short(world: World, **changes: object) -> Handle:
    """Its provider has one of its two units only."""
    _, handle = await world.accepted(("MUG", 2), **changes)
    missing = (LineQuantity(sku="MUG", quantity=1),)
    await world.report(handle, ParcelStatus.ACCEPTED, partial=True, canceled_lines=missing)
    return handle


async def _arrives(world: World, handle: Handle, *parcels: int) -> Handle:
    """One after another, so that it is played alike each time."""
    for number in parcels:
        scan, tracking = ParcelStatus.IN_TRANSIT, f"1Z{number}"
        await world.report(handle, scan, parcel=number, carrier="ups", tracking_number=tracking)
        await _seen(world, handle, number, lambda parcel: parcel.captured > 0)
    for number in parcels[:-1]:
        await world.report(handle, ParcelStatus.DELIVERED, parcel=number)
        await _seen(world, handle, number, lambda parcel: parcel.status is ParcelStatus.DELIVERED)
    await world.report(handle, ParcelStatus.DELIVERED, parcel=parcels[-1])
    return handle


async def _seen(world: World, handle: Handle, number: int, true: Callable[[ParcelView], bool]) -> None:
    await world.until(handle, lambda view: true(view.parcels[number - 1]))


async def short_and_split(world: World) -> Handle:
    """What is missing leaves elsewhere, in a parcel with a payment of its own."""
    handle = await _short(world, payment=SAVED)
    await world.until(handle, lambda view: len(view.parcels) == 2 and bool(view.parcels[1].tracking_number))
    return await _arrives(world, handle, 1, 2)


async def short_and_moved(world: World) -> Handle:
    """Its card cannot be asked a second time: all of it ships from elsewhere."""
    handle = await _short(world)
    await world.until(handle, lambda view: view.parcels[0].plan.location == "nj-1")
    return await delivered_from_there(world, handle)


async def short_and_given_back(world: World) -> Handle:
    """No other place has the unit: it is taken out, and the rest ships."""
    world.restocked(("ca-1", "MUG", 10))
    handle = await _short(world, payment=SAVED)
    await world.until(handle, lambda view: view.parcels[0].plan.lines[0].quantity == 1)
    return await _arrives(world, handle, 1)

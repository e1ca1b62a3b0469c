"""Orders whose provider fails them, and which go from another location."""

from datetime import timedelta

from ordersaga.domain.errors import OperatorError, RetryError
from ordersaga.domain.statuses import ParcelStatus
from tests.workflows.moving import MovingWorld
from tests.workflows.world import Handle, World


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

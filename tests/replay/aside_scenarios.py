"""Orders that wait, their units set aside at their provider meanwhile."""

from datetime import timedelta

from ordersaga.domain.errors import OperatorError
from ordersaga.domain.orders import Order
from ordersaga.domain.statuses import ParcelStatus
from tests.replay.moving_scenarios import delivered_from_there
from tests.workflows.aside import GRACE
from tests.workflows.changes import change, to_boston
from tests.workflows.world import Handle, World


async def _kept(world: World) -> tuple[Order, Handle]:
    """An order in its grace period, its units set aside."""
    placed, handle = await world.confirmed(terms={"hand_off_delay": GRACE})
    await world.until(handle, lambda _: "set_aside" in world.story(placed))
    return placed, handle


async def _delivered(world: World, handle: Handle, generation: int = 1) -> Handle:
    """Handed over after the grace period, and to the end."""
    await world.pass_time(handle, GRACE + timedelta(minutes=1))
    await world.until(handle, lambda view: view.awaiting == "the carrier's first scan")
    number = "1Z1"
    await world.report(handle, ParcelStatus.IN_TRANSIT, generation=generation, carrier="ups", tracking_number=number)
    await world.until(handle, lambda view: view.awaiting == "delivery")
    await world.report(handle, ParcelStatus.DELIVERED, generation=generation)
    return handle


async def set_aside_and_shipped(world: World) -> Handle:
    """Kept in the grace period, then handed over."""
    _, handle = await _kept(world)
    return await _delivered(world, handle)


async def set_aside_and_canceled(world: World) -> Handle:
    """Canceled in the grace period: let go."""
    _, handle = await _kept(world)
    await world.cancel(handle)
    return handle


async def set_aside_anew(world: World) -> Handle:
    """The order goes to another address: let go, and set aside under another reference."""
    placed, handle = await _kept(world)
    await change(handle, "change_address", to_boston())
    await world.until(handle, lambda _: world.story(placed).count("set_aside") == 2)
    return await _delivered(world, handle, generation=2)


async def not_set_aside_and_moved(world: World) -> Handle:
    """Its provider has too few units: it goes from the seller's own warehouse."""
    world.provider.fail_next("reserve", OperatorError("out_of_stock", "too few units"))
    placed, handle = await world.confirmed(terms={"hand_off_delay": GRACE})
    await world.until(handle, lambda _: "moved" in world.story(placed))
    await world.pass_time(handle, GRACE + timedelta(minutes=1))
    return await delivered_from_there(world, handle)

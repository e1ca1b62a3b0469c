"""Orders whose label can be bought at several carrier accounts."""

from datetime import timedelta

from ordersaga.domain.errors import OperatorError
from ordersaga.domain.statuses import ParcelStatus
from tests.workflows.accounts import ManyCarriers
from tests.workflows.world import Handle, World
from workflows.labels import ELSEWHERE_AFTER


async def _delivered(world: ManyCarriers, handle: Handle) -> Handle:
    await world.labeled(handle)
    await world.until(handle, lambda view: view.awaiting == "the carrier's first scan")
    await world.report(handle, ParcelStatus.IN_TRANSIT, carrier="ups", tracking_number="1Z1")
    await world.until(handle, lambda view: view.awaiting == "delivery")
    await world.report(handle, ParcelStatus.DELIVERED)
    return handle


async def carrier_chosen(world: World) -> Handle:
    """The cheapest of three sells the label."""
    assert isinstance(world, ManyCarriers), "played with several accounts"
    _, handle = await world.accepted()
    return await _delivered(world, handle)


async def label_elsewhere(world: World) -> Handle:
    """The first account refuses us; the second sells the label."""
    assert isinstance(world, ManyCarriers), "played with several accounts"
    world.courier.fail_next("book", OperatorError("account_blocked", "unpaid invoice"))
    _, handle = await world.accepted()
    return await _delivered(world, handle)


async def label_looked_for(world: World) -> Handle:
    """The first account answers nothing; it is proved to have sold none, then the second sells the label."""
    assert isinstance(world, ManyCarriers), "played with several accounts"
    world.down(world.courier, "book")
    _, handle = await world.accepted()
    await world.called(world.courier, "book", 1)
    await world.pass_time(handle, ELSEWHERE_AFTER)
    return await _delivered(world, handle)


async def carrier_stopped(world: World) -> Handle:
    """Every carrier is stopped; the parcel waits, and goes on when one of them is not any more."""
    assert isinstance(world, ManyCarriers), "played with several accounts"
    for carrier in ("rapid", "ups", "easypost"):
        world.stop(carrier)
    _, handle = await world.accepted()
    await world.question(handle, "step_failed")
    await world.pass_time(handle, timedelta(seconds=90))  # it looks every minute: once until then
    del world.rules[1]
    await world.pass_time(handle, timedelta(minutes=5))
    return await _delivered(world, handle)


async def account_not_allowed(world: World) -> Handle:
    """The seller's terms name another account than the only one: asked about, then canceled."""
    world.restocked(("nj-1", "MUG", 10), provider="seller_warehouse")
    _, handle = await world.accepted(terms={"carriers": ("ups",)})
    await world.resolve(handle, "cancel", "step_failed")
    return handle

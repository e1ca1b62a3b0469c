"""Orders that a marketplace sold, each played to its end."""

from datetime import timedelta

from ordersaga.domain.channel_orders import address_of, as_order
from ordersaga.domain.orders import SellerTerms
from ordersaga.domain.statuses import ParcelStatus
from tests.workflows.world import ACCOUNT, Handle, World
from workflows.messages import AddressChange


async def channel_shipped(world: World) -> Handle:
    """Its address is told after its hour; what left is told there at the first scan."""
    there = world.channel.place(("MUG", 1, 1000), shipping=500)
    _, handle = await world.checkout(as_order(there, ACCOUNT, SellerTerms()))
    await world.pass_time(handle, timedelta(hours=2))
    await world.until(handle, lambda view: "address_awaited" in view.awaiting)
    world.channel.release(there.channel_order_id)
    ship_to = address_of(world.channel.orders[there.channel_order_id])
    assert ship_to is not None, "it was released"
    await handle.execute_update("change_address", AddressChange(by="tiktok_acme", ship_to=ship_to))
    await world.until(handle, lambda view: view.parcels[0].status is ParcelStatus.ACCEPTED)
    await world.until(handle, lambda view: view.awaiting == "the carrier's first scan")
    await world.report(handle, ParcelStatus.IN_TRANSIT, carrier="ups", tracking_number="1Z1")
    await world.called(world.channel, "ship", 1)
    await world.until(handle, lambda view: view.awaiting == "delivery")
    await world.report(handle, ParcelStatus.DELIVERED)
    return handle


async def channel_canceled(world: World) -> Handle:
    """A shopper's request is granted once the goods are stopped."""
    there = world.channel.place(("MUG", 1, 1000), shipping=500)
    world.channel.release(there.channel_order_id)
    _, handle = await world.checkout(as_order(world.channel.orders[there.channel_order_id], ACCOUNT, SellerTerms()))
    await world.until(handle, lambda view: view.parcels[0].status is ParcelStatus.ACCEPTED)
    await world.until(handle, lambda view: view.awaiting == "the carrier's first scan")
    world.channel.ask_to_cancel(there.channel_order_id)
    await world.cancel(handle, by="tiktok_acme")
    return handle

"""An order in several parcels whose address changes for some of them only."""

from ordersaga.domain.statuses import ParcelStatus
from tests.workflows.changes import change, to_boston
from tests.workflows.world import Handle, World


async def address_taken_in_part(world: World) -> Handle:
    """The provider keeps the first parcel, and a person sees to it; the second one takes the new address."""
    world.restocked(("nj-1", "MUG", 10), ("ca-1", "TEE", 10))
    placed, handle = await world.accepted(("MUG", 1), ("TEE", 1))
    world.provider.advance(world.reference(placed), ParcelStatus.PICKED)
    await change(handle, "change_address", to_boston())
    await world.resolve(handle, "noted", "address_kept")
    for parcel in (1, 2):
        await world.arrive(handle, parcel)
    return handle

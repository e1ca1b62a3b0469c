"""An order in several parcels whose address changes for some of them only."""

from typing import Any

from ordersaga.domain.errors import CustomerError
from ordersaga.domain.statuses import ParcelStatus
from tests.workflows.changes import change, to_boston
from tests.workflows.world import Handle, World


async def address_taken_in_part(world: World) -> Handle:
    """The provider keeps the first parcel, and a person sees to it; the second one takes the new address."""
    world.restocked(("nj-1", "MUG", 10), ("ca-1", "TEE", 10))
    placed, handle = await world.accepted(("MUG", 1), ("TEE", 1))
    world.provider.advance(world.reference(placed), ParcelStatus.PICKED)
    first_answered_last(world, world.reference(placed))
    await change(handle, "change_address", to_boston())
    await world.resolve(handle, "noted", "address_kept")
    for parcel in (1, 2):
        await world.arrive(handle, parcel)
    return handle


async def address_gone_back(world: World) -> Handle:
    """Whoever ships it refuses the new address: the parcel goes to the former one."""
    world.provider.address_until = None
    _, handle = await world.accepted()
    world.provider.fail_next("submit", CustomerError("address_refused", "no such postal code"))
    await change(handle, "change_address", to_boston())
    await world.resolve(handle, "ship_to_former", "address_refused")
    await world.until(handle, lambda view: view.parcels[0].status is ParcelStatus.ACCEPTED)
    await world.arrive(handle, 1, 3)
    return handle


def first_answered_last(world: World, first: str) -> None:
    """The provider answers for this parcel once the other's answer is on record: their order is part of the history."""
    asked, known = world.provider.update_address, len(world.journal.called("record"))

    async def answer(reference: str, *more: Any) -> Any:
        if reference == first:
            await world.called(world.journal, "record", known + 1)
        return await asked(reference, *more)

    setattr(world.provider, "update_address", answer)  # noqa: B010 - the type of a method cannot be assigned to

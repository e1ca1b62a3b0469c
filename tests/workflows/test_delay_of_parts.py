"""16 CFR 435 of units that leave a late parcel in one of their own: what its shopper heard and said holds for both."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest_asyncio
from temporalio.testing import WorkflowEnvironment

from ordersaga.domain.orders import LineQuantity, Order
from ordersaga.domain.statuses import OrderStatus, ParcelStatus
from tests.workflows.cancels import Stage, payments
from tests.workflows.changes import SAVED, change, split
from tests.workflows.moving import MovingWorld
from tests.workflows.test_delay_law import MISSED, NOTICES, REVISED, TERMS, WANTED, answered, notices
from tests.workflows.world import Handle, World
from workflows.messages import OrderView

MUGS = {"payment": SAVED, "terms": TERMS}


@pytest_asyncio.fixture
async def moving(environment: WorkflowEnvironment) -> AsyncIterator[MovingWorld]:
    """Mugs at ShipBob in California, and at the seller's own warehouse in New Jersey."""
    async with MovingWorld(environment) as fresh:
        yield fresh
        assert await fresh.failed_tasks() == []


async def late(world: World) -> tuple[Order, Handle]:
    """Three mugs, whose shopper was told that they are late."""
    placed, handle = await world.accepted(("MUG", 3), **MUGS)
    await world.pass_time(handle, MISSED)
    await world.until(handle, lambda _: notices(world, placed) == ["delay_notice"])
    return placed, handle


async def later(world: World) -> tuple[Order, Handle]:
    """The same, whose shopper is asked whether to wait once more."""
    placed, handle = await late(world)
    for _ in range(2):  # the reservation is renewed on the way
        await world.pass_time(handle, WANTED / 2)
    await world.until(handle, lambda _: notices(world, placed) == list(NOTICES))
    return placed, handle


async def waited_for(world: World) -> tuple[Order, Handle]:
    """The same, whose shopper agreed; the second date is over, too."""
    placed, handle = await later(world)
    assert (await answered(handle, consent=True)).outcome == "done"
    await world.pass_time(handle, REVISED)
    return placed, handle


def in_two(view: OrderView) -> bool:
    """Both parts are at their providers."""
    return [each.status for each in view.parcels] == [ParcelStatus.ACCEPTED] * 2


async def parted(world: World, handle: Handle) -> None:
    """A person splits it."""
    assert (await change(handle, "split_parcel", split(("MUG", 1)))).outcome == "done"
    await world.until(handle, in_two)


async def shipped(world: World, placed: Order, handle: Handle, generation: int) -> None:
    """Both parts arrive, each paid by itself; nothing of them was canceled."""
    await world.arrive(handle, 1, generation)
    assert (await world.deliver(handle, 2)).status is OrderStatus.COMPLETED
    assert {"captured 1000", "captured 2000"} <= set(payments(world, placed))
    assert "parcel_canceled" not in world.story(placed)
    await world.balanced(placed)


async def test_shopper_who_agreed_to_wait_is_not_asked_again_for_what_is_missing(moving: MovingWorld) -> None:
    """A short pick after the second date: its parcel ships and is paid; nothing is told twice or canceled."""
    placed, handle = await waited_for(moving)
    stage, reference = Stage(moving, placed, handle), moving.reference(placed)
    missing = (LineQuantity(sku="MUG", quantity=1),)
    moving.provider.advance(reference, ParcelStatus.ACCEPTED, partially_canceled=True, canceled_lines=missing)
    await stage.report(reference, ParcelStatus.ACCEPTED, partial=True, canceled_lines=missing)
    await stage.told("short_pick")
    await moving.until(handle, in_two)
    await shipped(moving, placed, handle, 1)
    assert notices(moving, placed) == list(NOTICES)


async def test_shopper_who_agreed_to_wait_is_not_asked_again_after_a_split(world: World) -> None:
    """Both parts are waited for."""
    placed, handle = await waited_for(world)
    await parted(world, handle)
    await shipped(world, placed, handle, 2)
    assert notices(world, placed) == list(NOTICES)


async def test_silence_is_no_consent_to_a_second_delay_of_a_part(world: World) -> None:
    """Split while the shopper is asked: nothing is asked twice, and at the second date both parts are canceled."""
    placed, handle = await later(world)
    await parted(world, handle)
    await world.pass_time(handle, REVISED)
    assert (await world.result(handle)).status is OrderStatus.CANCELED
    assert notices(world, placed) == list(NOTICES)
    assert set(payments(world, placed)) == {"voided"}
    await world.balanced(placed)


async def test_part_whose_first_delay_runs_asks_before_it_is_over(world: World) -> None:
    """Split after the first notice: it is told once; each part asks before the second date, and no cancels both."""
    placed, handle = await late(world)
    await parted(world, handle)
    assert notices(world, placed) == ["delay_notice"]
    for _ in range(2):
        await world.pass_time(handle, WANTED / 2)
    await world.until(handle, lambda _: notices(world, placed) == ["delay_notice", *["delay_consent_wanted"] * 2])
    assert (await answered(handle, consent=False)).outcome == "done"
    assert (await world.result(handle)).status is OrderStatus.CANCELED
    await world.balanced(placed)


async def test_parcel_with_a_part_that_ships_in_time_ends_the_clocks(world: World) -> None:
    """Both are scanned within the first delay: the order closes, and no second answer is wanted."""
    placed, handle = await late(world)
    await parted(world, handle)
    await world.pass_time(handle, timedelta(days=3))
    await shipped(world, placed, handle, 2)
    assert notices(world, placed) == ["delay_notice"]

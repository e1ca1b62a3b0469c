"""Units that a provider does not have go from elsewhere, and are given back only where they can go from nowhere."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from temporalio.testing import WorkflowEnvironment

from ordersaga.domain.orders import LineQuantity, Order
from ordersaga.domain.shipping import CancelDecision
from ordersaga.domain.statuses import OrderStatus, ParcelStatus
from tests.workflows.cancels import Stage, payments
from tests.workflows.changes import SAVED
from tests.workflows.moving import MovingWorld

MISSING = (LineQuantity(sku="MUG", quantity=1),)
CAPTURED_FIRST = {"terms": {"capture": "at_confirmation"}}


@pytest_asyncio.fixture
async def moving(environment: WorkflowEnvironment) -> AsyncIterator[MovingWorld]:
    """Mugs at ShipBob in California, and at the seller's own warehouse in New Jersey."""
    async with MovingWorld(environment) as fresh:
        yield fresh
        assert await fresh.failed_tasks() == []


async def short(world: MovingWorld, status: ParcelStatus = ParcelStatus.ACCEPTED, **changes: Any) -> Stage:
    """Three mugs are with ShipBob, which has only two of them."""
    stage = Stage(world, *await world.accepted(("MUG", 3), **changes))
    await lacks_one(stage, status)
    return stage


async def lacks_one(stage: Stage, status: ParcelStatus = ParcelStatus.ACCEPTED) -> None:
    """ShipBob says so."""
    reference = stage.world.reference(stage.placed)
    stage.world.provider.advance(reference, status, partially_canceled=True, canceled_lines=MISSING)
    for _ in range(2):  # told twice counts once
        await stage.report(reference, status, partial=True, canceled_lines=MISSING)


def held(world: MovingWorld) -> tuple[int, int]:
    """Mugs held at ShipBob's place and at the seller's own."""
    return world.units()["ca-1", "MUG"][1], world.units()["nj-1", "MUG"][1]


def sent(world: MovingWorld, placed: Order) -> dict[str, int]:
    """How many mugs each order that stands at a provider has."""
    asked = {**world.provider.hand_offs, **world.warehouse.hand_offs}
    short_of = {world.reference(placed): 1}
    known = {**world.provider.orders, **world.warehouse.orders}
    live = [reference for reference, order in known.items() if order.status is not ParcelStatus.CANCELED]
    return {one: asked[one].lines[0].quantity - short_of.get(one, 0) for one in live}


@pytest.mark.parametrize("status", [ParcelStatus.ACCEPTED, ParcelStatus.IN_TRANSIT])
async def test_what_is_missing_leaves_elsewhere_in_a_parcel_of_its_own(
    moving: MovingWorld, status: ParcelStatus
) -> None:
    """Known before the scan or with it: two from here and one from there, inside the same ship-by, paid as bought."""
    stage = await short(moving, status, payment=SAVED)
    await stage.told("short_pick")
    await moving.until(stage.handle, lambda view: len(view.parcels) == 2 and bool(view.parcels[1].tracking_number))
    assert list(sent(moving, stage.placed).values()) == [2, 1]
    second = moving.warehouse.hand_offs[moving.reference(stage.placed, 2)]
    assert second.ship_by == stage.placed.ship_by
    assert held(moving)[1] == 1
    assert "Parcel 2 ships from nj-1: " in await stage.handle.query("explain")
    assert await stage.ended() is OrderStatus.COMPLETED
    assert payments(moving, stage.placed) == ("captured 2000", "captured 1000")
    assert (moving.provider.called("cancel"), "units_canceled" in moving.story(stage.placed)) == ([], False)
    await moving.balanced(stage.placed)


@pytest.mark.parametrize("changes", [{}, CAPTURED_FIRST])
async def test_where_it_is_one_payment_the_whole_parcel_goes_from_there(
    moving: MovingWorld, changes: dict[str, Any]
) -> None:
    """The card cannot be asked again, or has paid: taken back from the one, then handed to the other, paid once."""
    stage = await short(moving, **changes)
    await stage.told("short_pick")
    await moving.until(stage.handle, lambda view: bool(view.parcels[0].tracking_number))
    assert sent(moving, stage.placed) == {moving.reference(stage.placed, 1, 2): 3}
    assert held(moving) == (0, 3)
    assert await stage.ended() is OrderStatus.COMPLETED
    assert payments(moving, stage.placed) == ("captured 3000",)
    await moving.balanced(stage.placed)


async def test_a_bank_that_does_not_reserve_twice_lets_the_whole_parcel_go_from_there(moving: MovingWorld) -> None:
    """The second reservation is declined: nothing of it stays, and one parcel with all of it ships."""
    placed, handle = await moving.accepted(("MUG", 3), payment=SAVED)
    stage = Stage(moving, placed, handle)
    moving.payments.decline_next()
    await stage.report(moving.reference(placed), ParcelStatus.ACCEPTED, partial=True, canceled_lines=MISSING)
    await stage.told("short_pick")
    assert "not_sent_apart" in await stage.kinds()
    assert held(moving) == (0, 3)
    assert await stage.ended() is OrderStatus.COMPLETED
    assert payments(moving, placed)[0] == "captured 3000"
    await moving.balanced(placed)


async def test_what_can_go_from_nowhere_is_given_back(moving: MovingWorld) -> None:
    """No other place has the unit: the rest ships and is paid, and the story says why."""
    moving.restocked(("ca-1", "MUG", 10))
    stage = await short(moving, payment=SAVED)
    await stage.told("units_canceled")
    assert "stays" in await stage.kinds()
    assert await stage.ended() is OrderStatus.COMPLETED
    assert payments(moving, stage.placed) == ("captured 2000",)
    await moving.balanced(stage.placed)


async def test_rest_that_is_not_given_back_leaves_without_what_is_missing(moving: MovingWorld) -> None:
    """One payment, and the provider has packed the rest: it ships, and what is missing is given back."""
    placed, handle = await moving.accepted(("MUG", 3))
    stage = Stage(moving, placed, handle)
    moving.provider.answer_cancel_next(CancelDecision.REFUSED)
    await stage.report(moving.reference(placed), ParcelStatus.ACCEPTED, partial=True, canceled_lines=MISSING)
    await stage.told("units_canceled")
    assert await stage.ended() is OrderStatus.COMPLETED
    assert (payments(moving, placed), moving.warehouse.orders) == (("captured 2000",), {})
    await moving.balanced(placed)


async def test_sellers_terms_may_keep_it_from_going_elsewhere(moving: MovingWorld) -> None:
    """A seller who wants no second package from elsewhere gives the unit back."""
    stage = await short(moving, payment=SAVED, terms={"moved_for": ["refused"]})
    await stage.told("units_canceled")
    assert await stage.ended() is OrderStatus.COMPLETED
    assert (payments(moving, stage.placed), moving.warehouse.orders) == (("captured 2000",), {})
    await moving.balanced(stage.placed)


async def test_what_is_canceled_meanwhile_goes_from_nowhere(moving: MovingWorld) -> None:
    """The order is canceled while the second payment is reserved: nothing of either parcel is left."""
    moving.hear_soon()
    stage = Stage(moving, *await moving.accepted(("MUG", 3), payment=SAVED))
    answer = await stage.canceled_while(moving.payments, "authorize", lacks_one(stage))
    assert answer.outcome == "canceled"
    assert await stage.ended() is OrderStatus.CANCELED
    assert (held(moving), sent(moving, stage.placed)) == ((0, 0), {})
    assert all(found == "voided" for found in payments(moving, stage.placed))
    await moving.balanced(stage.placed)

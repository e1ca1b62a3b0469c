"""Units that are being sent from elsewhere can be canceled, as long as nobody has them."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from temporalio.testing import WorkflowEnvironment

from ordersaga.domain.orders import LineQuantity
from ordersaga.domain.statuses import OrderStatus, ParcelStatus
from tests.fakes.script import Scripted
from tests.workflows.cancels import HEARTBEAT, Stage, payments, preview, units
from tests.workflows.changes import SAVED
from tests.workflows.moving import MovingWorld
from tests.workflows.world import stalled

ONCE = {"payment_method": "pm_card_visa"}
"""A card that cannot be asked again: the whole parcel goes from elsewhere."""
TEE = units(("TEE", 1))


@pytest_asyncio.fixture
async def moving(environment: WorkflowEnvironment) -> AsyncIterator[MovingWorld]:
    """Mugs and shirts at ShipBob in California, and at the seller's own warehouse in New Jersey."""
    async with MovingWorld(environment) as fresh:
        yield fresh
        assert await fresh.failed_tasks() == []


async def two_mugs_and_a_shirt(world: MovingWorld, **changes: Any) -> Stage:
    """With ShipBob."""
    world.hear_soon()
    return Stage(world, *await world.accepted(("MUG", 2), ("TEE", 1), **{"payment": SAVED, **changes}))


async def lacks(stage: Stage, *missing: tuple[str, int]) -> None:
    """ShipBob does not have these."""
    lines = tuple(LineQuantity(sku=sku, quantity=quantity) for sku, quantity in missing)
    reference = stage.world.reference(stage.placed)
    stage.world.provider.advance(reference, ParcelStatus.ACCEPTED, partially_canceled=True, canceled_lines=lines)
    await stage.report(reference, ParcelStatus.ACCEPTED, partial=True, canceled_lines=lines)


def price(stage: Stage, sku: str) -> int:
    """Of one unit."""
    return next(line.unit_price for line in stage.placed.lines if line.sku == sku)


async def shipped_without_it(stage: Stage) -> None:
    """Nobody was given the shirt, and nobody pays for it."""
    world = stage.world
    assert await stage.ended() is OrderStatus.COMPLETED
    given = [line.sku for hand_off in world.warehouse.hand_offs.values() for line in hand_off.lines]
    assert "TEE" not in given
    captured = [state for state in payments(world, stage.placed) if state != "voided"]
    assert captured == [f"captured {stage.placed.total - price(stage, 'TEE')}"]
    assert "ignored" not in world.story(stage.placed)
    await world.balanced(stage.placed)


async def test_unit_canceled_while_its_payment_is_reserved_is_not_sent(moving: MovingWorld) -> None:
    """The second reservation is given back, and the unit is taken out."""
    stage = await two_mugs_and_a_shirt(moving)
    answer = await stage.canceled_while(moving.payments, "authorize", lacks(stage, ("TEE", 1)), TEE)
    assert (answer.outcome, answer.voided) == ("canceled", price(stage, "TEE"))
    assert [(each.parcel, each.lines) for each in answer.parts] == [(1, TEE.lines)]
    assert moving.warehouse.hand_offs == {}
    await shipped_without_it(stage)


async def test_unit_canceled_while_its_parcel_is_planned_is_canceled_with_it(moving: MovingWorld) -> None:
    """The parcel of its own came about all the same, and is undone before anybody has it."""
    stage = await two_mugs_and_a_shirt(moving)
    answer = await stage.canceled_while(moving.stock, "replan", lacks(stage, ("TEE", 1)), TEE)
    assert (answer.outcome, answer.voided) == ("canceled", price(stage, "TEE"))
    assert [(each.parcel, each.lines) for each in answer.parts] == [(2, TEE.lines)]
    assert moving.warehouse.hand_offs == {}
    await shipped_without_it(stage)


@pytest.mark.parametrize("method", ["cancel", "replan"])
async def test_unit_canceled_while_the_whole_parcel_goes_elsewhere_is_left_out(
    moving: MovingWorld, method: str
) -> None:
    """For as long as the withdrawal lasts, and while it is planned there."""
    stage = await two_mugs_and_a_shirt(moving, payment=ONCE)
    fake: Scripted = moving.provider if method == "cancel" else moving.stock
    answer = await stage.canceled_while(fake, method, lacks(stage, ("TEE", 1)), TEE)
    assert (answer.outcome, answer.voided) == ("canceled", price(stage, "TEE"))
    await shipped_without_it(stage)


async def test_signal_cancels_what_is_under_way_and_a_preview_foretells_it(moving: MovingWorld) -> None:
    """Nothing is said to be ignored, and nothing is sent."""
    stage = await two_mugs_and_a_shirt(moving)
    async with stalled(moving.payments, "authorize") as reached:
        await lacks(stage, ("TEE", 1))
        await asyncio.wait_for(reached.wait(), 10)
        foretold = await preview(stage.handle, TEE)
        await stage.handle.signal("request_cancel", TEE)
        await asyncio.sleep(HEARTBEAT)
    assert (foretold.outcome, foretold.voided) == ("pending", price(stage, "TEE"))
    await stage.told("units_canceled")
    await shipped_without_it(stage)


async def test_some_of_the_units_under_way_are_canceled_and_the_others_sent(moving: MovingWorld) -> None:
    """Two of four mugs are missing and under way, and three are canceled: the fourth leaves, and is paid alone."""
    moving.hear_soon()
    stage = Stage(moving, *await moving.accepted(("MUG", 4), payment=SAVED))
    three = units(("MUG", 3))
    answer = await stage.canceled_while(moving.payments, "authorize", lacks(stage, ("MUG", 2)), three)
    assert (answer.outcome, answer.voided) == ("canceled", 3000)
    await moving.until(stage.handle, lambda view: bool(view.parcels[-1].tracking_number))
    assert await stage.ended() is OrderStatus.COMPLETED
    left = [moving.warehouse.hand_offs[one] for one in stage.live]
    assert [[(line.sku, line.quantity) for line in hand_off.lines] for hand_off in left] == [[("MUG", 1)]]
    assert [found for found in payments(moving, stage.placed) if found != "voided"] == ["captured 1000"]
    await moving.balanced(stage.placed)


async def test_every_unit_canceled_by_name_is_told_with_all_of_its_money(moving: MovingWorld) -> None:
    """What is under way is among them: nothing is sent, and the answer adds up to the price."""
    stage = await two_mugs_and_a_shirt(moving)
    everything = units(("MUG", 2), ("TEE", 1))
    answer = await stage.canceled_while(moving.payments, "authorize", lacks(stage, ("TEE", 1)), everything)
    assert (answer.outcome, answer.voided) == ("canceled", stage.placed.total)
    assert (await moving.result(stage.handle)).status is OrderStatus.CANCELED
    assert set(payments(moving, stage.placed)) == {"voided"}
    assert moving.warehouse.hand_offs == {}
    await moving.balanced(stage.placed)

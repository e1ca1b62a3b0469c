"""What people ask while units that a provider does not have are being sent from elsewhere."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from temporalio.testing import WorkflowEnvironment

from ordersaga.domain.errors import CustomerError
from ordersaga.domain.orders import LineQuantity
from ordersaga.domain.shipping import ShippingService
from ordersaga.domain.statuses import OrderStatus, ParcelStatus
from tests.workflows.cancels import Stage, cancel, payments, units
from tests.workflows.changes import BOSTON, SAVED, change, expedited, split, to_boston
from tests.workflows.moving import MovingWorld
from tests.workflows.world import stalled

HEARTBEAT = 3.0
"""Seconds after which Temporal delivers messages to an order that hears soon and waits for a quick step."""
ON_RECORD = 6.5
"""After which an update has also been put on record."""


@pytest_asyncio.fixture
async def moving(environment: WorkflowEnvironment) -> AsyncIterator[MovingWorld]:
    """Mugs at ShipBob in California, and at the seller's own warehouse in New Jersey."""
    async with MovingWorld(environment) as fresh:
        yield fresh
        assert await fresh.failed_tasks() == []


async def with_shipbob(world: MovingWorld, **changes: Any) -> Stage:
    """Three mugs."""
    world.hear_soon()
    return Stage(world, *await world.accepted(("MUG", 3), **{"payment": SAVED, **changes}))


async def lacks(stage: Stage, quantity: int = 1) -> None:
    """ShipBob has so many mugs less, all told."""
    reference, missing = stage.world.reference(stage.placed), (LineQuantity(sku="MUG", quantity=quantity),)
    told = {"partially_canceled": True, "canceled_lines": missing}
    stage.world.provider.advance(reference, ParcelStatus.ACCEPTED, **told)
    await stage.report(reference, ParcelStatus.ACCEPTED, partial=True, canceled_lines=missing)


async def test_rest_canceled_while_what_is_missing_leaves_elsewhere(moving: MovingWorld) -> None:
    """The two that are canceled are not sent; the third, which nobody canceled, is, and is paid alone."""
    stage = await with_shipbob(moving)
    async with stalled(moving.payments, "authorize") as reached:
        await lacks(stage)
        await asyncio.wait_for(reached.wait(), 10)
        less = units(("MUG", 2), request_id="less")
        await stage.handle.signal("request_cancel", less)
        await asyncio.sleep(HEARTBEAT)
    answer = await cancel(stage.handle, less)
    assert (answer.outcome, answer.voided) == ("canceled", 2000)
    await moving.until(stage.handle, lambda view: len(view.parcels) == 2 and bool(view.parcels[1].tracking_number))
    assert await stage.ended() is OrderStatus.COMPLETED
    assert payments(moving, stage.placed) == ("voided", "captured 1000")
    assert list(moving.warehouse.hand_offs) == [moving.reference(stage.placed, 2)]
    await moving.balanced(stage.placed)


async def test_all_units_canceled_by_name_while_one_leaves_elsewhere_leave_from_nowhere(moving: MovingWorld) -> None:
    """The one under way is among them."""
    stage = await with_shipbob(moving)
    async with stalled(moving.payments, "authorize") as reached:
        await lacks(stage)
        await asyncio.wait_for(reached.wait(), 10)
        await stage.handle.signal("request_cancel", units(("MUG", 3)))
        await asyncio.sleep(HEARTBEAT)
    assert (await moving.result(stage.handle)).status is OrderStatus.CANCELED
    assert all(found == "voided" for found in payments(moving, stage.placed))
    await moving.balanced(stage.placed)


async def test_order_canceled_while_its_second_parcel_is_planned_hears_of_both(moving: MovingWorld) -> None:
    """The second parcel came of the first after the request: its units and its money are told too."""
    stage = await with_shipbob(moving)
    async with stalled(moving.stock, "replan") as reached:
        await lacks(stage)
        await asyncio.wait_for(reached.wait(), 10)
        await stage.handle.signal("request_cancel")
        asked = asyncio.ensure_future(cancel(stage.handle))
        await asyncio.sleep(ON_RECORD)
    answer = await asked
    told: Counter[str] = sum((Counter({x.sku: x.quantity for x in part.lines}) for part in answer.parts), Counter())
    assert (answer.outcome, answer.voided, told) == ("canceled", 3000, Counter(MUG=3))
    assert await stage.ended() is OrderStatus.CANCELED
    assert moving.warehouse.hand_offs == {}
    await moving.balanced(stage.placed)


async def test_order_canceled_while_the_whole_parcel_is_taken_back_hears_of_all_its_money(moving: MovingWorld) -> None:
    """Nobody is given anything back for the missing unit: it is the cancellation that releases it."""
    stage = await with_shipbob(moving, payment={"payment_method": "pm_card_visa"})
    async with stalled(moving.stock, "replan") as reached:
        await lacks(stage)
        await asyncio.wait_for(reached.wait(), 10)
        await stage.handle.signal("request_cancel")
        asked = asyncio.ensure_future(cancel(stage.handle))
        await asyncio.sleep(ON_RECORD)
    answer = await asked
    assert (answer.outcome, answer.voided) == ("canceled", 3000)
    assert await stage.ended() is OrderStatus.CANCELED
    await moving.balanced(stage.placed)


@pytest.mark.parametrize("name", ["change_address", "expedite"])
async def test_what_is_asked_meanwhile_holds_for_the_second_parcel_too(moving: MovingWorld, name: str) -> None:
    """The shopper moves, or is in a hurry: every unit goes there, and in time; the answer names both parcels."""
    stage = await with_shipbob(moving)
    async with stalled(moving.payments, "authorize") as reached:
        await lacks(stage)
        await asyncio.wait_for(reached.wait(), 10)
        wanted = to_boston() if name == "change_address" else expedited()
        asked = asyncio.ensure_future(change(stage.handle, name, wanted))
        await asyncio.sleep(ON_RECORD)
    answer = await asked
    assert answer.outcome == "done"
    assert "parcel 2: goes" in answer.message
    asked_of = [entry["text"] for entry in await stage.handle.query("timeline") if entry["kind"] == "change_requested"]
    assert ["parcel 2" in text for text in asked_of] == [False]
    await moving.until(stage.handle, lambda view: all(one.status is ParcelStatus.ACCEPTED for one in view.parcels))
    assert await stage.ended() is OrderStatus.COMPLETED
    sent = {**moving.provider.hand_offs, **moving.warehouse.hand_offs}
    orders = {**moving.provider.orders, **moving.warehouse.orders}
    left = [sent[one] for one, order in orders.items() if order.status is not ParcelStatus.CANCELED]
    assert sorted(given.lines[0].quantity for given in left)[0] == 1
    assert len(left) == 2
    if name == "change_address":
        assert [given.ship_to for given in left] == [BOSTON, BOSTON]
    else:
        assert [given.service for given in left] == [ShippingService.EXPEDITED] * 2
    await moving.balanced(stage.placed)


async def test_parts_of_one_parcel_are_bounded_by_the_sellers_terms(moving: MovingWorld) -> None:
    """One move is allowed: the first missing unit leaves elsewhere, the second is given back."""
    stage = await with_shipbob(moving, terms={"moves_at_most": 1})
    await lacks(stage, 1)
    await stage.told("short_pick")
    await lacks(stage, 2)
    await stage.told("units_canceled")
    assert "stays" in await stage.kinds()
    await moving.until(stage.handle, lambda view: bool(view.parcels[1].tracking_number))
    assert await stage.ended() is OrderStatus.COMPLETED
    assert payments(moving, stage.placed) == ("captured 1000", "captured 1000")
    await moving.balanced(stage.placed)


async def test_what_is_missing_of_a_parcel_that_left_says_why_it_is_given_back(moving: MovingWorld) -> None:
    """One payment, heard with the scan: nothing can be done but give it back, and the story says so."""
    stage = await with_shipbob(moving, payment={"payment_method": "pm_card_visa"})
    missing = (LineQuantity(sku="MUG", quantity=1),)
    await stage.report(stage.live[0], ParcelStatus.IN_TRANSIT, partial=True, canceled_lines=missing)
    await stage.told("units_canceled")
    story = [entry["text"] for entry in await stage.handle.query("timeline")]
    assert any("the rest has left or cannot be stopped" in text for text in story)
    assert await stage.ended() is OrderStatus.COMPLETED
    assert payments(moving, stage.placed) == ("captured 2000",)
    await moving.balanced(stage.placed)


async def test_units_split_off_after_a_new_address_have_the_former_one_to_go_back_to(moving: MovingWorld) -> None:
    """Nobody has accepted the new address yet: a refusal of the second parcel is asked about, and loses nothing."""
    moving.provider.address_until = None
    stage = await with_shipbob(moving)
    async with stalled(moving.provider, "cancel") as reached:
        address = asyncio.ensure_future(change(stage.handle, "change_address", to_boston()))
        await asyncio.wait_for(reached.wait(), 10)
        parted = asyncio.ensure_future(change(stage.handle, "split_parcel", split(("MUG", 1))))
        await asyncio.sleep(0.5)
        for _ in range(2):
            moving.provider.fail_next("submit", CustomerError("address_refused", "no such postal code"))
    assert ((await address).outcome, (await parted).outcome) == ("done", "done")
    await moving.until(stage.handle, lambda view: len(view.attention) == 2)
    for _ in range(2):
        await moving.resolve(stage.handle, "ship_to_former", "address_refused")
    await moving.until(stage.handle, lambda view: all(one.status is ParcelStatus.ACCEPTED for one in view.parcels))
    assert await stage.ended() is OrderStatus.COMPLETED
    assert payments(moving, stage.placed) == ("captured 2000", "captured 1000")
    await moving.balanced(stage.placed)

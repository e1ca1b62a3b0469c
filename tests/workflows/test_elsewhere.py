"""A parcel whose provider fails it goes from another location, inside the same ship-by, and never from two."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest_asyncio
from temporalio.testing import WorkflowEnvironment

from ordersaga.domain.errors import OperatorError, RetryError
from ordersaga.domain.orders import Order
from ordersaga.domain.statuses import OrderStatus, ParcelStatus
from tests.workflows.moving import MovingWorld
from workflows.messages import OrderView

LATER = timedelta(minutes=30)


@pytest_asyncio.fixture
async def moving(environment: WorkflowEnvironment) -> AsyncIterator[MovingWorld]:
    """Mugs at ShipBob in California, and at the seller's own warehouse in New Jersey."""
    async with MovingWorld(environment) as fresh:
        yield fresh
        assert await fresh.failed_tasks() == []


def at_warehouse(view: OrderView) -> bool:
    """The parcel was taken by the seller's own warehouse."""
    return view.parcels[0].plan.provider == "seller_warehouse" and view.parcels[0].status is ParcelStatus.ACCEPTED


def live(world: MovingWorld) -> list[str]:
    """Every order that a provider has and did not cancel."""
    known = [*world.provider.orders.values(), *world.warehouse.orders.values()]
    return [one.reference for one in known if one.status is not ParcelStatus.CANCELED]


async def arrives_from_there(world: MovingWorld, placed: Order) -> None:
    """One live order, at the other place, for the ship-by that was promised; held there, paid once."""
    handle = world.handles[-1]
    view = await world.until(handle, lambda seen: at_warehouse(seen) and seen.parcels[0].tracking_number is not None)
    assert len(live(world)) == 1
    assert world.warehouse.hand_offs[live(world)[0]].ship_by == placed.ship_by
    assert (world.units()["nj-1", "MUG"], world.units()["ca-1", "MUG"]) == ((10, 1), (10, 0))
    assert "moved" in world.story(placed)
    text = await handle.query("explain")
    assert "Parcel 1 ships from nj-1: " in text
    generation = int(live(world)[0].rsplit("-", 1)[1])
    result = await world.deliver(handle, generation=generation)
    assert (result.status, result.captured) == (OrderStatus.COMPLETED, view.parcels[0].plan.amount)
    await world.balanced(placed)


async def test_what_a_provider_refuses_goes_from_elsewhere_without_asking(moving: MovingWorld) -> None:
    """It never had it, which is on record before another one does."""
    moving.provider.fail_next("submit", OperatorError("shipbob_refused", "out of stock there"))
    placed, _ = await moving.confirmed()
    await arrives_from_there(moving, placed)
    assert moving.memory.attention == {}
    assert moving.provider.called("cancel") == []


async def test_what_waits_for_a_provider_that_is_away_goes_from_elsewhere(moving: MovingWorld) -> None:
    """Its breaker is open and nothing was sent: when patience ends it moves; the old hand-off is closed for good."""
    moving.lanes.broken = {"shipbob"}
    for _ in range(50):
        moving.provider.fail_next("submit", RetryError("breaker_open", "not called", retry_after=timedelta(minutes=3)))
    placed, handle = await moving.confirmed()
    await moving.called(moving.provider, "submit", 1)
    await moving.pass_time(handle, LATER)
    await arrives_from_there(moving, placed)
    first = await moving.effects.find(placed.order_id, "hand_off", 1, 1)
    assert first is not None
    assert (first.status, first.code) == ("refused", "not_sent")
    assert moving.provider.orders == {}


async def test_what_a_provider_may_have_is_never_given_to_another(moving: MovingWorld) -> None:
    """The answer was lost, then its breaker opened: the parcel waits, and goes on where it is once that one answers."""
    moving.lanes.broken = {"shipbob"}
    moving.provider.fail_next("submit", RetryError("no_answer", "lost", unknown=True), after_doing=True)
    for _ in range(50):
        moving.provider.fail_next("inquire", RetryError("breaker_open", "away", retry_after=timedelta(minutes=3)))
    placed, handle = await moving.confirmed()
    await moving.called(moving.provider, "submit", 1)
    await moving.pass_time(handle, LATER)
    await moving.until(handle, lambda _: "stays" in moving.story(placed))
    assert moving.warehouse.orders == {}
    moving.up(moving.provider, "inquire")
    moving.lanes.broken = set()
    await moving.pass_time(handle, timedelta(hours=1))
    await moving.until(handle, lambda seen: seen.parcels[0].status is ParcelStatus.ACCEPTED)
    assert live(moving) == [moving.reference(placed)]
    assert (await moving.deliver(handle)).status is OrderStatus.COMPLETED
    await moving.balanced(placed)


async def test_what_is_given_up_after_it_was_accepted_is_taken_back_first(moving: MovingWorld) -> None:
    """Out of stock there, it says later: it confirms that it stopped, then the other place gets it."""
    placed, handle = await moving.accepted()
    moving.provider.advance(moving.reference(placed), ParcelStatus.EXCEPTION)
    await moving.report(handle, ParcelStatus.EXCEPTION, detail="out of stock")
    await moving.until(handle, at_warehouse)
    assert moving.provider.called("cancel") == [(moving.reference(placed),)]
    await arrives_from_there(moving, placed)


async def test_a_missed_pick_is_asked_about_and_moved_by_a_persons_choice(moving: MovingWorld) -> None:
    """Three quarters of the time are over and nobody picked it; taken back before it goes elsewhere."""
    placed, handle = await moving.accepted()
    await moving.pass_time(handle, 0.8 * placed.terms.ship_within)
    await moving.resolve(handle, "move", "pick_missed")
    await moving.until(handle, at_warehouse)
    assert moving.provider.called("cancel") == [(moving.reference(placed),)]
    await arrives_from_there(moving, placed)


async def test_a_missed_pick_that_is_picked_meanwhile_answers_itself(moving: MovingWorld) -> None:
    """Nothing moves any more."""
    placed, handle = await moving.accepted()
    await moving.pass_time(handle, 0.8 * placed.terms.ship_within)
    await moving.question(handle, "pick_missed")
    moving.provider.advance(moving.reference(placed), ParcelStatus.PICKED)
    assert (await moving.deliver(handle)).status is OrderStatus.COMPLETED
    assert moving.warehouse.orders == {}
    await moving.balanced(placed)


async def test_where_nothing_else_has_the_units_a_person_is_asked_as_ever(moving: MovingWorld) -> None:
    """The story says why it stays; after a repair it goes from where it is."""
    moving.restocked(("ca-1", "MUG", 10))
    moving.provider.fail_next("submit", OperatorError("shipbob_refused", "not set up"))
    placed, handle = await moving.confirmed()
    await moving.resolve(handle, "retry", "step_failed")
    await moving.until(handle, lambda seen: seen.parcels[0].status is ParcelStatus.ACCEPTED)
    assert "stays" in moving.story(placed)
    assert live(moving) == [moving.reference(placed, generation=2)]
    assert (await moving.deliver(handle, generation=2)).status is OrderStatus.COMPLETED
    await moving.balanced(placed)


async def test_nothing_is_sent_anew_while_a_stop_forbids_it(moving: MovingWorld) -> None:
    """Its provider gives the parcel up, and its region was closed meanwhile: it goes from nowhere, and is undone."""
    placed, handle = await moving.accepted()
    moving.stopped = "orders of region US-NY are stopped until further notice (stop s1)"
    moving.provider.advance(moving.reference(placed), ParcelStatus.EXCEPTION)
    await moving.report(handle, ParcelStatus.EXCEPTION, detail="out of stock")
    result = await moving.result(handle)
    assert (result.status, result.captured) == (OrderStatus.CANCELED, 0)
    assert "stays" in moving.story(placed)
    assert (live(moving), moving.warehouse.orders) == ([], {})
    await moving.balanced(placed)


async def test_a_parcel_moves_only_as_often_as_the_seller_allows(moving: MovingWorld) -> None:
    """Refused there as well: not back again, and a person is asked."""
    moving.provider.fail_next("submit", OperatorError("shipbob_refused", "out of stock there"))
    moving.warehouse.fail_next("submit", OperatorError("refused", "not here either"))
    placed, handle = await moving.confirmed(terms={"moves_at_most": 1})
    view = await moving.until(handle, lambda seen: bool(seen.attention))
    assert view.attention[0].kind == "step_failed"
    assert live(moving) == []
    assert moving.story(placed).count("moved") == 1
    await moving.cancel(handle)
    assert (await moving.result(handle)).status is OrderStatus.CANCELED
    await moving.balanced(placed)

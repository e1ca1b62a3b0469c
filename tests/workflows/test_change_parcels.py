"""Other ways for a parcel: the faster service, another location, another carrier."""

import pytest_asyncio

from ordersaga.domain.errors import OperatorError
from ordersaga.domain.shipping import ShippingService
from ordersaga.domain.statuses import OrderStatus, ParcelStatus
from tests.workflows.changes import change, expedited, moved, refusal, since, with_carrier
from tests.workflows.world import Handle, World
from workflows.messages import OrderView
from workflows.presentation import PROVIDER


@pytest_asyncio.fixture
async def own(world: World) -> World:
    """All stock at warehouses of the seller's own."""
    world.restocked(("nj-1", "MUG", 10), ("ca-1", "MUG", 10), provider="seller_warehouse")
    return world


def labeled(view: OrderView) -> bool:
    """The first parcel has a label."""
    return view.parcels[0].tracking_number is not None


def accepted(view: OrderView) -> bool:
    """The first parcel is at its provider."""
    return view.parcels[0].status is ParcelStatus.ACCEPTED


async def test_expedited_parcel_is_handed_off_by_the_faster_service(world: World) -> None:
    """Taken back, handed off anew; the price stays and nothing is reserved again."""
    placed, handle = await world.accepted()
    mark = len(world.log)
    answer = await change(handle, "expedite", expedited())
    assert (answer.outcome, answer.parcel) == ("done", 0)
    await world.until(handle, accepted)
    assert since(world, mark) == ["shipbob.cancel", "shipbob.submit"]
    services = {given.reference: given.service for given in world.provider.hand_offs.values()}
    assert services == {
        world.reference(placed): ShippingService.STANDARD,
        world.reference(placed, generation=2): ShippingService.EXPEDITED,
    }
    assert (await world.deliver(handle, generation=2)).captured == 1000
    await world.balanced(placed)


async def test_expedited_label(own: World) -> None:
    """Our label is voided and bought again by the faster service."""
    placed, handle = await own.accepted()
    await own.until(handle, labeled)
    assert (await change(handle, "expedite", expedited(1))).outcome == "done"
    await own.until(handle, labeled)
    second = own.reference(placed, generation=2)
    assert own.carrier.requests[second].service is ShippingService.EXPEDITED
    assert own.warehouse.hand_offs[second].service is ShippingService.EXPEDITED
    assert own.carrier.called("void") == [(own.reference(placed),)]
    await own.deliver(handle, generation=2)
    await own.balanced(placed)


async def test_only_the_slow_parcels_are_expedited(world: World) -> None:
    """One parcel is expedited already: only the other is taken back; when both are, there is nothing to ask for."""
    world.restocked(("nj-1", "MUG", 10), ("ca-1", "TEE", 10))
    placed, handle = await world.accepted(("MUG", 1), ("TEE", 1))
    await change(handle, "expedite", expedited(1))
    answer = await change(handle, "expedite", expedited())
    assert answer.message == "parcel 2: goes by the faster service"
    assert [call[0] for call in world.provider.called("cancel")] == [
        world.reference(placed, 1),
        world.reference(placed, 2),
    ]
    assert (
        await refusal(handle, "expedite", expedited())
        == "customer: it is expedited already; move it to a nearer location"
    )
    await world.until(handle, lambda view: all(p.status is ParcelStatus.ACCEPTED for p in view.parcels))
    await world.deliver(handle, 1, 2, generation=2)
    await world.balanced(placed)


async def test_moved_parcel_ships_from_the_other_location(world: World) -> None:
    """Its units are held there, released here; it is handed off anew, and nobody pays twice."""
    placed, handle = await world.accepted(("MUG", 2))
    mark = len(world.log)
    answer = await change(handle, "move_parcel", moved("nj-1"))
    assert (answer.outcome, answer.message) == ("done", "parcel 1: ships from nj-1")
    assert (world.units()["ca-1", "MUG"], world.units()["nj-1", "MUG"]) == ((10, 0), (10, 2))
    await world.until(handle, accepted)
    assert since(world, mark) == ["shipbob.cancel", "stock.replan", "shipbob.submit"]
    assert world.provider.hand_offs[world.reference(placed, generation=2)].location == "nj-1"
    assert (await world.deliver(handle, generation=2)).captured == 2000
    assert (world.units()["ca-1", "MUG"], world.units()["nj-1", "MUG"]) == ((10, 0), (8, 0))
    await world.balanced(placed)


async def test_too_few_units_there_hand_it_off_where_it_was(world: World) -> None:
    """Refused with the reason; the parcel is handed off again at its old location, its hold untouched."""
    world.restocked(("nj-1", "MUG", 10), ("ca-1", "MUG", 1))
    placed, handle = await world.accepted(("MUG", 2))
    answer = await change(handle, "move_parcel", moved("ca-1"))
    told = "ca-1 has not enough units of this parcel; choose another location"
    assert (answer.outcome, answer.message) == ("refused", told)
    assert (world.units()["nj-1", "MUG"], world.units()["ca-1", "MUG"]) == ((10, 2), (1, 0))
    await world.until(handle, accepted)
    assert world.provider.hand_offs[world.reference(placed, generation=2)].location == "nj-1"
    assert (await world.deliver(handle, generation=2)).captured == 2000
    await world.balanced(placed)


async def _to_other_company(world: World, handle: Handle) -> None:
    assert (await change(handle, "move_parcel", moved("nj-1", "shipbob"))).outcome == "done"
    await world.until(handle, accepted)


async def test_from_the_own_warehouse_to_a_provider_and_back(own: World) -> None:
    """Who buys the label follows: ours is voided, the provider needs none, back home a new one is bought."""
    placed, handle = await own.accepted()
    await own.until(handle, labeled)
    await _to_other_company(own, handle)
    view = await own.until(handle, lambda seen: not labeled(seen))
    assert (view.parcels[0].plan.provider, len(own.carrier.labels)) == ("shipbob", 1)
    assert (await handle.describe()).typed_search_attributes.get(PROVIDER) == ["shipbob"]
    assert await refusal(handle, "change_carrier", with_carrier()) == (
        "customer: shipbob books its own carrier; expedite the parcel, or move it elsewhere"
    )
    assert (await change(handle, "move_parcel", moved("ca-1", "seller_warehouse"))).outcome == "done"
    await own.until(handle, labeled)
    third = own.reference(placed, generation=3)
    assert list(own.provider.orders) == [own.reference(placed, generation=2)]
    assert (third in own.warehouse.orders, own.carrier.labels[third].voided) == (True, False)
    assert (await own.deliver(handle, generation=3)).status is OrderStatus.COMPLETED
    await own.balanced(placed)


async def test_moving_where_it_is_or_what_is_not_there(world: World) -> None:
    """Each refusal names the field and what would do."""
    _, handle = await world.accepted()
    refusals = [
        await refusal(handle, "move_parcel", asked) for asked in (moved("ca-1"), moved(parcel=7), moved(parcel=0))
    ]
    assert refusals == [
        "customer: location: the parcel ships from ca-1 already; name another one",
        "customer: parcel: the order has no parcel 7; it has 1",
        "customer: parcel: the change is of one parcel; say which one",
    ]
    assert world.provider.called("cancel") == []


async def test_label_of_the_wanted_carrier(own: World) -> None:
    """The old label is voided, the new one is the wanted carrier's, and asking again is refused."""
    placed, handle = await own.accepted()
    await own.until(handle, labeled)
    assert (await change(handle, "change_carrier", with_carrier("ups"))).outcome == "done"
    view = await own.until(handle, labeled)
    assert view.parcels[0].carrier == "ups"
    assert own.carrier.labels[own.reference(placed)].voided
    assert own.carrier.requests[own.reference(placed, generation=2)].carrier == "ups"
    told = await refusal(handle, "change_carrier", with_carrier("ups"))
    assert told == "customer: carrier: ups has the parcel's label already; name another one"
    await own.deliver(handle, generation=2)
    await own.balanced(placed)


async def test_moving_answers_the_parked_hand_off(world: World) -> None:
    """A provider refuses us: the question closes by itself once the parcel moves elsewhere."""
    world.restocked(("nj-1", "MUG", 10), ("ca-1", "MUG", 10))
    world.provider.fail_next("submit", OperatorError("bad_credentials", "token expired"))
    placed, handle = await world.confirmed()
    await world.question(handle, "step_failed")
    assert (await change(handle, "move_parcel", moved("nj-1"))).outcome == "done"
    await world.until(handle, accepted)
    assert [item.resolved for item in world.memory.attention.values()] == ["settled"]
    assert [given.location for given in world.provider.hand_offs.values()] == ["nj-1"]
    (reference,) = world.provider.orders
    generation = int(reference.rsplit("-", 1)[1])
    assert (await world.deliver(handle, generation=generation)).captured == 1000
    await world.balanced(placed)

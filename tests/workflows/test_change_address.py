"""Another address: before hand-off, at a provider that takes it, and by taking the parcel back."""

import asyncio
from datetime import timedelta

import pytest
import pytest_asyncio

from ordersaga.domain.errors import CustomerError, OperatorError, RetryError
from ordersaga.domain.journal import ParcelAddress
from ordersaga.domain.orders import Order
from ordersaga.domain.shipping import CancelDecision
from ordersaga.domain.statuses import OrderStatus, ParcelStatus
from tests.workflows.changes import BOSTON, change, expedited, refusal, since, to_boston
from tests.workflows.world import Handle, World, stalled
from workflows.foretelling import Foretold, PreviewRequest
from workflows.presentation import REGION


@pytest_asyncio.fixture
async def own(world: World) -> World:
    """All stock at warehouses of the seller's own."""
    world.restocked(("nj-1", "MUG", 10), provider="seller_warehouse")
    return world


async def test_before_hand_off_the_parcel_simply_goes_elsewhere(world: World) -> None:
    """A held order: nobody outside is asked, the one hand-off names the new address, lists and searches follow."""
    placed = world.order(terms={"hand_off_delay": timedelta(hours=1)})
    _, handle = await world.checkout(placed)
    mark = len(world.log)
    answer = await change(handle, "change_address", to_boston())
    told = "parcel 1: goes to the other address; whoever ships it must accept it, a refusal is asked about"
    assert (answer.outcome, answer.message) == ("done", told)
    assert since(world, mark) == []
    assert world.journal.updates[-1].ship_to == BOSTON
    assert world.memory.orders[placed.order_id].order.ship_to == BOSTON
    await world.pass_time(handle, placed.terms.hand_off_delay)
    await world.until(handle, lambda view: view.parcels[0].status is ParcelStatus.ACCEPTED)
    assert [given.ship_to for given in world.provider.hand_offs.values()] == [BOSTON]
    assert (await handle.describe()).typed_search_attributes.get(REGION) == "US-MA"
    assert (await world.deliver(handle)).captured == 1000
    await world.balanced(placed)


async def test_provider_that_takes_it_keeps_the_parcel(world: World) -> None:
    """Told once; the parcel is not taken back and its generation stays."""
    placed, handle = await world.accepted()
    mark = len(world.log)
    answer = await change(handle, "change_address", to_boston())
    assert (answer.outcome, since(world, mark)) == ("done", ["shipbob.update_address"])
    assert world.provider.hand_offs[world.reference(placed)].ship_to == BOSTON
    assert (await handle.describe()).typed_search_attributes.get(REGION) == "US-MA"
    assert (await world.deliver(handle)).status is OrderStatus.COMPLETED
    assert list(world.provider.orders) == [world.reference(placed)]
    await world.balanced(placed)


async def test_back_to_the_first_address(world: World) -> None:
    """Two changes one after the other: the provider hears both, the last one holds."""
    placed, handle = await world.accepted()
    await change(handle, "change_address", to_boston())
    answer = await change(handle, "change_address", to_boston(ship_to=placed.ship_to))
    assert answer.outcome == "done"
    assert [call[1] for call in world.provider.called("update_address")] == [BOSTON, placed.ship_to]
    assert world.provider.hand_offs[world.reference(placed)].ship_to == placed.ship_to
    await world.deliver(handle)
    await world.balanced(placed)


@pytest.mark.parametrize(
    ("choice", "ends_as", "captured"),
    [("ship_to_former", OrderStatus.COMPLETED, 1000), ("cancel", OrderStatus.CANCELED, 0)],
)
async def test_an_address_that_nobody_ships_to_loses_no_order(
    world: World, choice: str, ends_as: OrderStatus, captured: int
) -> None:
    """A typo: the provider refuses it twice, a person is asked; the former address still stands."""
    world.provider.address_until = None
    placed, handle = await world.accepted()
    world.provider.fail_next("submit", CustomerError("address_refused", "no such postal code"))
    assert (await change(handle, "change_address", to_boston())).outcome == "done"
    await world.question(handle, "address_refused")
    assert world.payments.called("void") == []
    await world.resolve(handle, choice)
    if choice == "ship_to_former":
        await world.until(handle, lambda view: view.parcels[0].status is ParcelStatus.ACCEPTED)
        third = world.reference(placed, generation=3)
        assert world.provider.hand_offs[third].ship_to == placed.ship_to
        await world.arrive(handle, 1, 3)
    result = await world.result(handle)
    assert (result.status, result.captured) == (ends_as, captured)
    await world.balanced(placed)


async def test_each_of_several_parcels_has_the_former_address_to_go_back_to(world: World) -> None:
    """The first one's change makes the new address the order's: it is not what the second goes back to."""
    world.restocked(("nj-1", "MUG", 10), ("ca-1", "TEE", 10))
    world.provider.address_until = None
    placed, handle = await world.accepted(("MUG", 1), ("TEE", 1))
    for _ in range(2):
        world.provider.fail_next("submit", CustomerError("address_refused", "no such postal code"))
    assert (await change(handle, "change_address", to_boston())).outcome == "done"
    await world.until(handle, lambda view: len(view.attention) == 2)
    for _ in range(2):
        await world.resolve(handle, "ship_to_former", "address_refused")
    await world.until(handle, lambda view: all(each.status is ParcelStatus.ACCEPTED for each in view.parcels))
    third = [world.provider.hand_offs[world.reference(placed, parcel, generation=3)] for parcel in (1, 2)]
    assert [given.ship_to for given in third] == [placed.ship_to] * 2
    await world.arrive(handle, 1, 3)
    await world.arrive(handle, 2, 3)
    assert (await world.result(handle)).status is OrderStatus.COMPLETED
    await world.balanced(placed)


async def test_one_of_several_parcels_goes_back_alone(world: World) -> None:
    """A person is asked about the one that is refused; the other goes to the new address, handed off anew as well."""
    world.restocked(("nj-1", "MUG", 10), ("ca-1", "TEE", 10))
    world.provider.address_until = None
    placed, handle = await world.accepted(("MUG", 1), ("TEE", 1))
    world.provider.fail_next("submit", CustomerError("address_refused", "no such postal code"))
    assert (await change(handle, "change_address", to_boston())).outcome == "done"
    view = await world.until(handle, lambda seen: bool(seen.attention))
    refused = view.attention[0].parcel
    other = 3 - refused
    submits = len(world.provider.called("submit"))
    async with stalled(world.provider, "submit") as begun:
        await world.resolve(handle, "ship_to_former", "address_refused")
        await begun.wait()
        told = world.journal.updates[-1]
        assert told.elsewhere == (ParcelAddress(parcel=refused, ship_to=placed.ship_to),), "before it is handed off"
        assert len(world.provider.called("submit")) == submits
    await world.until(handle, lambda seen: all(each.status is ParcelStatus.ACCEPTED for each in seen.parcels))
    assert f"Parcel {refused} goes to US-NY" in await handle.query("explain")
    assert (await change(handle, "expedite", expedited(other))).outcome == "done"
    await world.until(handle, lambda seen: seen.parcels[other - 1].status is ParcelStatus.ACCEPTED)
    goes = {parcel: world.provider.hand_offs[world.reference(placed, parcel, generation=3)] for parcel in (1, 2)}
    assert (goes[refused].ship_to, goes[other].ship_to) == (placed.ship_to, BOSTON)
    assert (await handle.describe()).typed_search_attributes.get(REGION) == "US-MA"
    await world.arrive(handle, 1, 3)
    await world.arrive(handle, 2, 3)
    assert (await world.result(handle)).status is OrderStatus.COMPLETED
    await world.balanced(placed)


async def test_one_of_several_parcels_is_kept_by_its_provider(world: World) -> None:
    """The answer names it, and a person is asked about it; the other one goes to the new address."""
    world.restocked(("nj-1", "MUG", 10), ("ca-1", "TEE", 10))
    placed, handle = await world.accepted(("MUG", 1), ("TEE", 1))
    world.provider.advance(world.reference(placed), ParcelStatus.PICKED)
    answer = await change(handle, "change_address", to_boston())
    assert answer.outcome == "partly_done"
    assert "parcel 2: goes to the other address" in answer.message
    assert "parcel 1: shipbob could not give the parcel back: it ships as it is" in answer.message
    view = await world.until(handle, lambda seen: bool(seen.attention))
    assert [(item.parcel, item.kind, item.choices) for item in view.attention] == [(1, "address_kept", ("noted",))]
    assert {call[0] for call in world.provider.called("update_address")} == {
        world.reference(placed, parcel) for parcel in (1, 2)
    }
    await world.resolve(handle, "noted", "address_kept")
    assert (await world.deliver(handle, 1, 2)).status is OrderStatus.COMPLETED
    await world.balanced(placed)


async def kept(world: World) -> tuple[Order, Handle]:
    """The first of two parcels is kept by its provider, and goes to the former address; a person is asked about it."""
    world.restocked(("nj-1", "MUG", 10), ("ca-1", "TEE", 10))
    placed, handle = await world.accepted(("MUG", 1), ("TEE", 1))
    world.provider.advance(world.reference(placed), ParcelStatus.PICKED)
    assert (await change(handle, "change_address", to_boston())).outcome == "partly_done"
    await world.question(handle, "address_kept")
    return placed, handle


async def test_a_kept_parcel_that_arrived_needs_nobody(world: World) -> None:
    """Both are delivered: the question is settled, and the order ends."""
    placed, handle = await kept(world)
    assert (await world.deliver(handle, 1, 2)).status is OrderStatus.COMPLETED
    assert "decision" in world.story(placed)
    await world.balanced(placed)


async def test_a_kept_parcel_that_is_canceled_needs_nobody(world: World) -> None:
    """Its provider stops it after all: it goes nowhere."""
    placed, handle = await kept(world)
    world.provider.advance(world.reference(placed), ParcelStatus.CANCELED)
    await world.report(handle, ParcelStatus.CANCELED)
    await world.until(handle, lambda view: view.parcels[0].status is ParcelStatus.CANCELED and not view.attention)
    assert (await world.deliver(handle, 2)).captured == 1000
    await world.balanced(placed)


async def test_a_kept_parcel_that_goes_to_the_new_address_after_all_needs_nobody(world: World) -> None:
    """Asked for twice at once: the provider takes at the second time what it refused at the first."""
    world.restocked(("nj-1", "MUG", 10), ("ca-1", "TEE", 10))
    placed, handle = await world.accepted(("MUG", 1), ("TEE", 1))
    world.provider.fail_next("update_address", OperatorError("bad_request", "not now"))
    world.provider.answer_cancel_next(CancelDecision.REFUSED)
    async with stalled(world.provider, "cancel") as reached:
        first = asyncio.ensure_future(change(handle, "change_address", to_boston()))
        await asyncio.wait_for(reached.wait(), 10)
        second = asyncio.ensure_future(change(handle, "change_address", to_boston()))
        await asyncio.sleep(0.5)
    assert ((await first).outcome, (await second).outcome) == ("partly_done", "done")
    await world.until(handle, lambda view: not view.attention)
    assert [world.provider.hand_offs[world.reference(placed, parcel)].ship_to for parcel in (1, 2)] == [BOSTON] * 2
    assert (await world.deliver(handle, 1, 2)).status is OrderStatus.COMPLETED
    await world.balanced(placed)


async def test_asked_again_for_what_some_parcels_are_too_late_for_names_them(world: World) -> None:
    """The others go there already: another address is no remedy, and a preview says the same."""
    _, handle = await kept(world)
    told = await refusal(handle, "change_address", to_boston())
    late = "too late: parcel 1 does not go there, and can no longer be stopped; offer a return once it is delivered"
    assert told == f"customer: {late}"
    foretold = await handle.query("preview_change", PreviewRequest(address=to_boston()), result_type=Foretold)
    assert (foretold.outcome, foretold.effects) == ("refused", (late,))
    await world.deliver(handle, 1, 2)


async def test_an_address_corrected_once_more_answers_the_question(world: World) -> None:
    """Another change while the question is open: nobody needs to choose."""
    world.provider.address_until = None
    placed, handle = await world.accepted()
    world.provider.fail_next("submit", CustomerError("address_refused", "no such postal code"))
    await change(handle, "change_address", to_boston())
    await world.question(handle, "address_refused")
    right = BOSTON.model_copy(update={"postal_code": "02109"})
    assert (await change(handle, "change_address", to_boston(ship_to=right))).outcome == "done"
    await world.until(handle, lambda view: view.parcels[0].status is ParcelStatus.ACCEPTED)
    assert world.provider.hand_offs[world.reference(placed, generation=3)].ship_to == right
    await world.arrive(handle, 1, 3)
    assert (await world.result(handle)).captured == 1000
    await world.balanced(placed)


async def test_provider_that_refuses_gives_the_parcel_back(world: World) -> None:
    """Withdrawn, then handed off anew as generation 2 with the new address; stock and money do not move."""
    world.provider.address_until = None
    placed, handle = await world.accepted()
    mark = len(world.log)
    assert (await change(handle, "change_address", to_boston())).outcome == "done"
    await world.until(handle, lambda view: view.parcels[0].status is ParcelStatus.ACCEPTED)
    assert since(world, mark) == ["shipbob.update_address", "shipbob.cancel", "shipbob.submit"]
    second = world.reference(placed, generation=2)
    assert world.provider.hand_offs[second].ship_to == BOSTON
    assert world.provider.orders[world.reference(placed)].status is ParcelStatus.CANCELED
    assert (await world.deliver(handle, generation=2)).captured == 1000
    await world.balanced(placed)


async def test_provider_that_takes_no_address_is_not_asked(world: World) -> None:
    """Its capability says so: the parcel is taken back at once, and handed off anew."""
    world.provider.is_able(changes_address=False)
    placed, handle = await world.accepted()
    foretold = await handle.query("preview_change", PreviewRequest(address=to_boston()), result_type=Foretold)
    assert "taken back from shipbob" in foretold.effects[0]
    assert (await change(handle, "change_address", to_boston())).outcome == "done"
    await world.until(handle, lambda view: view.parcels[0].status is ParcelStatus.ACCEPTED)
    assert world.provider.called("update_address") == []
    assert world.provider.hand_offs[world.reference(placed, generation=2)].ship_to == BOSTON
    await world.deliver(handle, generation=2)
    await world.balanced(placed)


async def test_own_warehouse_buys_a_new_label(own: World) -> None:
    """Ticket and label of the first generation are given back; both are made anew with the new address."""
    placed, handle = await own.accepted()
    await own.until(handle, lambda view: view.parcels[0].tracking_number is not None)
    mark = len(own.log)
    assert (await change(handle, "change_address", to_boston())).outcome == "done"
    await own.until(handle, lambda view: view.parcels[0].tracking_number == "1Z000002")
    asked = [call for call in since(own, mark, "warehouse", "carrier") if "inquire" not in call]
    assert asked == ["warehouse.cancel", "carrier.void", "warehouse.submit", "carrier.book"]
    first, second = own.reference(placed), own.reference(placed, generation=2)
    assert (own.carrier.labels[first].voided, own.carrier.labels[second].voided) == (True, False)
    assert own.carrier.requests[second].ship_to == BOSTON
    assert (await own.deliver(handle, generation=2)).captured == 1000
    await own.balanced(placed)


async def test_after_the_scan_it_is_refused_with_what_can_be_done(world: World) -> None:
    """Nothing is asked of anybody and nothing is recorded."""
    placed, handle = await world.accepted()
    await world.report(handle, ParcelStatus.IN_TRANSIT)
    await world.until(handle, lambda view: view.parcels[0].captured > 0)
    mark = len(world.log)
    told = await refusal(handle, "change_address", to_boston())
    assert told == (
        "customer: too late: the parcel has left, or can no longer be stopped; offer a return once it is delivered"
    )
    assert since(world, mark) == []
    assert "change_requested" not in world.story(placed)
    await world.report(handle, ParcelStatus.DELIVERED)
    await world.result(handle)
    await world.balanced(placed)


async def test_provider_that_keeps_the_parcel_ships_it_to_the_old_address(world: World) -> None:
    """It refuses address and withdrawal: refused with the reason, then shipped and paid as it was."""
    placed, handle = await world.accepted()
    world.provider.advance(world.reference(placed), ParcelStatus.PICKED)
    answer = await change(handle, "change_address", to_boston())
    assert (answer.outcome, answer.message) == (
        "refused",
        "shipbob could not give the parcel back: it ships as it is; offer a return",
    )
    assert all(update.ship_to is None for update in world.journal.updates)
    assert (await handle.describe()).typed_search_attributes.get(REGION) == "US-NY"
    result = await world.deliver(handle)
    assert (result.status, result.captured) == (OrderStatus.COMPLETED, 1000)
    assert (list(world.provider.orders), world.payments.called("void")) == ([world.reference(placed)], [])
    await world.balanced(placed)


async def test_address_the_provider_already_took_before_it_fell_silent(world: World) -> None:
    """The answer is lost: it is asked again, and the same address twice is one change."""
    placed, handle = await world.accepted()
    world.provider.fail_next("update_address", RetryError("timeout", "no answer", unknown=True), after_doing=True)
    assert (await change(handle, "change_address", to_boston())).outcome == "done"
    assert len(world.provider.called("update_address")) == 2
    assert world.provider.called("cancel") == []
    await world.deliver(handle)
    await world.balanced(placed)


async def test_address_nobody_answers_for_takes_the_parcel_back(world: World) -> None:
    """The provider refuses us the question itself: the parcel is taken back and handed off anew."""
    placed, handle = await world.accepted()
    world.provider.fail_next("update_address", OperatorError("bad_request", "not enabled"))
    assert (await change(handle, "change_address", to_boston())).outcome == "done"
    await world.until(handle, lambda view: view.parcels[0].status is ParcelStatus.ACCEPTED)
    assert world.provider.hand_offs[world.reference(placed, generation=2)].ship_to == BOSTON
    await world.deliver(handle, generation=2)
    await world.balanced(placed)


async def test_each_parcel_goes_its_own_way_to_the_new_address(world: World) -> None:
    """One parcel left, the other changes its address: only the second is asked about."""
    world.restocked(("nj-1", "MUG", 10), ("ca-1", "TEE", 10))
    placed, handle = await world.accepted(("MUG", 1), ("TEE", 1))
    await world.report(handle, ParcelStatus.IN_TRANSIT, parcel=1)
    await world.until(handle, lambda view: view.parcels[0].captured > 0)
    answer = await change(handle, "change_address", to_boston())
    assert (answer.outcome, answer.message) == ("done", "parcel 2: goes to the other address")
    assert [call[0] for call in world.provider.called("update_address")] == [world.reference(placed, 2)]
    await world.report(handle, ParcelStatus.DELIVERED, parcel=1)
    assert (await world.deliver(handle, 2)).captured == 2000
    await world.balanced(placed)


async def test_same_address_is_no_change(world: World) -> None:
    """Refused at the door, naming the field."""
    placed, handle = await world.accepted()
    told = await refusal(handle, "change_address", to_boston(ship_to=placed.ship_to))
    assert told == "customer: ship_to: the order goes there already; name another address"


@pytest.mark.parametrize("times", [1, 2])
async def test_request_asked_again_is_one_change(world: World, times: int) -> None:
    """The same request id: one call at the provider, one entry in the story, the same answer."""
    placed, handle = await world.accepted()
    answers = [await change(handle, "change_address", to_boston(request_id="r1")) for _ in range(times)]
    assert {answer.change_id for answer in answers} == {f"{placed.order_id}-1-c1"}
    assert len(world.provider.called("update_address")) == 1
    assert world.story(placed).count("change_requested") == 1


async def test_what_is_sent_once_more_has_the_lost_ones_address_to_go_back_to(world: World) -> None:
    """The order goes to Boston, the lost parcel went to the former address: what Boston refuses is asked about."""
    world.restocked(("nj-1", "MUG", 10), ("ca-1", "TEE", 10))
    placed, handle = await world.accepted(("MUG", 1), ("TEE", 1))
    world.provider.advance(world.reference(placed), ParcelStatus.PICKED)
    assert (await change(handle, "change_address", to_boston())).outcome == "partly_done"
    await world.resolve(handle, "noted", "address_kept")
    await world.arrive(handle, 2)
    await world.report(handle, ParcelStatus.IN_TRANSIT)
    world.provider.advance(world.reference(placed), ParcelStatus.IN_TRANSIT)
    await world.until(handle, lambda seen: seen.parcels[0].captured > 0)
    world.provider.fail_next("submit", CustomerError("address_refused", "no such postal code"))
    await world.pass_time(handle, timedelta(days=6, hours=1))
    await world.resolve(handle, "reship", "delivery_overdue")
    await world.resolve(handle, "ship_to_former", "address_refused")
    await world.until(handle, lambda seen: seen.parcels[-1].status is ParcelStatus.ACCEPTED)
    assert world.provider.hand_offs[world.reference(placed, 3, generation=2)].ship_to == placed.ship_to
    await world.arrive(handle, 3, 2)
    assert (await world.result(handle)).status is OrderStatus.COMPLETED
    await world.balanced(placed)

"""Contract of the Provider port for a 3PL that books the carrier itself, on the fake and on each company.

What not every company offers is asked of its capabilities, never of its name.
"""

from datetime import timedelta
from typing import Any

import pytest

from ordersaga.domain.errors import RetryError
from ordersaga.domain.orders import LineQuantity
from ordersaga.domain.shipping import AddressDecision, CancelDecision
from ordersaga.domain.statuses import ParcelStatus
from ordersaga.ports import Provider
from tests.contracts.house_amazon import (
    amazon_2020,
    amazon_2020_at_home,
    amazon_2026,
    amazon_2026_at_home,
    amazon_company,
    amazon_emulator,
)
from tests.contracts.house_newegg import newegg, newegg_at_home, newegg_company, newegg_emulator
from tests.contracts.houses import House, fake_house
from tests.gateways.conftest import shipbob, shipbob_company, shipbob_emulator
from tests.gateways.support import address, hand_off, new_order
from tests.support.emulators import EmulatorProcess

__all__ = [
    "amazon_2020",
    "amazon_2020_at_home",
    "amazon_2026",
    "amazon_2026_at_home",
    "amazon_company",
    "amazon_emulator",
    "newegg",
    "newegg_at_home",
    "newegg_company",
    "newegg_emulator",
    "shipbob",
    "shipbob_company",
    "shipbob_emulator",
]

BEARER = {"authorization": "Bearer pat_audit"}


def shipbob_house(provider: Provider, emulator: EmulatorProcess) -> House:
    """The real adapter over HTTP."""
    paths = {"submit": "/order$", "cancel": ":cancel$", "update_address": ":updateAddress$"}

    async def pick(reference: str) -> None:
        await emulator.post("advance", match=reference, to="Picked")

    async def lose_answer(method: str) -> None:
        await emulator.post("faults", kind="lose_answer", path=paths[method], times=1)

    async def cut(reference: str) -> None:
        await emulator.post("scripts", match=reference, cancel="partial")

    async def streets(reference: str) -> list[str]:
        return [each["recipient"]["address"]["address1"] for each in await shipments(emulator, reference)]

    return House("shipbob", provider, pick, lose_answer, streets, cut)


async def shipments(emulator: EmulatorProcess, reference: str) -> list[dict[str, Any]]:
    """What ShipBob made of an order."""
    answer = await emulator.request("GET", f"/2026-01/order?ReferenceIds={reference}", headers=BEARER)
    found: list[dict[str, Any]] = answer.json()[0]["shipments"]
    return found


@pytest.fixture
def shipbob_at_home(shipbob: Provider, shipbob_emulator: EmulatorProcess) -> House:
    """ShipBob."""
    return shipbob_house(shipbob, shipbob_emulator)


@pytest.fixture
def fake_at_home() -> House:
    """The fake."""
    return fake_house()


@pytest.fixture(
    params=["fake_at_home", "shipbob_at_home", "newegg_at_home", "amazon_2020_at_home", "amazon_2026_at_home"]
)
def house(request: pytest.FixtureRequest) -> House:
    """A provider of each kind: the fixture named after its house."""
    found: House = request.getfixturevalue(request.param)
    return found


def offered(capability: bool) -> None:
    """The test is about what some providers offer."""
    if not capability:
        pytest.skip("this provider does not offer it")


def test_capabilities(house: House) -> None:
    """It books the carrier, and names from where it cancels nothing any more."""
    capabilities = house.provider.capabilities
    assert (capabilities.name, capabilities.books_carrier) == (house.name, True)
    assert capabilities.point_of_no_return in (ParcelStatus.PICKED, ParcelStatus.LEFT_WAREHOUSE)


async def test_one_reference_one_order(house: House) -> None:
    """A repeated hand-off gives the same order, which is found by its reference."""
    first = await house.provider.submit(hand_off(order := new_order()))
    assert (first.reference, first.status) == (f"{order}-1-1", ParcelStatus.ACCEPTED)
    assert await house.provider.submit(hand_off(order)) == first
    assert await house.provider.inquire(first.reference) == first


async def test_nothing_is_known_of_a_parcel_never_handed_over(house: House) -> None:
    """Inquiring finds nothing; a cancellation, only asked for what was handed over, finds a contradiction."""
    reference = f"{new_order()}-1-1"
    assert await house.provider.inquire(reference) is None
    with pytest.raises(RetryError) as caught:
        await house.provider.cancel(reference)
    assert caught.value.unknown is True


async def test_cancel_before_the_point_of_no_return(house: House) -> None:
    """A parcel before it is canceled; asking again says the same, and handing over again wakes nothing."""
    submitted = await house.provider.submit(hand_off(order := new_order()))
    assert await house.canceled(submitted.reference) is CancelDecision.CANCELED
    assert await house.provider.cancel(submitted.reference) is CancelDecision.CANCELED
    assert (await house.provider.submit(hand_off(order))).status is ParcelStatus.CANCELED


async def test_cancel_from_the_point_of_no_return(house: House) -> None:
    """A parcel beyond it is not canceled, and goes on."""
    submitted = await house.provider.submit(hand_off(new_order()))
    await house.pick(submitted.reference)
    assert await house.provider.cancel(submitted.reference) is CancelDecision.REFUSED
    standing = await house.provider.inquire(submitted.reference)
    assert standing is not None
    assert standing.status is house.provider.capabilities.point_of_no_return


async def test_a_lost_answer_is_found_and_not_repeated(house: House) -> None:
    """After a lost answer the provider tells what happened, and a repeat changes nothing."""
    order = new_order()
    await house.lose_answer("submit")
    with pytest.raises(RetryError) as caught:
        await house.provider.submit(hand_off(order))
    assert caught.value.unknown is True
    found = await house.provider.inquire(f"{order}-1-1")
    assert found is not None
    assert await house.provider.submit(hand_off(order)) == found
    await house.lose_answer("cancel")
    with pytest.raises(RetryError):
        await house.provider.cancel(found.reference)
    await house.decide(found.reference)
    canceled = await house.provider.inquire(found.reference)
    assert canceled is not None
    assert canceled.status is ParcelStatus.CANCELED


async def test_changes_show_what_moved(house: House) -> None:
    """The poller sees a parcel that moved, as it stands now."""
    submitted = await house.provider.submit(hand_off(new_order()))
    await house.pick(submitted.reference)
    changed = await house.provider.changes_since(hand_off("x").ship_by - timedelta(days=3000))
    moved = {order.reference: order.status for order in changed}[submitted.reference]
    assert moved is house.provider.capabilities.point_of_no_return


async def test_units_canceled_apart_are_told(house: House) -> None:
    """Part of a parcel is canceled: the cancellation is refused, for goods leave, and the units are named."""
    offered(house.provider.capabilities.cancels_parts)
    order = new_order()
    await house.cut(f"{order}-1-1")
    submitted = await house.provider.submit(hand_off(order))
    assert (submitted.partially_canceled, submitted.canceled_lines) == (False, ())
    assert await house.provider.cancel(submitted.reference) is CancelDecision.REFUSED
    standing = await house.provider.inquire(submitted.reference)
    assert standing is not None
    assert (standing.status, standing.partially_canceled) == (ParcelStatus.ACCEPTED, True)
    assert standing.canceled_lines == (LineQuantity(sku="SKU-A", quantity=2),)
    changed = await house.provider.changes_since(hand_off("x").ship_by - timedelta(days=3000))
    assert {each.reference: each.canceled_lines for each in changed}[submitted.reference] == standing.canceled_lines


async def test_a_parcel_canceled_whole_names_no_units(house: House) -> None:
    """All of them are meant."""
    submitted = await house.provider.submit(hand_off(new_order()))
    await house.canceled(submitted.reference)
    standing = await house.provider.inquire(submitted.reference)
    assert standing is not None
    assert (standing.status, standing.partially_canceled, standing.canceled_lines) == (ParcelStatus.CANCELED, False, ())


async def test_another_address_until_it_is_picked(house: House) -> None:
    """Taken, and taken again without harm; afterwards refused, but for the address it has."""
    offered(house.provider.capabilities.changes_address)
    submitted = await house.provider.submit(hand_off(new_order()))
    second, third = address(line1="2 Side St"), address(line1="3 Other St")
    for _ in range(2):
        assert await house.provider.update_address(submitted.reference, second) is AddressDecision.UPDATED
    assert await house.streets(submitted.reference) == ["2 Side St"]
    await house.pick(submitted.reference)
    assert await house.provider.update_address(submitted.reference, third) is AddressDecision.REFUSED
    assert await house.provider.update_address(submitted.reference, second) is AddressDecision.UPDATED
    assert await house.streets(submitted.reference) == ["2 Side St"]


async def test_a_lost_answer_to_an_address_is_asked_again(house: House) -> None:
    """Unknown; the repeat finds the address there and changes nothing more."""
    offered(house.provider.capabilities.changes_address)
    submitted = await house.provider.submit(hand_off(new_order()))
    await house.lose_answer("update_address")
    with pytest.raises(RetryError) as caught:
        await house.provider.update_address(submitted.reference, address(line1="2 Side St"))
    assert caught.value.unknown is True
    assert await house.streets(submitted.reference) == ["2 Side St"]
    decision = await house.provider.update_address(submitted.reference, address(line1="2 Side St"))
    assert decision is AddressDecision.UPDATED


async def test_no_address_for_what_is_canceled_or_unknown(house: House) -> None:
    """REFUSED where nothing ships; a contradiction where nothing was handed over."""
    offered(house.provider.capabilities.changes_address)
    submitted = await house.provider.submit(hand_off(new_order()))
    await house.canceled(submitted.reference)
    moved = address(line1="2 Side St")
    assert await house.provider.update_address(submitted.reference, moved) is AddressDecision.REFUSED
    with pytest.raises(RetryError) as caught:
        await house.provider.update_address(f"{new_order()}-1-1", moved)
    assert caught.value.unknown is True


async def test_where_no_other_address_is_offered_none_is_taken(house: House) -> None:
    """NOT_OFFERED, and the parcel goes where it was handed over to go."""
    offered(not house.provider.capabilities.changes_address)
    submitted = await house.provider.submit(hand_off(new_order()))
    decision = await house.provider.update_address(submitted.reference, address(line1="2 Side St"))
    assert decision is AddressDecision.NOT_OFFERED
    assert await house.streets(submitted.reference) == ["1 Main St"]

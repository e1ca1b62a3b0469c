"""Contract of the Provider port for a 3PL that books the carrier itself, on the fake and on ShipBob."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from ordersaga.domain.errors import RetryError
from ordersaga.domain.orders import LineQuantity
from ordersaga.domain.shipping import AddressDecision, CancelDecision
from ordersaga.domain.statuses import ParcelStatus
from ordersaga.ports import Provider
from tests.fakes.shipping import FakeProvider
from tests.gateways.conftest import shipbob, shipbob_company, shipbob_emulator
from tests.gateways.support import address, hand_off, new_order
from tests.support.emulators import EmulatorProcess

__all__ = ["shipbob", "shipbob_company", "shipbob_emulator"]

BEARER = {"authorization": "Bearer pat_audit"}


@dataclass(frozen=True)
class House:
    """A provider, and the hands that move its parcels, lose its answers, and cancel part of a parcel.

    `streets`: where the shipments of a parcel go. `cut` parcels are canceled in part when the order is canceled; the
    first shipment holds SKU-A.
    """

    provider: Provider
    pick: Callable[[str], Awaitable[object]]
    lose_answer: Callable[[str], Awaitable[object]]
    cut: Callable[[str], Awaitable[object]]
    streets: Callable[[str], Awaitable[list[str]]]


def fake_house() -> House:
    """In memory."""
    fake = FakeProvider(books_carrier=True)

    async def pick(reference: str) -> None:
        fake.advance(reference, ParcelStatus.PICKED)

    async def lose_answer(method: str) -> None:
        fake.fail_next(method, RetryError("no_answer", "lost", unknown=True), after_doing=True)

    async def cut(reference: str) -> None:
        gone = (LineQuantity(sku="SKU-A", quantity=2),)
        fake.cancel_part_next(gone)

    async def streets(reference: str) -> list[str]:
        return [fake.hand_offs[reference].ship_to.line1]

    return House(fake, pick, lose_answer, cut, streets)


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

    return House(provider, pick, lose_answer, cut, streets)


async def shipments(emulator: EmulatorProcess, reference: str) -> list[dict[str, Any]]:
    """What ShipBob made of an order."""
    answer = await emulator.request("GET", f"/2026-01/order?ReferenceIds={reference}", headers=BEARER)
    found: list[dict[str, Any]] = answer.json()[0]["shipments"]
    return found


@pytest.fixture(params=["fake", "shipbob"])
def house(request: pytest.FixtureRequest) -> House:
    """A provider of each kind."""
    if request.param == "fake":
        return fake_house()
    return shipbob_house(request.getfixturevalue("shipbob"), request.getfixturevalue("shipbob_emulator"))


def test_capabilities(house: House) -> None:
    """It books the carrier, and cancels nothing once it is picked."""
    capabilities = house.provider.capabilities
    assert (capabilities.name, capabilities.books_carrier) == ("shipbob", True)
    assert capabilities.point_of_no_return is ParcelStatus.PICKED


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
    """A parcel not picked is canceled; asking again says the same, and handing over again wakes nothing."""
    submitted = await house.provider.submit(hand_off(order := new_order()))
    assert await house.provider.cancel(submitted.reference) is CancelDecision.CANCELED
    assert await house.provider.cancel(submitted.reference) is CancelDecision.CANCELED
    assert (await house.provider.submit(hand_off(order))).status is ParcelStatus.CANCELED


async def test_cancel_from_the_point_of_no_return(house: House) -> None:
    """A picked parcel is not canceled, and goes on."""
    submitted = await house.provider.submit(hand_off(new_order()))
    await house.pick(submitted.reference)
    assert await house.provider.cancel(submitted.reference) is CancelDecision.REFUSED
    standing = await house.provider.inquire(submitted.reference)
    assert standing is not None
    assert standing.status is ParcelStatus.PICKED


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
    canceled = await house.provider.inquire(found.reference)
    assert canceled is not None
    assert canceled.status is ParcelStatus.CANCELED


async def test_changes_show_what_moved(house: House) -> None:
    """The poller sees a parcel that moved, as it stands now."""
    submitted = await house.provider.submit(hand_off(new_order()))
    await house.pick(submitted.reference)
    changed = await house.provider.changes_since(hand_off("x").ship_by - timedelta(days=3000))
    assert {order.reference: order.status for order in changed}[submitted.reference] is ParcelStatus.PICKED


async def test_units_canceled_apart_are_told(house: House) -> None:
    """Part of a parcel is canceled: the cancellation is refused, for goods leave, and the units are named."""
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
    await house.provider.cancel(submitted.reference)
    standing = await house.provider.inquire(submitted.reference)
    assert standing is not None
    assert (standing.status, standing.partially_canceled, standing.canceled_lines) == (ParcelStatus.CANCELED, False, ())


async def test_another_address_until_it_is_picked(house: House) -> None:
    """Taken, and taken again without harm; afterwards refused, but for the address it has."""
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
    submitted = await house.provider.submit(hand_off(new_order()))
    await house.provider.cancel(submitted.reference)
    moved = address(line1="2 Side St")
    assert await house.provider.update_address(submitted.reference, moved) is AddressDecision.REFUSED
    with pytest.raises(RetryError) as caught:
        await house.provider.update_address(f"{new_order()}-1-1", moved)
    assert caught.value.unknown is True

"""Contract of the ReservingProvider port, on the fake and on Amazon."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest

from ordersaga.domain.errors import OperatorError, RetryError
from ordersaga.domain.orders import OrderLine
from ordersaga.domain.shipping import CancelDecision, HandOff, ProviderOrder
from ordersaga.domain.statuses import ParcelStatus
from ordersaga.gateways.amazon_mcf.provider import AmazonMcf
from ordersaga.ports import ReservingProvider
from tests.contracts.house_amazon import (
    amazon_2020,
    amazon_2026,
    amazon_company,
    amazon_emulator,
    amazon_house,
)
from tests.contracts.houses import House, fake_house
from tests.fakes.shipping import FakeProvider
from tests.gateways.support import hand_off, new_order
from tests.support.emulators import EmulatorProcess

__all__ = ["amazon_2020", "amazon_2026", "amazon_company", "amazon_emulator"]


@dataclass(frozen=True)
class Storehouse:
    """A provider that reserves, its house, and the hand that counts its units."""

    provider: ReservingProvider
    house: House
    count: Callable[[str, int], Awaitable[object]]


@pytest.fixture
def fake_storehouse() -> Storehouse:
    """In memory."""
    fake = FakeProvider("storehouse", books_carrier=True, reserves=True)

    async def count(sku: str, on_hand: int) -> None:
        fake.count(sku, on_hand)

    return Storehouse(fake, fake_house(fake), count)


@pytest.fixture
def amazon_2020_storehouse(amazon_2020: AmazonMcf, amazon_emulator: EmulatorProcess) -> Storehouse:
    """Amazon, synchronous."""
    return amazon_storehouse(amazon_2020, amazon_emulator)


@pytest.fixture
def amazon_2026_storehouse(amazon_2026: AmazonMcf, amazon_emulator: EmulatorProcess) -> Storehouse:
    """Amazon, asynchronous."""
    return amazon_storehouse(amazon_2026, amazon_emulator)


def amazon_storehouse(provider: AmazonMcf, emulator: EmulatorProcess) -> Storehouse:
    """The real adapter over HTTP."""

    async def count(sku: str, on_hand: int) -> None:
        await emulator.post("inventory", sku=sku, on_hand=on_hand)

    return Storehouse(provider, amazon_house(provider, emulator), count)


@pytest.fixture(params=["fake_storehouse", "amazon_2020_storehouse", "amazon_2026_storehouse"])
def storehouse(request: pytest.FixtureRequest) -> Storehouse:
    """A provider of each kind."""
    found: Storehouse = request.getfixturevalue(request.param)
    return found


def parcel_of(sku: str, quantity: int) -> HandOff:
    """A parcel of one line."""
    return hand_off(new_order(), lines=(OrderLine(sku=sku, quantity=quantity, unit_price=100),))


async def decidedly_reserved(storehouse: Storehouse, parcel: HandOff) -> ProviderOrder:
    """As it stands at once, or once a provider that decides later has decided."""
    await storehouse.provider.reserve(parcel)
    await storehouse.house.decide(parcel.reference)
    return await storehouse.provider.reserve(parcel)


def test_it_says_that_it_reserves(storehouse: Storehouse) -> None:
    """A capability; how long at most is one too, unless it is without end."""
    capabilities = storehouse.provider.capabilities
    assert capabilities.reserves is True
    assert capabilities.reserved_for is None or capabilities.reserved_for > timedelta(days=1)


async def test_what_is_reserved_is_shipped_once_it_is_submitted(storehouse: Storehouse) -> None:
    """PLANNED until then, and one order all the time; reserving again neither repeats nor stops it."""
    parcel = hand_off(new_order())
    reserved = await storehouse.provider.reserve(parcel)
    assert (reserved.reference, reserved.status) == (parcel.reference, ParcelStatus.PLANNED)
    assert await storehouse.provider.reserve(parcel) == reserved
    assert await storehouse.provider.inquire(parcel.reference) == reserved
    submitted = await storehouse.provider.submit(parcel)
    assert (submitted.provider_id, submitted.status) == (reserved.provider_id, ParcelStatus.ACCEPTED)
    assert (await storehouse.provider.reserve(parcel)).status is ParcelStatus.ACCEPTED
    assert (await storehouse.provider.submit(parcel)).status is ParcelStatus.ACCEPTED


async def test_a_reservation_is_let_go(storehouse: Storehouse) -> None:
    """Canceled like any parcel; neither reserving nor submitting wakes it."""
    parcel = hand_off(new_order())
    await storehouse.provider.reserve(parcel)
    assert await storehouse.house.canceled(parcel.reference) is CancelDecision.CANCELED
    assert (await storehouse.provider.reserve(parcel)).status is ParcelStatus.CANCELED
    assert (await storehouse.provider.submit(parcel)).status is ParcelStatus.CANCELED


async def test_too_few_units_are_not_reserved(storehouse: Storehouse) -> None:
    """OperatorError `out_of_stock`, at once or once it has decided; nothing of it ever ships."""
    sku = f"few-{new_order()}"
    await storehouse.count(sku, 2)
    parcel = parcel_of(sku, 3)
    with pytest.raises(OperatorError) as caught:
        await decidedly_reserved(storehouse, parcel)
    assert caught.value.code == "out_of_stock"
    standing = await storehouse.provider.inquire(parcel.reference)
    assert standing is None or standing.status is ParcelStatus.CANCELED


async def test_a_lost_answer_to_a_reservation_is_found(storehouse: Storehouse) -> None:
    """Unknown; inquiring tells, and the repeat finds the same one."""
    parcel = hand_off(new_order())
    await storehouse.house.lose_answer("reserve")
    with pytest.raises(RetryError) as caught:
        await storehouse.provider.reserve(parcel)
    assert caught.value.unknown is True
    found = await storehouse.provider.inquire(parcel.reference)
    assert found is not None
    assert found.status is ParcelStatus.PLANNED
    assert await storehouse.provider.reserve(parcel) == found

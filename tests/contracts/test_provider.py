"""Contract of the Provider port, on the fake and on the warehouse of a seller who packs."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from ordersaga.domain.errors import RetryError
from ordersaga.domain.orders import Address
from ordersaga.domain.shipping import AddressDecision, CancelDecision, HandOff, ShippingService
from ordersaga.domain.statuses import ParcelStatus
from ordersaga.ports import Provider
from ordersaga.stores.pick_tickets import SellerWarehouse
from tests.fakes.samples import EAST, PLACED_AT, SELLER, address, order
from tests.fakes.shipping import FakeProvider

REFERENCE = "o1-1-1"


@dataclass(frozen=True)
class Warehouse:
    """A provider, the hands that move its parcels on, and what it sends where by which service."""

    provider: Provider
    collect: Callable[[str], Awaitable[object]]
    pack: Callable[[str], Awaitable[object]]
    sends: Callable[[str], Awaitable[tuple[Address, ShippingService]]]


@pytest.fixture(params=["fake", "seller_warehouse"])
def warehouse(request: pytest.FixtureRequest) -> Warehouse:
    """A fresh provider of each kind."""
    if request.param == "seller_warehouse":
        return seller_warehouse(SellerWarehouse(request.getfixturevalue("pool")))
    fake = FakeProvider(
        "seller_warehouse", point_of_no_return=ParcelStatus.LEFT_WAREHOUSE, address_until=ParcelStatus.PACKED
    )

    async def collect(reference: str) -> None:
        fake.advance(reference, ParcelStatus.LEFT_WAREHOUSE)

    async def pack(reference: str) -> None:
        fake.advance(reference, ParcelStatus.PACKED)

    async def sends(reference: str) -> tuple[Address, ShippingService]:
        return fake.hand_offs[reference].ship_to, fake.hand_offs[reference].service

    return Warehouse(fake, collect, pack, sends)


def seller_warehouse(store: SellerWarehouse) -> Warehouse:
    """The real one."""

    async def sends(reference: str) -> tuple[Address, ShippingService]:
        found = {ticket.reference: ticket for ticket in await store.tickets(statuses=tuple(ParcelStatus))}
        return found[reference].ship_to, found[reference].service

    return Warehouse(store, store.mark_collected, store.mark_packed, sends)


def hand_off(reference: str = REFERENCE, service: ShippingService = ShippingService.STANDARD) -> HandOff:
    """A parcel of one MUG."""
    bought = order()
    return HandOff(
        reference=reference,
        order_id=bought.order_id,
        seller=SELLER,
        location=EAST,
        lines=bought.lines,
        ship_to=bought.ship_to,
        ship_by=PLACED_AT + timedelta(days=2),
        service=service,
    )


def test_capabilities_name_the_point_of_no_return(warehouse: Warehouse) -> None:
    """The saga books the carrier, and may cancel until the carrier has the parcel."""
    capabilities = warehouse.provider.capabilities

    assert (capabilities.name, capabilities.books_carrier) == ("seller_warehouse", False)
    assert capabilities.point_of_no_return is ParcelStatus.LEFT_WAREHOUSE


async def test_submitting_again_gives_the_same_order(warehouse: Warehouse) -> None:
    """A repeated hand-off makes no second parcel."""
    first = await warehouse.provider.submit(hand_off())

    assert (first.reference, first.status) == (REFERENCE, ParcelStatus.ACCEPTED)
    assert await warehouse.provider.submit(hand_off()) == first
    assert await warehouse.provider.inquire(REFERENCE) == first
    assert len(await warehouse.provider.changes_since(PLACED_AT - timedelta(days=9000))) == 1


async def test_nothing_is_known_of_a_parcel_never_handed_over(warehouse: Warehouse) -> None:
    """Inquiring finds nothing; a cancellation, only asked for what was handed over, finds a contradiction."""
    assert await warehouse.provider.inquire(REFERENCE) is None
    with pytest.raises(RetryError) as caught:
        await warehouse.provider.cancel(REFERENCE)
    assert caught.value.unknown is True
    assert await warehouse.provider.inquire(REFERENCE) is None


async def test_cancel_before_collection(warehouse: Warehouse) -> None:
    """An open parcel is canceled, and asking again says the same."""
    await warehouse.provider.submit(hand_off())

    assert await warehouse.provider.cancel(REFERENCE) is CancelDecision.CANCELED
    assert await warehouse.provider.cancel(REFERENCE) is CancelDecision.CANCELED
    standing = await warehouse.provider.submit(hand_off())
    assert standing.status is ParcelStatus.CANCELED


async def test_cancel_after_collection_is_refused(warehouse: Warehouse) -> None:
    """A parcel the carrier has stays with the carrier."""
    await warehouse.provider.submit(hand_off())
    await warehouse.collect(REFERENCE)

    assert await warehouse.provider.cancel(REFERENCE) is CancelDecision.REFUSED
    found = await warehouse.provider.inquire(REFERENCE)
    assert found is not None
    assert found.status is ParcelStatus.LEFT_WAREHOUSE


async def test_changes_are_told_oldest_first(warehouse: Warehouse) -> None:
    """The poller sees what changed since it last looked, in the order it changed."""
    await warehouse.provider.submit(hand_off("o1-1-1"))
    await warehouse.provider.submit(hand_off("o1-2-1"))
    await warehouse.collect("o1-1-1")

    changed = await warehouse.provider.changes_since(PLACED_AT)
    assert [(parcel.reference, parcel.status) for parcel in changed] == [
        ("o1-2-1", ParcelStatus.ACCEPTED),
        ("o1-1-1", ParcelStatus.LEFT_WAREHOUSE),
    ]
    assert list(await warehouse.provider.changes_since(datetime.now(UTC) + timedelta(minutes=1))) == []


@pytest.mark.parametrize("service", ShippingService)
async def test_the_service_is_the_hand_offs(warehouse: Warehouse, service: ShippingService) -> None:
    """Whoever packs knows how fast it shall travel."""
    await warehouse.provider.submit(hand_off(service=service))
    assert (await warehouse.sends(REFERENCE))[1] is service


async def test_another_address_until_it_is_packed(warehouse: Warehouse) -> None:
    """Taken, again and again; the parcel stays where it stands, and others are not touched."""
    first = await warehouse.provider.submit(hand_off())
    await warehouse.provider.submit(hand_off("o1-2-1"))
    moved = address(line1="2 Side St")
    for _ in range(2):
        assert await warehouse.provider.update_address(REFERENCE, moved) is AddressDecision.UPDATED
        assert (await warehouse.sends(REFERENCE))[0] == moved
    assert await warehouse.provider.inquire(REFERENCE) == first
    assert (await warehouse.sends("o1-2-1"))[0] == hand_off().ship_to


async def test_a_packed_parcel_keeps_its_address(warehouse: Warehouse) -> None:
    """REFUSED, and it goes where it went; the address it has is no change and stays UPDATED."""
    await warehouse.provider.submit(hand_off())
    await warehouse.pack(REFERENCE)
    for _ in range(2):
        decision = await warehouse.provider.update_address(REFERENCE, address(line1="2 Side St"))
        assert decision is AddressDecision.REFUSED
    assert await warehouse.provider.update_address(REFERENCE, hand_off().ship_to) is AddressDecision.UPDATED
    assert (await warehouse.sends(REFERENCE))[0] == hand_off().ship_to


async def test_a_canceled_parcel_goes_nowhere(warehouse: Warehouse) -> None:
    """No address is taken for it, not even its own."""
    await warehouse.provider.submit(hand_off())
    await warehouse.provider.cancel(REFERENCE)
    for ship_to in (hand_off().ship_to, address(line1="2 Side St")):
        assert await warehouse.provider.update_address(REFERENCE, ship_to) is AddressDecision.REFUSED
    assert (await warehouse.sends(REFERENCE))[0] == hand_off().ship_to


async def test_an_address_for_a_parcel_never_handed_over(warehouse: Warehouse) -> None:
    """A contradiction, as for a cancellation; nothing is written."""
    with pytest.raises(RetryError) as caught:
        await warehouse.provider.update_address(REFERENCE, address())
    assert caught.value.unknown is True
    assert await warehouse.provider.inquire(REFERENCE) is None

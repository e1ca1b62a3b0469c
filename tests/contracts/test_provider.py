"""Contract of the Provider port, on the fake and on the warehouse of a seller who packs."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from ordersaga.domain.errors import RetryError
from ordersaga.domain.shipping import CancelDecision, HandOff
from ordersaga.domain.statuses import ParcelStatus
from ordersaga.ports import Provider
from ordersaga.stores.pick_tickets import SellerWarehouse
from tests.fakes.samples import EAST, PLACED_AT, SELLER, order
from tests.fakes.shipping import FakeProvider

REFERENCE = "o1-1-1"


@dataclass(frozen=True)
class Warehouse:
    """A provider, and the hand that moves its parcels on."""

    provider: Provider
    collect: Callable[[str], Awaitable[object]]


@pytest.fixture(params=["fake", "seller_warehouse"])
def warehouse(request: pytest.FixtureRequest) -> Warehouse:
    """A fresh provider of each kind."""
    if request.param == "seller_warehouse":
        store = SellerWarehouse(request.getfixturevalue("pool"))
        return Warehouse(store, store.mark_collected)
    fake = FakeProvider("seller_warehouse", point_of_no_return=ParcelStatus.LEFT_WAREHOUSE)

    async def collect(reference: str) -> None:
        fake.advance(reference, ParcelStatus.LEFT_WAREHOUSE)

    return Warehouse(fake, collect)


def hand_off(reference: str = REFERENCE) -> HandOff:
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

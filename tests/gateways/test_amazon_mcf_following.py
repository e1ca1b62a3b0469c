"""Parcels on their way take turns, and a listing outlasts a limit."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from ordersaga.domain.errors import RateLimitedError
from ordersaga.domain.shipping import ProviderOrder
from ordersaga.domain.statuses import ParcelStatus
from ordersaga.gateways.amazon_mcf.following import LOOK_BACK, Following
from ordersaga.gateways.amazon_mcf.provider import AmazonMcf, ApiVersion
from tests.contracts.house_amazon import amazon, amazon_company, amazon_emulator
from tests.gateways.support import hand_off, new_order
from tests.support.emulators import EmulatorProcess

__all__ = ["amazon_company", "amazon_emulator"]

NOW = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.fixture
async def mcf(amazon_emulator: EmulatorProcess) -> AsyncIterator[AmazonMcf]:
    """The gateway in the version that looks most."""
    gateway = amazon(amazon_emulator, ApiVersion.V2020)
    yield gateway
    await gateway.aclose()


def order(reference: str, status: ParcelStatus) -> ProviderOrder:
    """As it was looked at."""
    return ProviderOrder(provider_id=reference, reference=reference, status=status)


def test_who_was_looked_at_comes_last_and_who_arrived_never_again() -> None:
    """Also one that could not be read: it blocks nobody."""
    following = Following()
    for name in "abc":
        following.add(name)
    assert following.turn(2, ()) == ["a", "b"]
    following.note("a", order("a", ParcelStatus.IN_TRANSIT))
    following.note("b", None)
    assert following.turn(2, ()) == ["c", "a"]
    following.note("c", order("c", ParcelStatus.DELIVERED))
    following.note("d", order("d", ParcelStatus.ACCEPTED))
    assert following.turn(9, ("a",)) == ["b"]


def test_only_the_first_listing_reaches_back() -> None:
    """A process that has just begun knows nobody; asked about a longer time it looks that far."""
    following, since = Following(), NOW - timedelta(hours=1)
    assert [following.reach(since, NOW) for _ in range(2)] == [NOW - LOOK_BACK, since]
    assert Following().reach(NOW - 2 * LOOK_BACK, NOW) == NOW - 2 * LOOK_BACK


@pytest.mark.parametrize("path", ["fulfillmentOrders$", "fulfillmentOrders/[^/]+$", "/tracking$"])
async def test_a_listing_outlasts_a_limit(mcf: AmazonMcf, amazon_emulator: EmulatorProcess, path: str) -> None:
    """Calls beyond the rate are made again, and the list is whole."""
    parcel = hand_off(order_id := new_order())
    await mcf.submit(parcel)
    await amazon_emulator.post("advance", match=order_id, to="InTransit")
    headers = {"retry-after": "0.1"}
    await amazon_emulator.post("faults", kind="status", status=429, headers=headers, method="GET", path=path, times=2)
    found = {each.reference: each.status for each in await mcf.changes_since(datetime.now(UTC) - timedelta(minutes=5))}
    assert found[parcel.reference] is ParcelStatus.IN_TRANSIT


async def test_a_long_limit_ends_a_listing(mcf: AmazonMcf, amazon_emulator: EmulatorProcess) -> None:
    """Nobody sleeps through a pause that the lane keeps anyway."""
    headers = {"retry-after": "60"}
    await amazon_emulator.post("faults", kind="status", status=429, headers=headers, path="/summaries$", times=1)
    with pytest.raises(RateLimitedError) as caught:
        await mcf.stock()
    assert caught.value.retry_after == timedelta(seconds=60)

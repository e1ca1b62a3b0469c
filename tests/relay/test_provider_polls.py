"""What providers are asked: each thing they say once, from where the last relay stopped."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

from ordersaga.bootstrap import Services
from ordersaga.domain.errors import RetryError
from ordersaga.domain.orders import LineQuantity
from ordersaga.domain.shipping import HandOff
from ordersaga.domain.statuses import ParcelStatus
from tests.fakes.samples import order
from tests.fakes.shipping import FakeProvider
from workers.relay_pollers import FIRST_LOOK_BACK, OVERLAP, ProviderPoller

REFERENCE = "a1-1-1"


@dataclass(frozen=True)
class Polled:
    """A provider with one parcel of ours, and what asking it stored."""

    services: Services
    provider: FakeProvider

    async def said(self) -> list[tuple[str, bool]]:
        """Statuses stored by a few rounds, oldest first, and whether each was partial."""
        for _ in range(3):
            await ProviderPoller(self.services, "shipbob").step()
        rows = await self.services.pool.fetch("SELECT order_id, body FROM webhook_inbox ORDER BY id")
        assert {row["order_id"] for row in rows} <= {"a1"}
        return [(event["status"], event["partial"]) for row in rows for event in row["body"]["events"]]


@pytest_asyncio.fixture
async def polled(services: Services, provider: FakeProvider) -> Polled:
    """A parcel of ours and somebody else's."""
    sample = order("a1")
    goods: dict[str, Any] = {"order_id": "a1", "seller": "acme", "location": "nj-1", "lines": sample.lines}
    for reference in (REFERENCE, "foreign"):
        await provider.submit(HandOff(reference=reference, ship_to=sample.ship_to, ship_by=sample.ship_by, **goods))
    return Polled(services, provider)


async def test_polls_are_stored_once_per_status(polled: Polled) -> None:
    """What a provider says again is no new message; a new status is; foreign orders are left alone."""
    assert await polled.said() == [("accepted", False)]
    polled.provider.advance(REFERENCE, ParcelStatus.PICKED)
    assert await polled.said() == [("accepted", False), ("picked", False)]


async def test_a_second_exception_after_recovery_is_a_second_message(polled: Polled) -> None:
    """Out of stock, mended, out of stock again: each is told."""
    for status in (ParcelStatus.EXCEPTION, ParcelStatus.ACCEPTED, ParcelStatus.EXCEPTION):
        await polled.said()
        polled.provider.advance(REFERENCE, status)
    statuses = [status for status, _ in await polled.said()]
    assert statuses == ["accepted", "exception", "accepted", "exception"]


async def test_scans_on_the_way_are_one_message(polled: Polled) -> None:
    """Once the goods left, a status comes once: later changes of the same status say nothing new."""
    for _ in range(3):
        polled.provider.advance(REFERENCE, ParcelStatus.IN_TRANSIT)
        said = await polled.said()
    assert said == [("in_transit", False)]


async def test_a_partial_cancellation_is_a_message_of_its_own(polled: Polled) -> None:
    """The status stays, and yet something happened."""
    await polled.said()
    polled.provider.advance(REFERENCE, ParcelStatus.ACCEPTED, partially_canceled=True, detail="1 of 2 canceled")
    assert await polled.said() == [("accepted", False), ("accepted", True)]


async def test_each_further_partial_cancellation_is_a_message(polled: Polled) -> None:
    """Also when goods have left already, where a status alone comes once; the units are told."""
    await polled.said()
    for quantity in (1, 1, 2):
        gone = (LineQuantity(sku="MUG", quantity=quantity),)
        told = {"partially_canceled": True, "canceled_lines": gone}
        polled.provider.advance(REFERENCE, ParcelStatus.LEFT_WAREHOUSE, **told)
        said = await polled.said()
    assert said == [("accepted", False), ("left_warehouse", True), ("left_warehouse", True)]


async def test_a_relay_goes_on_where_the_last_one_stopped(polled: Polled) -> None:
    """Away for three days: the whole time is asked about, not only the last day."""
    await polled.services.poll_cursors.move("shipbob", away := datetime.now(UTC) - timedelta(days=3))
    await polled.said()
    ((first,), (second,), _) = polled.provider.called("changes_since")
    assert first == away
    assert timedelta(0) <= datetime.now(UTC) - OVERLAP - second < timedelta(minutes=1)


async def test_the_first_round_looks_back_a_day(polled: Polled) -> None:
    """Nothing is known of earlier rounds."""
    await polled.said()
    assert datetime.now(UTC) - FIRST_LOOK_BACK - polled.provider.called("changes_since")[0][0] < timedelta(minutes=1)


async def test_a_round_that_fails_is_asked_again_from_the_same_moment(polled: Polled) -> None:
    """The provider is away: the cursor stays."""
    await polled.services.poll_cursors.move("shipbob", away := datetime.now(UTC) - timedelta(days=3))
    polled.provider.fail_next("changes_since", RetryError("away", "away"))
    with pytest.raises(RetryError):
        await ProviderPoller(polled.services, "shipbob").step()
    assert await polled.services.poll_cursors.get("shipbob") == away


async def test_a_cursor_never_moves_back(services: Services) -> None:
    """A slow relay that asked earlier does not undo what a faster one covered."""
    later = datetime.now(UTC)
    await services.poll_cursors.move("shipbob", later)
    await services.poll_cursors.move("shipbob", later - timedelta(hours=1))
    assert await services.poll_cursors.get("shipbob") == later
    assert await services.poll_cursors.get("newegg") is None

"""Packages of a provider that tells no delivery: an emulated EasyPost says what became of them."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest
import pytest_asyncio

from ordersaga.bootstrap import Services
from ordersaga.domain.effects import EffectIntent, EffectOutcome, EffectStatus
from ordersaga.domain.errors import CustomerError, OperatorError, OrdersagaError, RetryError
from ordersaga.domain.journal import JournalUpdate
from ordersaga.domain.shipping import ParcelEvent
from ordersaga.domain.statuses import OrderStatus, ParcelStatus
from ordersaga.gateways.easypost.carrier import EasyPost
from ordersaga.gateways.newegg.provider import Newegg
from ordersaga.ports import FollowingCarrier
from tests.fakes.samples import order
from tests.fakes.shipping import FakeProvider
from tests.gateways.conftest import easypost, easypost_company, easypost_emulator
from tests.gateways.support import TIMEOUT, hand_off
from tests.support.api import StubOrders
from tests.support.emulators import EmulatorProcess
from workers.relay_deliverer import Deliverer
from workers.relay_following import Follower, followers

__all__ = ["easypost", "easypost_company", "easypost_emulator"]

LABELED, SCANNED, ARRIVED, RETURNING = "EZ1000000001", "EZ2000000002", "EZ4000000004", "EZ5000000005"
"""Numbers of which EasyPost says so in test mode; of any other it knows nothing."""


@pytest_asyncio.fixture
async def followed(
    services: Services, provider: FakeProvider, easypost_emulator: EmulatorProcess
) -> AsyncIterator[Services]:
    """One order, whose parcel left its provider; EasyPost has not heard of any number before."""
    await easypost_emulator.post("reset")
    await services.intake.accept(order("a1"), hold_ttl=timedelta(minutes=5))
    await services.journal.record(JournalUpdate(order_id="a1", status=OrderStatus.SHIPPED))
    intent = EffectIntent(order_id="a1", step="hand_off", parcel=1)
    await services.effects.begin(intent)
    await provider.submit(hand_off("a1"))
    yield services


async def accepted(services: Services) -> None:
    """Its provider's answer has come."""
    await services.effects.settle("a1/hand_off/1/1", EffectOutcome(status=EffectStatus.DONE, external_id="p1"))


class Recycled:
    """EasyPost, of numbers that a carrier gave out a year before as well."""

    def __init__(self, easypost: EasyPost) -> None:
        self._easypost = easypost

    async def follow(self, number: str, reference: str) -> ParcelEvent | None:
        """What became of the parcel that had the number then."""
        event = await self._easypost.follow(number, reference)
        return event and event.model_copy(update={"occurred_at": event.occurred_at - timedelta(days=365)})


async def told(services: Services, orders: StubOrders, carrier: FollowingCarrier) -> list[ParcelStatus]:
    """What the order hears when its packages are asked about twice."""
    for _ in range(2):
        await Follower(services, "shipbob", carrier).step()
        await Deliverer(services).step()
    return [event.status for event in orders.events if isinstance(event, ParcelEvent)]


@pytest.mark.parametrize(
    ("packages", "heard"),
    [
        ((), []),
        ((ARRIVED,), [ParcelStatus.DELIVERED]),
        ((SCANNED, ARRIVED), [ParcelStatus.IN_TRANSIT]),
        ((LABELED, ARRIVED), []),
        (("1Z-NOBODY-KNOWS", ARRIVED), []),
        ((RETURNING, LABELED), [ParcelStatus.RETURNED_TO_SENDER]),
    ],
)
async def test_a_parcel_is_as_far_as_its_last_package(
    followed: Services,
    orders: StubOrders,
    provider: FakeProvider,
    easypost: EasyPost,
    packages: tuple[str, ...],
    heard: list[ParcelStatus],
) -> None:
    """Told once, however often they are asked about; nothing while one of them is not known to have left."""
    await accepted(followed)
    provider.advance("a1-1-1", ParcelStatus.IN_TRANSIT, packages=packages)
    assert await told(followed, orders, easypost) == heard


async def test_what_happened_before_the_hand_off_is_another_parcels_news(
    followed: Services, orders: StubOrders, provider: FakeProvider, easypost: EasyPost
) -> None:
    """A number that its carrier gave out before says of the parcel that had it that it arrived."""
    await accepted(followed)
    provider.advance("a1-1-1", ParcelStatus.IN_TRANSIT, packages=(ARRIVED,))
    assert await told(followed, orders, Recycled(easypost)) == []


class Refusing:
    """Says something else each time it is asked."""

    def __init__(self, *errors: OrdersagaError) -> None:
        self._errors = list(errors)
        self.asked = 0

    async def follow(self, number: str, reference: str) -> ParcelEvent | None:
        """The next of them; then nothing."""
        self.asked += 1
        if self._errors:
            raise self._errors.pop(0)
        return None


NOBODYS = OperatorError("label_refused", "no such carrier")
UNREAD = RetryError("easypost_no_answer", "unreadable")


@pytest.mark.parametrize(
    ("errors", "asked", "away"),
    [
        ((NOBODYS, CustomerError("label_refused", "no such address")), 4, False),
        ((UNREAD, NOBODYS, UNREAD), 4, False),
        ((UNREAD, UNREAD, UNREAD), 3, True),
    ],
)
async def test_a_number_nobody_can_place_keeps_no_other_waiting(
    services: Services, provider: FakeProvider, errors: tuple[OrdersagaError, ...], asked: int, away: bool
) -> None:
    """Each of four parcels is asked about; only a company that is away ends the round."""
    for order_id in ("a1", "a2", "a3", "a4"):
        await services.intake.accept(order(order_id), hold_ttl=timedelta(minutes=5))
        await services.journal.record(JournalUpdate(order_id=order_id, status=OrderStatus.SHIPPED))
        intent = EffectIntent(order_id=order_id, step="hand_off", parcel=1)
        await services.effects.begin(intent)
        await services.effects.settle(intent.key, EffectOutcome(status=EffectStatus.DONE, external_id=order_id))
        await provider.submit(hand_off(order_id))
        provider.advance(f"{order_id}-1-1", ParcelStatus.IN_TRANSIT, packages=(ARRIVED,))
    carrier = Refusing(*errors)
    with pytest.raises(RetryError) if away else contextlib.nullcontext():
        await Follower(services, "shipbob", carrier).step()
    assert carrier.asked == asked


async def test_a_provider_that_wants_it_is_followed(services: Services, easypost: EasyPost) -> None:
    """Newegg does, unless its account says that it does not; nobody else."""

    def newegg(*, followed: bool) -> Newegg:
        return Newegg(
            "key", "secret", seller_id="A0", base_url="http://n.example", timeout=TIMEOUT, phone="1", followed=followed
        )

    known = replace(services, carriers={"easypost": easypost})
    for followed, found in ((True, ["newegg"]), (False, [])):
        both = replace(known, providers={**services.providers, "newegg": newegg(followed=followed)})
        assert [name for name, _ in followers(both)] == found


async def test_only_its_own_provider_is_asked(
    followed: Services, orders: StubOrders, provider: FakeProvider, easypost: EasyPost
) -> None:
    """A parcel that nobody knows to be handed over, or one of another provider's, is nobody's to follow here."""
    provider.advance("a1-1-1", ParcelStatus.IN_TRANSIT, packages=(ARRIVED,))
    assert await told(followed, orders, easypost) == []
    await accepted(followed)
    both = replace(followed, providers={**followed.providers, "newegg": provider})
    await Follower(both, "newegg", easypost).step()
    assert await followed.inbox.count_by_status() == {}

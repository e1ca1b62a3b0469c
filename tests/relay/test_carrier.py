"""What the carrier is asked: labels of parcels on their way, and webhooks that name only its own object."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

from ordersaga.bootstrap import Services
from ordersaga.domain.effects import EffectIntent, EffectOutcome, EffectStatus
from ordersaga.domain.errors import OperatorError, RetryError
from ordersaga.domain.journal import JournalUpdate
from ordersaga.domain.messages_in import Incoming
from ordersaga.domain.shipping import ParcelEvent
from ordersaga.domain.statuses import OrderStatus, ParcelStatus
from ordersaga.gateways.easypost.carrier import EasyPost
from tests.fakes.samples import order
from tests.fakes.shipping import FakeCarrier
from tests.gateways.conftest import easypost, easypost_company, easypost_emulator
from tests.gateways.support import label
from tests.support.api import StubOrders
from tests.support.emulators import EmulatorProcess
from workers.relay_deliverer import Deliverer
from workers.relay_pollers import CarrierPoller


def scanned(source_id: str) -> ParcelEvent:
    """The first parcel of an order was scanned."""
    now = datetime.now(UTC)
    return ParcelEvent(
        source="easypost", source_id=source_id, parcel=1, generation=1, status=ParcelStatus.IN_TRANSIT, occurred_at=now
    )


class WatchedFake(FakeCarrier):
    """Says of every label that it was scanned, and of every shipment that it is a1's."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.silent: set[str] = set()
        self.away = False
        self.unreadable: set[str] = set()

    async def changes(self, references: Sequence[str]) -> Sequence[ParcelEvent]:
        """Scanned."""
        self.asked.extend(references)
        if self.silent.intersection(references):
            raise RetryError("carrier_no_answer", "no answer that can be read", unknown=True)
        if self.unreadable.intersection(references):
            raise OperatorError("carrier_unreadable", "the answer makes no sense")
        return [scanned("easypost-own-id") for _ in references]

    async def resolve(self, incoming: Incoming) -> Incoming:
        """A1's."""
        if self.away:
            raise RetryError("easypost_unreachable", "away")
        return incoming.model_copy(update={"order_id": "a1", "events": (scanned(incoming.source_id),), "lookup": None})


__all__ = ["easypost", "easypost_company", "easypost_emulator"]


@pytest_asyncio.fixture
async def carrier() -> WatchedFake:
    """The carrier."""
    return WatchedFake()


@pytest_asyncio.fixture
async def watched(services: Services, carrier: WatchedFake) -> AsyncIterator[Services]:
    """Two orders on their way; a label was bought for the first only."""
    for order_id in ("a1", "a2"):
        await services.intake.accept(order(order_id), hold_ttl=timedelta(minutes=5))
        await services.journal.record(JournalUpdate(order_id=order_id, status=OrderStatus.FULFILLING))
    intent = EffectIntent(order_id="a1", step="book_label", parcel=1)
    await services.effects.begin(intent)
    await services.effects.settle(intent.key, EffectOutcome(status=EffectStatus.DONE, external_id="shp_1"))
    yield replace(services, carriers={"easypost": carrier})


async def test_only_labels_we_bought_are_asked_about(watched: Services, carrier: WatchedFake) -> None:
    """Asked each round, stored once."""
    poller = CarrierPoller(watched)
    await poller.step()
    await poller.step()
    assert carrier.asked == ["a1-1-1", "a1-1-1"]
    (message,) = await watched.inbox.claim(9)
    assert (message.source, message.source_id, message.order_id) == ("easypost", "poll:a1-1-1:in_transit", "a1")


@pytest.mark.parametrize("how", ["unreadable", "silent"])
async def test_a_label_nobody_can_read_keeps_none_from_being_asked_about(
    watched: Services, carrier: WatchedFake, how: str
) -> None:
    """The other's scan is heard in the same round, whether the answer was an error or none."""
    intent = EffectIntent(order_id="a2", step="book_label", parcel=1)
    await watched.effects.begin(intent)
    await watched.effects.settle(intent.key, EffectOutcome(status=EffectStatus.DONE, external_id="shp_2"))
    setattr(carrier, how, {"a1-1-1"})
    await CarrierPoller(watched).step()
    assert sorted(carrier.asked) == ["a1-1-1", "a2-1-1"]
    assert [message.source_id for message in await watched.inbox.claim(9)] == ["poll:a2-1-1:in_transit"]


async def test_each_account_is_asked_about_its_own_labels(watched: Services, carrier: WatchedFake) -> None:
    """The label of the second order was bought elsewhere; an account that is away keeps nobody from the others."""
    intent = EffectIntent(order_id="a2", step="book_label", parcel=1, account="ups")
    await watched.effects.begin(intent)
    await watched.effects.settle(intent.key, EffectOutcome(status=EffectStatus.DONE, external_id="1Z1"))
    ups = WatchedFake()
    both = replace(watched, carriers={"easypost": carrier, "ups": ups})
    for account in both.carriers:
        await CarrierPoller(both, account).step()
    assert (carrier.asked, ups.asked) == (["a1-1-1"], ["a2-1-1"])


async def test_a_message_is_completed_by_the_account_it_is_from(
    watched: Services, carrier: WatchedFake, orders: StubOrders
) -> None:
    """Nobody else knows the object it names; a message of an account that is gone waits with the reason."""
    ups = WatchedFake()
    both = replace(watched, carriers={"easypost": carrier, "ups": ups})
    carrier.away = True
    for source in ("ups", "gone"):
        incoming = Incoming(source=source, source_id=f"evt_{source}", lookup="1Z1")
        await both.inbox.store(source, incoming.source_id, None, incoming.model_dump(mode="json"))
    await Deliverer(both).step()
    assert [event.source_id for event in orders.events] == ["evt_ups"]
    error = await both.pool.fetchval("SELECT error FROM webhook_inbox WHERE source = 'gone'")
    assert error == "unknown_source: nobody is named 'gone' who could be asked"


async def test_a_message_that_names_only_the_shipment_finds_its_order(
    watched: Services, carrier: WatchedFake, orders: StubOrders
) -> None:
    """The carrier is asked whose it is; while it is away the message waits, with the reason."""
    incoming = Incoming(source="easypost", source_id="evt_1", lookup="shp_1")
    await watched.inbox.store("easypost", "evt_1", None, incoming.model_dump(mode="json"))
    carrier.away = True
    await Deliverer(watched).step()
    assert orders.events == []
    row = await watched.pool.fetchrow("SELECT status, error FROM webhook_inbox")
    assert row is not None
    assert (row["status"], row["error"]) == ("pending", "easypost_unreachable: away")
    carrier.away = False
    await watched.pool.execute("UPDATE webhook_inbox SET next_attempt_at = now()")
    await Deliverer(watched).step()
    assert [event.source_id for event in orders.events] == ["evt_1"]
    row = await watched.pool.fetchrow("SELECT status, order_id FROM webhook_inbox")
    assert row is not None
    assert (row["status"], row["order_id"]) == ("delivered", "a1")


@pytest.mark.parametrize(
    "status",
    [OrderStatus.NEEDS_ATTENTION, OrderStatus.CANCELING, OrderStatus.RETURNING, OrderStatus.DELIVERED],
)
async def test_an_order_that_waits_is_still_asked_about(
    watched: Services, carrier: WatchedFake, status: OrderStatus
) -> None:
    """A person is asked, or a cancellation waits: the answer may be what the carrier says next."""
    await watched.journal.record(JournalUpdate(order_id="a1", status=status))
    await CarrierPoller(watched).step()
    assert carrier.asked == ["a1-1-1"]


async def test_a_parcel_that_left_is_followed_without_any_webhook(
    watched: Services, easypost: EasyPost, easypost_emulator: EmulatorProcess, orders: StubOrders
) -> None:
    """Its tracker is asked until it is delivered; each step is told once, and another order hears nothing."""
    await watched.starting.mark_started("a1")
    await easypost.book(label("a1"))
    followed = replace(watched, carriers={"easypost": easypost})
    poller = CarrierPoller(followed)
    for to in ("in_transit", "delivered"):
        await easypost_emulator.post("advance", match="a1-1-1", to=to)
        for _ in range(2):
            await poller.step()
            await Deliverer(followed).step()
    told = [event for event in orders.events if isinstance(event, ParcelEvent)]
    assert [event.status for event in told] == [ParcelStatus.IN_TRANSIT, ParcelStatus.DELIVERED]
    assert {(event.source, event.parcel) for event in told} == {("easypost", 1)}

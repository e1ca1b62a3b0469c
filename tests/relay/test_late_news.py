"""News about orders that have ended: what a person must know is asked, once; the rest is ignored with the reason."""

from datetime import UTC, datetime, timedelta

import pytest

from ordersaga.bootstrap import Services
from ordersaga.client_errors import OrderClosedError, OrderNotFoundError
from ordersaga.domain.journal import AttentionItem, JournalEntry, JournalUpdate
from ordersaga.domain.messages_in import Incoming
from ordersaga.domain.shipping import ParcelEvent, PaymentEvent
from ordersaga.domain.statuses import OrderStatus, ParcelStatus
from tests.fakes.samples import order
from tests.support.api import StubOrders
from workers.relay_deliverer import Deliverer

CANCELED, REJECTED, COMPLETED = OrderStatus.CANCELED, OrderStatus.REJECTED, OrderStatus.COMPLETED


def parcel(status: ParcelStatus, source_id: str = "m1") -> ParcelEvent:
    """What ShipBob says about the only parcel."""
    now = datetime.now(UTC)
    return ParcelEvent(source="shipbob", source_id=source_id, parcel=1, generation=1, status=status, occurred_at=now)


def money(kind: str) -> PaymentEvent:
    """What Stripe says about its payment."""
    return PaymentEvent(source="stripe", source_id="m1", parcel=1, payment_id="pi_1", kind=kind)


async def ended(
    services: Services, orders: StubOrders, status: OrderStatus, *heard: str, gone: Exception | None = None
) -> None:
    """An order that ended so, having heard this about its parcel."""
    await services.intake.accept(order("a1"), hold_ttl=timedelta(minutes=5))
    await services.starting.mark_started("a1")
    entries = tuple(
        JournalEntry(entry_id=f"saga-{number}", at=datetime.now(UTC), kind=kind, text=kind, parcel=1)
        for number, kind in enumerate(heard)
    )
    await services.journal.record(JournalUpdate(order_id="a1", status=status, entries=entries))
    orders.refuse = {"a1": gone or OrderClosedError("a1")}


async def told(services: Services, *events: ParcelEvent | PaymentEvent) -> list[AttentionItem]:
    """Deliver these, one message each; answers what is asked afterwards."""
    for event in events:
        message = Incoming(source=event.source, source_id=event.source_id, order_id="a1", events=(event,))
        await services.inbox.store(event.source, event.source_id, "a1", message.model_dump(mode="json"))
    await Deliverer(services).step()
    return list(await services.journal.open_attention())


@pytest.mark.parametrize(
    ("status", "heard", "event", "kind"),
    [
        (CANCELED, (), parcel(ParcelStatus.LEFT_WAREHOUSE), "shipped_after_cancel"),
        (CANCELED, ("accepted",), parcel(ParcelStatus.IN_TRANSIT), "shipped_after_cancel"),
        (REJECTED, (), parcel(ParcelStatus.DELIVERED), "shipped_after_cancel"),
        (COMPLETED, ("parcel_canceled",), parcel(ParcelStatus.IN_TRANSIT), "shipped_after_cancel"),
        (COMPLETED, ("shipped", "delivered"), parcel(ParcelStatus.RETURNED_TO_SENDER), "returned_after_close"),
        (COMPLETED, ("shipped", "delivered"), parcel(ParcelStatus.LOST), "lost_after_close"),
        (COMPLETED, ("shipped", "delivered"), money("refund_failed"), "refund_failed"),
        (CANCELED, (), money("refund_failed"), "refund_failed"),
        (CANCELED, (), money("captured"), "captured_after_cancel"),
    ],
)
@pytest.mark.parametrize("gone", [OrderClosedError("a1"), OrderNotFoundError("a1")])
async def test_what_a_person_must_know_is_asked(
    services: Services,
    orders: StubOrders,
    status: OrderStatus,
    heard: tuple[str, ...],
    event: ParcelEvent | PaymentEvent,
    kind: str,
    gone: Exception,
) -> None:
    """Also long after Temporal forgot the order. The message counts as delivered, the story tells the question."""
    await ended(services, orders, status, *heard, gone=gone)
    (item,) = await told(services, event)
    assert (item.order_id, item.parcel, item.kind, item.choices) == ("a1", 1, kind, ("acknowledge",))
    assert await services.inbox.count_by_status() == {"delivered": 1}
    assert [line.text for line in await services.journal.timeline("a1") if line.kind == "attention"] == [item.question]
    record = await services.journal.get("a1")
    assert record is not None
    assert record.status is status


@pytest.mark.parametrize(
    ("status", "heard", "event"),
    [
        (CANCELED, (), parcel(ParcelStatus.CANCELED)),
        (CANCELED, (), parcel(ParcelStatus.PICKED)),
        (CANCELED, ("shipped", "lost"), parcel(ParcelStatus.LOST)),
        (COMPLETED, ("shipped", "delivered"), parcel(ParcelStatus.DELIVERED)),
        (COMPLETED, ("shipped", "in_transit", "lost", "goods_lost"), parcel(ParcelStatus.LOST)),
        (COMPLETED, ("shipped", "goods_lost"), parcel(ParcelStatus.RETURNED_TO_SENDER)),
        (COMPLETED, ("shipped", "delivered"), money("captured")),
        (CANCELED, (), money("voided")),
        (OrderStatus.SHIPPED, (), parcel(ParcelStatus.DELIVERED)),
    ],
)
async def test_what_the_order_knew_or_nobody_needs_is_ignored(
    services: Services,
    orders: StubOrders,
    status: OrderStatus,
    heard: tuple[str, ...],
    event: ParcelEvent | PaymentEvent,
) -> None:
    """Nobody is asked, and the reason is kept."""
    await ended(services, orders, status, *heard)
    assert await told(services, event) == []
    row = await services.pool.fetchrow("SELECT status, error FROM webhook_inbox")
    assert row is not None
    assert tuple(row) == ("ignored", "the order has ended")


async def test_the_same_news_is_asked_once(services: Services, orders: StubOrders) -> None:
    """Left, scanned, delivered, each twice: one question. Answered, it stays answered."""
    await ended(services, orders, CANCELED)
    way = (ParcelStatus.LEFT_WAREHOUSE, ParcelStatus.IN_TRANSIT, ParcelStatus.DELIVERED)
    (item,) = await told(services, *(parcel(status, f"m-{status}-{n}") for status in way for n in range(2)))
    answered = await services.journal.answer_question(item, "acknowledge", by="kim", reason="shopper keeps it")
    assert answered is not None
    assert (answered.resolved, answered.resolved_by) == ("acknowledge", "kim")
    assert await services.journal.answer_question(item, "acknowledge", by="lee", reason="late") is None
    assert await told(services, parcel(ParcelStatus.DELIVERED, "m9")) == []


async def test_what_the_saga_asked_itself_is_not_asked_again(services: Services, orders: StubOrders) -> None:
    """The order closed after somebody acknowledged: the delivery that follows is no new question."""
    await ended(services, orders, CANCELED)
    asked = AttentionItem(
        item_id="a1-a1",
        order_id="a1",
        parcel=1,
        kind="shipped_after_cancel",
        question="It left.",
        choices=("acknowledge",),
        opened_at=datetime.now(UTC),
        resolved="acknowledge",
        resolved_by="kim",
    )
    await services.journal.record(JournalUpdate(order_id="a1", status=CANCELED, attention=(asked,)))
    assert await told(services, parcel(ParcelStatus.DELIVERED)) == []


async def test_a_failed_refund_of_a_running_order_is_its_sagas(services: Services, orders: StubOrders) -> None:
    """It is signaled; nobody is asked by the relay."""
    await services.intake.accept(order("a1"), hold_ttl=timedelta(minutes=5))
    assert await told(services, money("refund_failed")) == []
    assert orders.events == [money("refund_failed")]

"""News about an order whose saga has ended: what a person must know becomes a question in PostgreSQL, for good.

| kind | what happened |
|---|---|
| `shipped_after_cancel` | goods of a parcel left that never shipped for the order: it was canceled or rejected |
| `returned_after_close`, `lost_after_close` | a parcel the order closed on as delivered came back, or is lost |
| `refund_failed` | the shopper's money bounced: we have it, they do not |
| `void_rejected` | the refund of a voided label was rejected: it is paid for, and nothing ships with it |
| `captured_after_cancel` | money was taken for an order that was undone |

Whatever the order heard before it ended is no news. The journal tells what it heard.
"""

from datetime import UTC, datetime
from typing import Final, NamedTuple

from ordersaga.bootstrap import Services
from ordersaga.domain.journal import AttentionItem, OrderRecord
from ordersaga.domain.lattices import goods_left
from ordersaga.domain.shipping import ParcelEvent, PaymentEvent
from ordersaga.domain.statuses import FINAL_STATUSES, OrderStatus, ParcelStatus

CHOICES: Final = ("acknowledge",)
_UNDONE: Final = frozenset({OrderStatus.CANCELED, OrderStatus.REJECTED})
_AFTER_CLOSE: Final = {
    ParcelStatus.RETURNED_TO_SENDER: ("returned_after_close", "came back to its sender"),
    ParcelStatus.LOST: ("lost_after_close", "was lost"),
}
_SHIPPED: Final = "shipped"
"""The saga's journal entry for a parcel that left with its knowledge."""
_GOODS_LOST: Final = "goods_lost"
"""The saga's journal entry for a parcel it gave the money back for."""


class Question(NamedTuple):
    """What a person is asked."""

    kind: str
    text: str


async def park(services: Services, order_id: str, event: ParcelEvent | PaymentEvent) -> str | None:
    """Open a question about news for an order that has ended; answers its kind, None when nobody need know."""
    record = await services.journal.get(order_id)
    if record is None or record.status not in FINAL_STATUSES | {OrderStatus.RETURNING}:
        return None
    question = question_about(record, event, await _heard(services, order_id, event.parcel))
    if question is not None:
        await services.journal.open_question(_item(order_id, event.parcel, question))
    return question.kind if question else None


def question_about(record: OrderRecord, event: ParcelEvent | PaymentEvent, heard: frozenset[str]) -> Question | None:
    """The question in an event, given how the order ended and what it had heard about the parcel."""
    if isinstance(event, PaymentEvent):
        return _about_money(record, event)
    if event.notice is not None:
        return Question(event.notice, f"Parcel {event.parcel}: {event.source} says {event.detail or event.notice}.")
    said = f"{event.source} says {event.status}" + (f" ({event.detail})" if event.detail else "")
    if goods_left(event.status) and _SHIPPED not in heard:
        return Question("shipped_after_cancel", f"Parcel {event.parcel} was canceled, but left: {said}.")
    if event.status in _AFTER_CLOSE and record.status is OrderStatus.COMPLETED:
        kind, words = _AFTER_CLOSE[event.status]
        known = heard & {event.status.value, _GOODS_LOST}
        return None if known else Question(kind, f"Parcel {event.parcel} {words} after the order had ended: {said}.")
    return None


def _about_money(record: OrderRecord, event: PaymentEvent) -> Question | None:
    payment = f"payment {event.payment_id} of parcel {event.parcel}"
    if event.kind == "refund_failed":
        return Question(event.kind, f"The refund of {payment} failed: the shopper has not got the money back.")
    if event.kind == "captured" and record.status in _UNDONE:
        return Question("captured_after_cancel", f"The order is {record.status}, but {payment} was captured.")
    return None


async def _heard(services: Services, order_id: str, parcel: int) -> frozenset[str]:
    story = await services.journal.timeline(order_id)
    return frozenset(entry.kind for entry in story if entry.source == "journal" and entry.parcel == parcel)


def _item(order_id: str, parcel: int, question: Question) -> AttentionItem:
    return AttentionItem(
        item_id=f"{order_id}-late-{question.kind}-{parcel}",
        order_id=order_id,
        parcel=parcel,
        kind=question.kind,
        question=question.text,
        choices=CHOICES,
        opened_at=datetime.now(UTC),
    )

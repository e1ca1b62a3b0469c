"""What can be said to a running order, and what it answers. Wire names are fixed; fields are only ever added.

| name | kind | input | answer |
|---|---|---|---|
| `confirm` | update | none | `ConfirmAnswer`, once the outcome is known |
| `cancel` | update | `CancelRequest` | `CancelAnswer` |
| `request_cancel` | signal | `CancelRequest`, optional | none |
| `parcel_event` | signal | `ParcelEvent` | none |
| `payment_event` | signal | `PaymentEvent` | none |
| `place_hold`, `release_hold` | update | `HoldRequest` | `OrderView` |
| `resolve_attention` | update | `Resolution` | `AttentionItem` |
| `order_state`, `timeline`, `explain` | query | none | `OrderView`, list of `JournalEntry`, text |
"""

from typing import Annotated, Literal

from pydantic import AwareDatetime, StringConstraints

from ordersaga.domain.journal import AttentionItem
from ordersaga.domain.orders import ParcelPlan
from ordersaga.domain.payments import NextAction
from ordersaga.domain.statuses import ConfirmOutcome, OrderStatus, ParcelStatus
from ordersaga.domain.values import Message

ORDER_QUEUE = "orders"
PAYMENT_QUEUE = "payments"
CARRIER_QUEUE = "carriers"
BOOKS_QUEUE = "books"
CONFIRM_UPDATE_ID = "confirm"

Word = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300)]


def provider_queue(provider: str) -> str:
    """The lane of one provider: its own task queue, so that limits, pauses and breakers hold for it alone."""
    return f"provider-{provider}"


class ConfirmAnswer(Message):
    """What the waiting checkout is told. `next_action` when the shopper has one more step to pay."""

    order_id: str
    outcome: ConfirmOutcome
    status: OrderStatus
    reason: str | None = None
    next_action: NextAction | None = None
    parcels: int = 0
    ship_by: AwareDatetime | None = None


class CancelRequest(Message):
    """Who wants the order canceled and why."""

    by: Word = "unknown"
    reason: Word = "not given"


class CancelAnswer(Message):
    """The truth about a cancellation. Amounts are minor units of the order's currency.

    `canceled`: everything is undone. `pending`: being undone, look again by `answer_by`.
    `too_late`: nothing could be stopped; `partly_canceled`: what could be stopped was.
    """

    order_id: str
    outcome: Literal["canceled", "partly_canceled", "pending", "too_late"]
    status: OrderStatus
    currency: str
    voided: int = 0
    refunded: int = 0
    message: str
    answer_by: AwareDatetime | None = None


class HoldRequest(Message):
    """A typed hold to place or release; hand-off waits for the last."""

    kind: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,40}$")]
    by: Word
    reason: Word = "not given"


class Resolution(Message):
    """An operator's answer to an attention item; `choice` is one of the item's choices."""

    item_id: str
    choice: str
    by: Word
    reason: Word


class ParcelView(Message):
    """A parcel as its saga sees it."""

    plan: ParcelPlan
    status: ParcelStatus
    carrier: str | None = None
    tracking_number: str | None = None
    captured: int = 0
    refunded: int = 0
    voided: int = 0


class OrderView(Message):
    """The answer of `order_state`."""

    order_id: str
    status: OrderStatus
    outcome: ConfirmOutcome | None
    reason: str | None
    holds: dict[str, str]
    parcels: tuple[ParcelView, ...]
    attention: tuple[AttentionItem, ...]
    next_deadline: AwareDatetime | None
    awaiting: str


class OrderResult(Message):
    """How an order ended; the workflow's result. Amounts are minor units of `currency`."""

    order_id: str
    status: OrderStatus
    reason: str | None
    currency: str
    captured: int
    refunded: int

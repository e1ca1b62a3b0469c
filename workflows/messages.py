"""What can be said to a running order, and what it answers. Wire names are fixed; fields are only ever added.

| name | kind | input | answer |
|---|---|---|---|
| `confirm` | update | none | `ConfirmAnswer`, once the outcome is known |
| `cancel` | update | `CancelRequest` | `CancelAnswer` |
| `request_cancel` | signal | `CancelRequest`, optional | none |
| `preview_cancel` | query | `CancelRequest`, optional | `CancelAnswer`, as if it had been asked now |
| `preview_change` | query | `foretelling.PreviewRequest` | `foretelling.Foretold`, as if it had been asked now |
| `change_address` | update | `AddressChange` | `ChangeAnswer` |
| `expedite` | update | `Expedite` | `ChangeAnswer` |
| `split_parcel` | update | `SplitParcel` | `ChangeAnswer` |
| `move_parcel` | update | `MoveParcel` | `ChangeAnswer` |
| `change_carrier` | update | `ChangeCarrier` | `ChangeAnswer` |
| `refund` | update | `GoodwillRefund` | `ChangeAnswer` |
| `change_payment` | update | `ChangePayment` | `ChangeAnswer` |
| `answer_delay` | update | `DelayConsent` | `ChangeAnswer` |
| `parcel_event` | signal | `ParcelEvent` | none |
| `payment_event` | signal | `PaymentEvent` | none |
| `place_hold`, `release_hold` | update | `HoldRequest` | `OrderView` |
| `resolve_attention` | update | `Resolution` | `AttentionItem` |
| `order_state`, `timeline`, `explain` | query | none | `OrderView`, list of `JournalEntry`, text |
"""

import hashlib
from collections.abc import Iterable
from typing import Annotated, Final, Literal

from pydantic import AwareDatetime, Field, StringConstraints

from ordersaga.domain.identifiers import Code
from ordersaga.domain.journal import AttentionItem
from ordersaga.domain.lanes import CARRIERS, PAYMENTS, carrier_lane, provider_lane
from ordersaga.domain.orders import Address, LineQuantity, ParcelPlan, Payment, not_given
from ordersaga.domain.payments import NextAction
from ordersaga.domain.statuses import ConfirmOutcome, OrderStatus, ParcelStatus
from ordersaga.domain.values import Message

ORDER_QUEUE = "orders"
PAYMENT_QUEUE = PAYMENTS
CARRIER_QUEUE = CARRIERS
BOOKS_QUEUE = "books"
CONFIRM_UPDATE_ID = "confirm"

Word = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300)]
ParcelNumber = Annotated[int, Field(ge=0, le=100)]


def provider_queue(provider: str) -> str:
    """The lane of one provider: its own task queue, so that limits, pauses and breakers hold for it alone."""
    return provider_lane(provider)


def carrier_queue(account: str | None) -> str:
    """The lane of one carrier account; None: of the first there was."""
    return carrier_lane(account) if account else CARRIER_QUEUE


class ConfirmAnswer(Message):
    """What the waiting checkout is told. `next_action` when the shopper has one more step to pay."""

    order_id: str
    outcome: ConfirmOutcome
    status: OrderStatus
    reason: str | None = None
    next_action: NextAction | None = None
    parcels: int = 0
    ship_by: AwareDatetime | None = None


NO_REASON: Final = "not given"
"""The reason of what was asked for without one."""


class CancelRequest(Message):
    """Who wants the order canceled and why; `lines`: only these units of it, empty for the whole order.

    No units cannot be told apart from the whole order here: who takes requests from outside refuses an empty list.
    `parcels`: out of these only, empty for all.
    `request_id`: the same request sent again (a signal that is repeated) counts once.
    `digest`: of the preview this rests on; the update is refused as `preview_outdated` where it would come to
    something else now.
    """

    by: Word = "unknown"
    reason: Word = NO_REASON
    lines: tuple[LineQuantity, ...] = ()
    parcels: tuple[int, ...] = Field(default=(), exclude_if=not_given)
    request_id: Word | None = None
    digest: Word | None = Field(default=None, exclude_if=not_given)


CancelOutcome = Literal["canceled", "partly_canceled", "pending", "intercepting", "too_late"]


class CanceledPart(Message):
    """What a cancellation comes to for one parcel. Amounts are what the shopper gets back for it."""

    parcel: int
    outcome: CancelOutcome
    lines: tuple[LineQuantity, ...]
    voided: int = 0
    refunded: int = 0


class CancelAnswer(Message):
    """The truth about a cancellation. Amounts are minor units of the order's currency.

    | outcome | meaning |
    |---|---|
    | `canceled` | everything asked for is undone |
    | `pending` | being undone: the provider or the payment company has not answered; look again by `answer_by` |
    | `intercepting` | it left; the carrier was asked to turn it around; refunded when it is back |
    | `too_late` | it left and nothing could be stopped; a return is offered |
    | `partly_canceled` | decided, and not the same for every parcel: `parts` says which |

    `voided` and `refunded`: what the shopper gets back by this, done or, while `pending` or `intercepting`, to come.
    `next_step`: what happens now, in words. `digest`: of a preview, to cancel by it and by nothing else.
    """

    order_id: str
    outcome: CancelOutcome
    status: OrderStatus
    currency: str
    voided: int = 0
    refunded: int = 0
    message: str
    next_step: str = ""
    answer_by: AwareDatetime | None = None
    parts: tuple[CanceledPart, ...] = ()
    return_offered: bool = False
    digest: str | None = Field(default=None, exclude_if=not_given)

    def digest_for(self, lines: Iterable[LineQuantity]) -> str:
        """What stands for this preview of canceling `lines`: its outcome and its money, parcel by parcel."""
        told = self.model_dump_json(include={"order_id", "outcome", "currency", "voided", "refunded", "parts"})
        asked = ",".join(f"{line.sku}={line.quantity}" for line in lines)
        return hashlib.sha256(f"{asked}\n{told}".encode()).hexdigest()


class Asked(Message):
    """Who asks for a change, and why. `request_id`: the same change asked again counts once."""

    by: Word
    reason: Word = NO_REASON
    request_id: Word | None = None


class AddressChange(Asked):
    """Ship to another address: freely until a label exists, afterwards only where the provider takes it."""

    ship_to: Address


class Expedite(Asked):
    """Ship by the faster service, at the seller's cost; `parcel` 0: every parcel that has not left."""

    parcel: ParcelNumber = 0


class SplitParcel(Asked):
    """Let these units of a parcel leave in a parcel of their own."""

    parcel: ParcelNumber
    lines: Annotated[tuple[LineQuantity, ...], Field(min_length=1)]


class MoveParcel(Asked):
    """Ship a parcel from another location, with its provider; units must be available there.

    `provider` is the location's, as the catalog names it.
    """

    parcel: ParcelNumber
    location: Code
    provider: Code


class ChangeCarrier(Asked):
    """Let another carrier take a parcel whose label we buy; `carrier` in lower case, or an account's name."""

    parcel: ParcelNumber
    carrier: Code


class GoodwillRefund(Asked):
    """Give part of the money back though the goods are kept. `amount` in minor units; `parcel` 0: the first that can.

    Above the seller's limit it waits for a second person.
    """

    amount: Annotated[int, Field(ge=1, le=10**12)]
    parcel: ParcelNumber = 0


class ChangePayment(Asked):
    """Reserve the amounts anew with another payment method: the shopper's card could not be asked again."""

    payment: Payment


class DelayConsent(Asked):
    """The shopper's answer to a delay notice."""

    consent: bool


ChangeOutcome = Literal["done", "partly_done", "pending", "refused", "awaiting_approval"]


class ChangeAnswer(Message):
    """What became of a change.

    `pending`: taken, look again by `answer_by`. `refused`: `message` says why, and what can be done instead.
    `partly_done`: for some parcels only; `message` says of each parcel what became of it.
    `change_id` finds it in the order's story; `parcel` is the parcel that came of it, where there is one.
    """

    order_id: str
    change_id: str
    outcome: ChangeOutcome
    status: OrderStatus
    message: str
    parcel: int = 0
    answer_by: AwareDatetime | None = None


class HoldRequest(Message):
    """A typed hold to place or release; hand-off waits for the last."""

    kind: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,40}$")]
    by: Word
    reason: Word = NO_REASON


class Resolution(Message):
    """An operator's answer to an attention item; `choice` is one of the item's choices.

    One that moves more money than one person may is kept as a proposal until a second person makes the same choice.
    """

    item_id: str
    choice: str
    by: Word
    reason: Word


class ParcelView(Message):
    """A parcel as its saga sees it. Amounts in minor units of the order's currency."""

    plan: ParcelPlan
    status: ParcelStatus
    carrier: str | None = None
    tracking_number: str | None = None
    captured: int = 0
    refunded: int = 0
    voided: int = 0


class OrderView(Message):
    """The answer of `order_state`. `holds`: kinds in force, with their reasons; `attention`: open questions.

    `possible`: what may be asked of it now, such as `cancel` or `split`; None: its build does not say.
    """

    order_id: str
    status: OrderStatus
    outcome: ConfirmOutcome | None
    reason: str | None
    holds: dict[str, str]
    parcels: tuple[ParcelView, ...]
    attention: tuple[AttentionItem, ...]
    next_deadline: AwareDatetime | None
    awaiting: str
    possible: tuple[str, ...] | None = None


class OrderResult(Message):
    """How an order ended; the workflow's result. Amounts are minor units of `currency`."""

    order_id: str
    status: OrderStatus
    reason: str | None
    currency: str
    captured: int
    refunded: int

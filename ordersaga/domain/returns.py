"""Returns: the values of a return, from what a shopper asks to what the warehouse found.

Goodwill for an order that has ended is one too, in which nothing comes back: the wish `keep`.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Final, Self

from pydantic import AwareDatetime, Field, StringConstraints, model_validator

from ordersaga.domain.identifiers import Code, ReturnReference, Sku, return_id
from ordersaga.domain.journal import AttentionItem, JournalEntry
from ordersaga.domain.money import MinorUnits
from ordersaga.domain.orders import Address, LineQuantity, Order, ParcelPlan, Quantity, not_given
from ordersaga.domain.statuses import OrderStatus
from ordersaga.domain.values import Message

Said = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300)]
Units = Annotated[int, Field(ge=0, le=10_000, description="whole units")]
ReturnNumber = Annotated[int, Field(ge=1, le=99)]
Amount = Annotated[int, Field(ge=1, le=10**12, description="minor units of the order's currency")]
LARGEST_NUMBER: Final = 99
_GOODWILL_DOOR: Final = "change it, or give goodwill: POST /v1/orders/{id}/refunds, or ordersaga order refund"


class ReturnReason(StrEnum):
    """Why the goods come back. All but `unwanted` are the seller's fault; `goodwill` is for goods that are kept."""

    UNWANTED = "unwanted"
    DAMAGED = "damaged"
    WRONG_ITEM = "wrong_item"
    NOT_AS_DESCRIBED = "not_as_described"
    GOODWILL = "goodwill"

    @property
    def sellers_fault(self) -> bool:
        return self not in (ReturnReason.UNWANTED, ReturnReason.GOODWILL)


class ReturnWish(StrEnum):
    """What the shopper wants instead. The refund comes in any case: an exchange is a new order beside it.

    `keep`: the goods stay, and part of their price goes back as goodwill.
    """

    REFUND = "refund"
    EXCHANGE = "exchange"
    KEEP = "keep"


class ReturnStatus(StrEnum):
    """Where a return stands. `FINAL_RETURNS` are its ends."""

    REQUESTED = "requested"
    AWAITING_GOODS = "awaiting_goods"
    IN_TRANSIT = "in_transit"
    ARRIVED = "arrived"
    INSPECTED = "inspected"
    REFUND_PENDING = "refund_pending"
    NEEDS_ATTENTION = "needs_attention"
    REFUNDED = "refunded"
    PARTLY_REFUNDED = "partly_refunded"
    REFUSED = "refused"
    LOST = "lost"
    EXPIRED = "expired"
    CANCELED = "canceled"


FINAL_RETURNS: Final = frozenset(
    {
        ReturnStatus.REFUNDED,
        ReturnStatus.PARTLY_REFUNDED,
        ReturnStatus.REFUSED,
        ReturnStatus.LOST,
        ReturnStatus.EXPIRED,
        ReturnStatus.CANCELED,
    }
)
RETURNABLE: Final = frozenset({OrderStatus.COMPLETED, OrderStatus.RETURNING, OrderStatus.RETURNED})
"""The order's saga has ended with goods at the shopper's: nothing else moves its money or goods any more."""


class WishedLine(Message):
    """Goods wanted in exchange. `unit_price` in minor units; None: what the shopper paid for this SKU in the order."""

    sku: Sku
    quantity: Quantity
    unit_price: MinorUnits | None = None


class ReturnRequest(Message):
    """What a shopper wants to send back, and why. `parcel` 0: the parcel that holds these units.

    `exchange_for`: what the shopper wants instead; empty with `exchange`: the same goods again.
    With `keep`: no lines, but the `amount` to give back of the price; `parcel` 0: the first that has that much left.
    """

    lines: Annotated[tuple[LineQuantity, ...], Field(max_length=100)] = ()
    reason: ReturnReason
    wish: ReturnWish = ReturnWish.REFUND
    parcel: Annotated[int, Field(ge=0, le=100)] = 0
    exchange_for: Annotated[tuple[WishedLine, ...], Field(max_length=100)] = ()
    amount: Amount | None = None
    by: Said = "unknown"
    note: Said | None = None

    @property
    def keeps_goods(self) -> bool:
        """Nothing comes back."""
        return self.wish is ReturnWish.KEEP

    @model_validator(mode="after")
    def _goods_or_money(self) -> Self:
        if self.keeps_goods and self.lines:
            raise ValueError("lines: with the wish keep nothing comes back; leave them out, or change the wish")
        if self.keeps_goods and self.amount is None:
            raise ValueError("amount: say how much is given back, in minor units")
        if not self.keeps_goods and not self.lines:
            raise ValueError("lines: say what comes back; only with the wish keep it is nothing")
        if not self.keeps_goods and (self.amount is not None or self.reason is ReturnReason.GOODWILL):
            name = "reason" if self.amount is None else "amount"
            raise ValueError(f"{name}: goods that come back are refunded by their price; {_GOODWILL_DOOR}")
        return self

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for name, skus in (
            ("lines", [u.sku for u in self.lines]),
            ("exchange_for", [w.sku for w in self.exchange_for]),
        ):
            if len(set(skus)) != len(skus):
                raise ValueError(f"{name}: a SKU appears twice; add its quantities up into one line")
        if self.exchange_for and self.wish is not ReturnWish.EXCHANGE:
            raise ValueError("exchange_for: only with the wish exchange; change the wish, or leave it out")
        return self


class InspectedLine(Message):
    """What was found of one SKU, in units.

    `damaged` ones are refunded and written off; `refused` ones (not ours, or damaged by the shopper) are sent back.
    """

    sku: Sku
    sellable: Units = 0
    damaged: Units = 0
    missing: Units = 0
    refused: Units = 0

    @property
    def accepted(self) -> int:
        return self.sellable + self.damaged

    @property
    def total(self) -> int:
        return self.sellable + self.damaged + self.missing + self.refused


class Inspection(Message):
    """What the warehouse found, by whom. `reason` says why units are refused, and is told to the shopper."""

    lines: Annotated[tuple[InspectedLine, ...], Field(min_length=1, max_length=100)]
    by: Said
    reason: Said | None = None

    def units(self, kind: str) -> tuple[LineQuantity, ...]:
        """Units found `sellable`, `damaged`, `missing` or `refused`; or `accepted`: the refunded ones."""
        counted = ((line.sku, int(getattr(line, kind))) for line in self.lines)
        return tuple(LineQuantity(sku=sku, quantity=count) for sku, count in counted if count)


class ReturnCase(Message):
    """A return as it was accepted: the input of its workflow.

    `returned_before`: units of the parcel in its earlier returns, which the refund's rounding builds on.
    `account`: the carrier account its label is bought at; None: the first. `sent_to`: where the parcel went, if not
    where the order goes: from there it comes back.
    """

    order: Order
    plan: ParcelPlan
    number: ReturnNumber
    request: ReturnRequest
    delivered_at: AwareDatetime
    accepted_at: AwareDatetime
    returned_before: tuple[LineQuantity, ...] = ()
    account: Code | None = Field(default=None, exclude_if=not_given)
    sent_to: Address | None = Field(default=None, exclude_if=not_given)

    @property
    def way_out(self) -> Order:
        """The order as it went to the shopper in this parcel."""
        return self.order if self.sent_to is None else self.order.model_copy(update={"ship_to": self.sent_to})

    @property
    def order_id(self) -> str:
        return self.order.order_id

    @property
    def return_id(self) -> str:
        return return_id(self.order_id, self.number)

    @property
    def reference(self) -> str:
        """What the carrier knows the way back by."""
        return str(ReturnReference(self.order_id, self.number, self.plan.parcel))


class ReturnRecord(Message):
    """A return as it is stored. Amounts in minor units of `currency`. `instructions`: what the shopper is to do."""

    case: ReturnCase
    status: ReturnStatus = ReturnStatus.REQUESTED
    reason: str | None = None
    inspection: Inspection | None = None
    carrier: str | None = None
    tracking_number: str | None = None
    label_url: str | None = None
    instructions: str | None = None
    refunded: int = 0
    exchange_order_id: str | None = None
    started: bool = False
    updated_at: AwareDatetime | None = None

    @property
    def open(self) -> bool:
        return self.status not in FINAL_RETURNS

    def taken(self) -> tuple[LineQuantity, ...]:
        """Units no other return may have: all of an open one, the refunded ones of one that has ended."""
        if self.open:
            return self.case.request.lines
        if self.inspection is not None:
            return self.inspection.units("accepted")
        return self.case.request.lines if self.status is ReturnStatus.LOST and self.refunded else ()


class ReturnUpdate(Message):
    """What changed since the last write, in one transaction with the order's status, its story and its questions."""

    record: ReturnRecord
    entries: tuple[JournalEntry, ...] = ()
    attention: tuple[AttentionItem, ...] = ()


@dataclass(frozen=True)
class Refusal:
    """Why a return is not accepted, and what can be done instead. `field`: the value that is wrong, if one is."""

    code: str
    reason: str
    alternative: str
    field: str | None = None


@dataclass(frozen=True)
class Opened:
    """A return that stands; `repeated`: it was accepted before, for the same request."""

    record: ReturnRecord
    repeated: bool = False


@dataclass(frozen=True)
class ReturnAsk:
    """A request with how to tell it from another: a caller's key, or the number it wants."""

    request: ReturnRequest
    key: str | None = None
    number: int | None = None


class ExchangeAnswer(Message):
    """What became of an exchange's order: placed, decided on or not, or refused with a reason."""

    order_id: str
    decided: bool
    placed: bool
    reason: str | None = None

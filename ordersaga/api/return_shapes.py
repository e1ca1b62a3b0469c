"""The bodies of returns in the HTTP API. Amounts are integer minor units of the order's currency."""

from typing import Annotated, Self

from pydantic import AwareDatetime, Field

from ordersaga.api.shapes import Request, Whole
from ordersaga.domain.identifiers import Sku
from ordersaga.domain.money import MinorUnits
from ordersaga.domain.orders import LineQuantity, Quantity
from ordersaga.domain.returns import (
    Amount,
    Inspection,
    ReturnNumber,
    ReturnReason,
    ReturnRecord,
    ReturnStatus,
    ReturnWish,
    Said,
    Units,
    WishedLine,
)
from ordersaga.domain.values import Message
from workflows.return_state import ReturnView


class WishBody(Request):
    """Goods wanted in exchange. `unit_price` may be left out for what the order itself has a price for."""

    sku: Sku
    quantity: Quantity
    unit_price: MinorUnits | None = None


class ReturnBody(Request):
    """What a shopper wants to send back. `number`: which return of the order this is, to make repeating it harmless.

    With the wish `keep`: no lines, but the `amount` to give back, in minor units of the order's currency.
    """

    lines: Annotated[tuple[LineQuantity, ...], Field(max_length=100)] = ()
    reason: ReturnReason
    wish: ReturnWish = ReturnWish.REFUND
    parcel: Annotated[int, Field(ge=0, le=100)] = 0
    exchange_for: Annotated[tuple[WishBody, ...], Field(max_length=100)] = ()
    amount: Annotated[Amount, Whole] | None = None
    note: Said | None = None
    number: ReturnNumber | None = None
    by: Said | None = None


class ReceiptLine(Request):
    """What was found of one SKU, in units; `refused` ones (not ours, or damaged by the shopper) are sent back."""

    sku: Sku
    sellable: Units = 0
    damaged: Units = 0
    missing: Units = 0
    refused: Units = 0


class ReceiptBody(Request):
    """What the warehouse found: every unit that was to come back. `reason` where units are refused."""

    lines: Annotated[tuple[ReceiptLine, ...], Field(min_length=1, max_length=100)]
    reason: Said | None = None
    by: Said | None = None


class CancelReturnBody(Request):
    """Why the shopper keeps the goods."""

    reason: Said = "not given"
    by: Said | None = None


class ReturnDocument(Message):
    """A return. `live`: what its workflow says, on request or as the answer to an action."""

    return_id: str
    order_id: str
    number: int
    parcel: int
    status: ReturnStatus
    reason: str | None
    lines: tuple[LineQuantity, ...]
    asked_because: ReturnReason
    wish: ReturnWish
    exchange_for: tuple[WishedLine, ...]
    amount: int | None
    delivered_at: AwareDatetime
    requested_at: AwareDatetime
    updated_at: AwareDatetime | None
    carrier: str | None
    tracking_number: str | None
    label_url: str | None
    instructions: str | None
    inspection: Inspection | None
    refunded: int
    currency: str
    exchange_order_id: str | None
    started: bool
    live: ReturnView | None = None

    @classmethod
    def of(cls, record: ReturnRecord, live: ReturnView | None = None) -> Self:
        """The document of a record."""
        case = record.case
        own = {name: getattr(record, name) for name in ReturnRecord.model_fields if name in cls.model_fields}
        return cls(
            **own,
            return_id=case.return_id,
            order_id=case.order_id,
            number=case.number,
            parcel=case.plan.parcel,
            lines=case.request.lines,
            asked_because=case.request.reason,
            wish=case.request.wish,
            exchange_for=case.request.exchange_for,
            amount=case.request.amount,
            delivered_at=case.delivered_at,
            requested_at=case.accepted_at,
            currency=case.order.currency,
            live=live,
        )


class ReturnList(Message):
    """An order's returns, by number. `returnable`: units that may still come back.

    `refundable`: the most that may be given of what was paid for one parcel, its goods kept.
    """

    returns: tuple[ReturnDocument, ...]
    returnable: tuple[LineQuantity, ...] = ()
    refundable: int = 0


class ReturnExplanation(Message):
    """Why a return is where it is. `live` is False when its workflow could not be asked and the record answers."""

    return_id: str
    status: ReturnStatus
    text: str
    live: bool

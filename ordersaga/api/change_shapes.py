"""The bodies of changes to an order. `by`: the person an operator's key acts for; every other key is itself."""

from typing import Annotated

from pydantic import Field, field_validator

from ordersaga.api.shapes import Request, Whole
from ordersaga.domain.identifiers import Code
from ordersaga.domain.orders import Address, LineQuantity, Payment, Quantity, not_given
from workflows.messages import ParcelNumber, Word

OneParcel = Annotated[int, Field(ge=1, le=100, strict=True)]


class Units(LineQuantity):
    """Units of one SKU. The quantity is taken as it is: neither `"2"` nor `2.0`."""

    quantity: Annotated[Quantity, Whole]


class CancelBody(Request):
    """Why an order is to be canceled; `lines`: only these units of it, left out for the whole order.

    `digest`: of the preview that was looked at; 409 `preview_outdated`, and nothing is done, where it would come to
    something else by now.
    """

    by: Word | None = None
    reason: Word = "not given"
    lines: Annotated[tuple[Units, ...], Field(max_length=100)] = ()
    digest: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = Field(default=None, exclude_if=not_given)

    @field_validator("lines")
    @classmethod
    def _not_empty(cls, lines: tuple[Units, ...]) -> tuple[Units, ...]:
        """Only a list that was sent is looked at: no units would be read as the whole order."""
        if not lines:
            raise ValueError("names no units; give at least 1, or leave lines out to cancel the whole order")
        return lines


class ArrivalBody(Request):
    """Which parcel the shopper has, and how that was heard."""

    parcel: OneParcel
    by: Word | None = None
    reason: Word = "not given"


class ChangeBody(Request):
    """What every change says."""

    by: Word | None = None
    reason: Word = "not given"


class AddressBody(ChangeBody):
    """Ship to another address."""

    ship_to: Address


class ExpediteBody(ChangeBody):
    """Ship by the faster service; `parcel` 0: every parcel that has not left."""

    parcel: Annotated[ParcelNumber, Whole] = 0


class SplitBody(ChangeBody):
    """Let these units of a parcel leave in a parcel of their own."""

    parcel: OneParcel
    lines: Annotated[tuple[Units, ...], Field(min_length=1, max_length=100)]


class MoveBody(ChangeBody):
    """Ship a parcel from another location of the catalog."""

    parcel: OneParcel
    location: Code


class CarrierBody(ChangeBody):
    """Let another carrier take a parcel; `carrier` in lower case."""

    parcel: OneParcel
    carrier: Code


class RefundBody(ChangeBody):
    """Give part of the money back though the goods are kept: `amount` in minor units of the order's currency."""

    amount: Annotated[int, Field(ge=1, le=10**12, strict=True)]
    parcel: Annotated[ParcelNumber, Whole] = 0


class PaymentBody(ChangeBody):
    """Reserve the amounts anew with another payment method."""

    payment: Payment

    @field_validator("payment")
    @classmethod
    def _names_a_method(cls, payment: Payment) -> Payment:
        if payment.payment_method is None:
            raise ValueError("payment_method: missing; send one: only it can take another one's place")
        return payment


class DelayBody(ChangeBody):
    """The shopper's answer to a delay notice: keep waiting (`consent` true), or cancel what is late."""

    consent: Annotated[bool, Field(strict=True)]

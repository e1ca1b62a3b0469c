"""What a payment company says about one payment of ours."""

from enum import StrEnum
from typing import Literal

from pydantic import AwareDatetime

from ordersaga.domain.money import Currency, MinorUnits
from ordersaga.domain.values import Message


class PaymentStatus(StrEnum):
    """Where a payment stands, in words that hold for every payment company."""

    PROCESSING = "processing"
    REQUIRES_ACTION = "requires_action"
    DECLINED = "declined"
    AUTHORIZED = "authorized"
    CAPTURED = "captured"
    VOIDED = "voided"


class NextAction(Message):
    """What the shopper must do: open `url`, or hand `client_secret` to the payment company's own form.

    Both open the payment to whoever holds them: they are fetched by `payment_id` when a shopper asks, never stored.
    """

    kind: Literal["redirect", "use_sdk"]
    payment_id: str | None = None
    url: str | None = None
    client_secret: str | None = None


class PaymentRequest(Message):
    """An authorization to ask for. `amount` in minor units; `reference` is our effect key, searchable afterwards.

    `off_session`: the shopper is not there to answer a challenge.
    `save_for_later`: this parcel's payment method will be charged again for the order's other parcels.
    `extended`: ask the bank to hold the funds longer than usual; where it does not, the usual hold is the answer.
    """

    order_id: str
    parcel: int
    reference: str
    amount: MinorUnits
    currency: Currency
    payment_method: str
    customer: str | None = None
    off_session: bool = False
    save_for_later: bool = False
    extended: bool = False
    description: str = ""


class PaymentState(Message):
    """A payment as the company reports it. Amounts in minor units.

    `capture_before` is the moment the authorization lapses (Stripe: `payment_method_details.card.capture_before`).
    """

    payment_id: str
    status: PaymentStatus
    amount: MinorUnits
    capturable: MinorUnits = 0
    captured: MinorUnits = 0
    refunded: MinorUnits = 0
    currency: Currency = "USD"
    customer: str | None = None
    capture_before: AwareDatetime | None = None
    next_action: NextAction | None = None
    code: str | None = None
    message: str | None = None


class RefundState(Message):
    """A refund as the company reports it; `pending` until the processor's balance covers it."""

    refund_id: str
    payment_id: str
    status: Literal["pending", "succeeded", "failed", "canceled"]
    amount: MinorUnits

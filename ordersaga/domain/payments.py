"""What a payment company says about one payment of ours."""

from datetime import timedelta
from enum import StrEnum
from typing import Final, Literal

from pydantic import AwareDatetime

from ordersaga.domain.money import Currency, MinorUnits
from ordersaga.domain.payment_methods import MethodType
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


LINK_LIVES: Final = (timedelta(hours=1, minutes=45), timedelta(hours=23, minutes=50))
"""How long a page to pay on stays open, at least and at most. Stripe: 30 minutes to 24 hours after it is made; the call
that makes it may be repeated for an hour, and clocks differ."""


class PayLink(Message):
    """A page of the payment company's on which the shopper pays: open until `expires_at`, then back to `return_url`."""

    expires_at: AwareDatetime
    return_url: str


class PaymentRequest(Message):
    """An authorization to ask for. `amount` in minor units; `reference` is our effect key, searchable afterwards.

    `off_session`: the shopper is not there to answer a challenge.
    `save_for_later`: this parcel's payment method will be charged again for the order's other parcels.
    `extended`: ask the bank to hold the funds longer than usual; where it does not, the usual hold is the answer.
    `link`: the shopper chooses on a page how to pay; `payment_method` is "" then.
    `method_type`: decides whether the funds can be reserved; otherwise they are taken at once. `return_url`: where a
    page of the bank's sends the shopper back to.
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
    link: PayLink | None = None
    method_type: MethodType = MethodType.CARD
    return_url: str | None = None


class PaymentState(Message):
    """A payment as the company reports it. Amounts in minor units.

    `payment_id` names the payment or, as long as nobody paid there, the page where it will be made (a pay link).
    `payment_method`: what it is paid with, where that is known.
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
    payment_method: str | None = None
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

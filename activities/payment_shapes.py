"""What activities about a parcel's payment are asked and answer."""

from datetime import datetime

from ordersaga.domain.payment_methods import MethodType
from ordersaga.domain.payments import NextAction, PayLink, PaymentStatus
from ordersaga.domain.values import Message


class ParcelPayment(Message):
    """A parcel's payment: all that asking for it needs, and all its undo needs. Amounts in minor units.

    `take`: how much of the reserved `amount` a capture takes, the rest is released; None: all of it.
    `refunded`: how much of this generation's capture partial refunds gave back already.
    `link`: the shopper pays on a page of the payment company's; `payment_method` is "" then.
    `return_url`: where a page of the bank's sends the shopper back to.
    `collected_by`: the channel whose platform has the money already; nothing is asked of the payment company then.
    """

    order_id: str
    parcel: int
    amount: int
    currency: str
    payment_method: str
    customer: str | None = None
    off_session: bool = False
    save_for_later: bool = False
    generation: int = 1
    take: int | None = None
    refunded: int = 0
    extended: bool = False
    link: PayLink | None = None
    method_type: MethodType = MethodType.CARD
    return_url: str | None = None
    collected_by: str | None = None

    @property
    def wanted(self) -> int:
        """What a capture takes."""
        return self.amount if self.take is None else self.take

    @property
    def may_arrive(self) -> bool:
        """Whether money may come without a call of ours, also when the order is given up already."""
        return self.link is not None or self.method_type is not MethodType.CARD


class AuthorizationResult(Message):
    """Where the authorization stands: authorized, requires_action, declined or voided."""

    status: PaymentStatus
    customer: str | None = None
    payment_method: str | None = None
    capture_before: datetime | None = None
    next_action: NextAction | None = None
    code: str | None = None
    message: str | None = None


class CaptureResult(Message):
    """Taken (`captured` minor units), or refused with `code`."""

    captured: int = 0
    code: str | None = None
    message: str | None = None


class ReleaseResult(Message):
    """What the undo gave back, in minor units: a reservation voided, or a capture refunded.

    `undecided`: the bank has not said yet whether it pays; nothing can be given back before that.
    """

    voided: int = 0
    refunded: int = 0
    undecided: bool = False

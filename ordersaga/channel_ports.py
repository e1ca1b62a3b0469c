"""What the saga needs of a sales channel that sells and collects the money itself. As in `ports`, every method that
changes something outside may raise `RetryError` (with `unknown=True`: inquire first), `CustomerError`, `OperatorError`.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from ordersaga.domain.channels import (
    CancelReason,
    CancelRequest,
    ChannelCancellation,
    ChannelOrder,
    ChannelPackage,
    ChannelRefund,
    ChannelShipment,
    RefundRequest,
    RejectReason,
)
from ordersaga.domain.shipping import CancelDecision


@dataclass(frozen=True)
class TokenPair:
    """What an account is called with, and what new ones are asked for with; None: nobody may renew it."""

    access: str = field(repr=False)
    refresh: str | None = field(default=None, repr=False)


class TokenVault(Protocol):
    """One account's newest tokens, where every process finds them."""

    async def newest(self) -> TokenPair | None:
        """Those renewed last; None: they never were."""
        ...

    async def renew(self, renewal: Callable[[TokenPair | None], Awaitable[TokenPair]]) -> TokenPair:
        """One at a time, whoever asks: what `renewal` makes of the newest is kept, and answered."""
        ...


class Channel(Protocol):
    """One seller's shop at a marketplace."""

    async def fetch(self, channel_order_id: str) -> ChannelOrder:
        """The order as it stands now. Raises NotShownError for one that is not shown: that is no proof of absence."""
        ...

    async def changed_since(self, since: datetime) -> Sequence[ChannelOrder]:
        """Orders changed since then, oldest change first: the poller's view of what webhooks missed."""
        ...

    async def ship(self, shipment: ChannelShipment) -> ChannelPackage:
        """Tell that these lines left, with this carrier under this tracking number. Only asked when that is true.

        Repeating it is harmless: what is told already is answered as it stands. It turns down a shopper's open request
        to cancel. OperatorError: `shipped_otherwise` when the lines are known under another number, `carrier_unknown`,
        `package_must_be_split`, or the platform's own refusal, such as of an order that is on hold or canceled.
        """
        ...

    async def inquire_shipment(self, shipment: ChannelShipment) -> ChannelPackage | None:
        """What the marketplace knows under this tracking number; None: nothing of this order."""
        ...

    async def cancel(
        self, channel_order_id: str, reason: CancelReason, *, key: str, line_ids: Sequence[str] = ()
    ) -> CancelDecision:
        """The seller cancels the order, or only these lines; the platform refunds the shopper.

        Canceled already, by whomever, is CANCELED; what is shipped is REFUSED. `key` names this attempt where the
        platform takes one; where it does not, the lines are the key.
        """
        ...

    async def cancellations(self, channel_order_id: str) -> Sequence[ChannelCancellation]:
        """Every cancellation of an order, asked by whomever, oldest first: what a lost answer came to."""
        ...

    async def open_cancel_requests(self, since: datetime) -> Sequence[CancelRequest]:
        """Shoppers' requests made since then that wait for the seller's answer, the most urgent first."""
        ...

    async def answer_cancel_request(
        self, request_id: str, *, approve: bool, reason: RejectReason = RejectReason.ALREADY_PACKED
    ) -> ChannelCancellation:
        """Grant or turn down a shopper's request; answers how it stands then.

        Repeating it is harmless. One that was settled otherwise meanwhile is answered as it stands.
        """
        ...

    async def refunds(self, channel_order_id: str) -> Sequence[ChannelRefund]:
        """What the platform gave back to the shopper of an order: for cancellations, and for returns."""
        ...

    async def give_back(self, channel_order_id: str, amount: int, currency: str, *, key: str) -> RefundRequest:
        """Have the platform give `amount` minor units of a dispatched order back, the goods are kept; once per `key`.

        It pays out later: look among `refund_requests`. OperatorError `refund_refused`: it does not.
        """
        ...

    async def refund_requests(self, channel_order_id: str) -> Sequence[RefundRequest]:
        """What was asked for after dispatch, by whomever, oldest first: what a lost answer came to."""
        ...

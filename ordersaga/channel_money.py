"""Money that a channel's platform collected: what the saga needs to have it given back."""

from typing import Protocol

from ordersaga.domain.payments import RefundState


class ChannelMoney(Protocol):
    """A channel whose platform took the shopper's money, and is the one that can give it back.

    As in `ports`, a method that changes something outside may raise `RetryError` (with `unknown=True`: inquire first),
    `CustomerError`, `OperatorError`. `order_id` is ours; `payment_id` of an answer is the order's name there.
    """

    async def refund(self, order_id: str, amount: int, *, key: str) -> RefundState:
        """Have `amount` minor units given back to the shopper, once per `key` ({order}/{step}/{parcel}/{generation}).

        Given back already by the platform itself, for a cancellation of its own, is an answer.
        """
        ...

    async def find_refund(self, order_id: str, reference: str) -> RefundState | None:
        """Find a refund by the key it was asked with; None means none was made."""
        ...

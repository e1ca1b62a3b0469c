"""The ChannelMoney port in memory: a marketplace that collected the money."""

from itertools import count

from ordersaga.domain.errors import CustomerError
from ordersaga.domain.payments import RefundState
from tests.fakes.script import Scripted


class FakePlatform(Scripted):
    """Gives back what it is asked to, once per key, and never more than `collected`."""

    def __init__(self, collected: int = 10**9) -> None:
        super().__init__()
        self.collected = collected
        self.refunds: dict[str, RefundState] = {}
        self._numbers = count(1)

    @property
    def given_back(self) -> int:
        """Minor units."""
        return sum(refund.amount for refund in self.refunds.values())

    async def refund(self, order_id: str, amount: int, *, key: str) -> RefundState:
        """Have it given back."""
        with self._call("refund", order_id, amount, key):
            if key not in self.refunds:
                if self.given_back + amount > self.collected:
                    raise CustomerError("refund_refused", f"Order {order_id} has less than {amount} left")
                name = f"platform_{next(self._numbers)}"
                made = RefundState(refund_id=name, payment_id=order_id, status="succeeded", amount=amount)
                self.refunds[key] = made
            return self.refunds[key]

    async def find_refund(self, order_id: str, reference: str) -> RefundState | None:
        """Find it by its key."""
        with self._call("find_refund", order_id, reference):
            return self.refunds.get(reference)

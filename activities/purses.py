"""Who can give money back: the payment company, or the platform of the channel that collected it."""

from collections.abc import Mapping
from typing import Protocol

from ordersaga.channel_money import ChannelMoney
from ordersaga.domain.errors import OperatorError
from ordersaga.domain.payments import RefundState
from ordersaga.ports import PaymentGateway


class Purse(Protocol):
    """Gives money back, and finds what it gave. `name`: of the payment; of an order, where a platform has it."""

    async def refund(self, name: str, amount: int, /, *, key: str) -> RefundState: ...

    async def find_refund(self, name: str, reference: str, /) -> RefundState | None: ...


class Purses:
    """By the channel that collected the money; None: the payment company did."""

    def __init__(self, gateway: PaymentGateway, channels: Mapping[str, ChannelMoney]) -> None:
        self._gateway, self._channels = gateway, channels

    def of(self, collected_by: str | None) -> Purse:
        """Raises OperatorError `channel_not_configured`."""
        if collected_by is None:
            return self._gateway
        found = self._channels.get(collected_by)
        if found is None:
            advice = "set it up, or give the money back there by hand"
            raise OperatorError("channel_not_configured", f"{collected_by} has the money, unknown here: {advice}")
        return found

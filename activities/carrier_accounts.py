"""The carriers by account: an effect is asked about where it was asked, and nowhere else; and whom stops keep back."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from ordersaga.domain.carriers import CARRIER_STOPPED, EASYPOST, CarrierAccount
from ordersaga.domain.errors import OperatorError
from ordersaga.domain.orders import Order
from ordersaga.domain.stops import carriers_stopped
from ordersaga.ports import Carrier
from ordersaga.stop_ports import StandingStops


def carrier_at(carriers: Mapping[str, Carrier], account: str | None) -> Carrier:
    """The carrier of an account, None for the first there was; OperatorError `unknown_account` if not configured."""
    name = account or EASYPOST
    if name not in carriers:
        known = ", ".join(sorted(carriers))
        raise OperatorError("unknown_account", f"no carrier account is named {name!r}; configured: {known}")
    return carriers[name]


class StoppedCarriers:
    """Carriers that stops keep from selling labels. `stops`: None where nothing is ever stopped."""

    def __init__(self, stops: StandingStops | None = None, accounts: Sequence[CarrierAccount] = ()) -> None:
        self._stops, self._accounts = stops, accounts

    async def of(self, order: Order, provider: str) -> Mapping[str, str]:
        """By carrier in lower case: why it sells no label for a parcel of the order at this provider."""
        if self._stops is None:
            return {}
        return carriers_stopped(await self._stops.standing(), order, provider, datetime.now(UTC))

    async def avoided(self, order: Order, provider: str, account: str | None, wanted: str | None) -> tuple[str, ...]:
        """Whose labels an account must not sell; OperatorError `carrier_stopped` where it sells no other."""
        stopped = await self.of(order, provider)
        name = account or EASYPOST
        known = next((each for each in self._accounts if each.code == name), CarrierAccount(name))
        if why := known.stopped(wanted, stopped):
            raise OperatorError(CARRIER_STOPPED, f"{known.code}: {why}")
        return tuple(sorted(stopped))

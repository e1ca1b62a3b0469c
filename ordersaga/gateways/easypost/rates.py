"""Which of EasyPost's rates is bought: of the carrier that was asked for, fast enough, then the cheapest.

Service levels: https://docs.easypost.com/docs/shipments#service-levels, by carrier.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from ordersaga.domain.carriers import CARRIER_STOPPED
from ordersaga.domain.errors import CustomerError, OperatorError
from ordersaga.domain.shipping import LabelRequest, ShippingService
from ordersaga.gateways.easypost.errors import about_address

Rate = dict[str, Any]

_UPS = frozenset(
    {
        "3dayselect",
        "2nddayair",
        "2nddayairam",
        "nextdayair",
        "nextdayairearlyam",
        "nextdayairsaver",
        "express",
        "expressplus",
        "upssaver",
    }
)
_FEDEX = frozenset(
    {
        "fedex_express_saver",
        "fedex_2_day",
        "fedex_2_day_am",
        "standard_overnight",
        "priority_overnight",
        "first_overnight",
        "international_priority",
        "international_first",
    }
)
_USPS = frozenset({"priority", "express", "prioritymailinternational", "expressmailinternational"})
EXPEDITED: Mapping[str, frozenset[str]] = {
    "usps": _USPS,
    "ups": _UPS,
    "upsdap": _UPS,
    "fedex": _FEDEX,
    "fedexdefault": _FEDEX,
}
"""Service levels that count as expedited, by carrier, in lower case; of other carriers none does."""


def cheapest(shipment: Mapping[str, Any], request: LabelRequest, permitted: frozenset[str]) -> Rate:
    """The rate to buy. `permitted` carriers in lower case; empty means all.

    Raises CustomerError `label_refused` for an address no carrier serves, OperatorError `no_rates` naming the carriers
    that offered something else, `carrier_stopped` where only carriers that the request avoids offer it.
    """
    offered: list[Rate] = shipment.get("rates") or []
    fitting = [rate for rate in offered if _fits(rate, request, permitted)]
    rates = [rate for rate in fitting if _carrier(rate) not in request.avoid]
    if fitting and not rates:
        stopped = ", ".join(sorted({_carrier(rate) for rate in fitting}))
        raise OperatorError(CARRIER_STOPPED, f"stopped: {stopped}; nobody else offers a {request.service} rate")
    if not rates:
        raise _no_rates(shipment.get("messages") or [], offered, request)
    return min(rates, key=lambda rate: (Decimal(str(rate["rate"])), str(rate["id"])))


def _fits(rate: Rate, request: LabelRequest, permitted: frozenset[str]) -> bool:
    carrier, level = _carrier(rate), str(rate.get("service")).lower()
    fast = request.service is ShippingService.STANDARD or level in EXPEDITED.get(carrier, frozenset())
    wanted = request.carrier in {None, carrier} and (not permitted or carrier in permitted)
    return fast and wanted and rate.get("currency", "USD") == "USD"


def _carrier(rate: Rate) -> str:
    return str(rate.get("carrier")).lower()


def _no_rates(
    messages: Sequence[Mapping[str, Any]], offered: Sequence[Rate], request: LabelRequest
) -> CustomerError | OperatorError:
    """The carriers' messages say why there is no price; without any, what was asked for is not among the offers."""
    told = "; ".join(str(message.get("message")) for message in messages)
    if about_address(told) and not offered:
        carriers = dict.fromkeys(str(message.get("carrier") or "unknown carrier") for message in messages)
        return CustomerError("label_refused", f"the address is refused by {', '.join(carriers)}")
    if told and not offered:
        return OperatorError("no_rates", told)
    who = ", ".join(sorted({str(rate.get("carrier")) for rate in offered})) or "no carrier"
    wanted = f"{request.service} rate of {request.carrier or 'a permitted carrier'}"
    return OperatorError("no_rates", f"no {wanted} is offered; rates came from: {who}; choose one of these carriers")

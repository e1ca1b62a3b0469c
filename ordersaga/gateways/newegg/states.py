"""Newegg's words translated (https://developer.newegg.com, "Get Order Information", "Get Feed Status", "Cancel Order").

Newegg tells no scans and no deliveries. Its last word about an order is that it has invoiced it, which it does with
what it has given to the carrier: that counts as on its way. An order shipped in part is as far as what is not.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from pydantic import ValidationError

from ordersaga.domain.errors import OperatorError
from ordersaga.domain.lattices import goods_left
from ordersaga.domain.orders import LineQuantity
from ordersaga.domain.shipping import CancelDecision, ProviderOrder
from ordersaga.domain.statuses import ParcelStatus
from ordersaga.gateways.newegg.errors import unreadable
from ordersaga.gateways.newegg.shapes import Json, count, several
from ordersaga.gateways.newegg.times import read
from ordersaga.gateways.webhook_parts import text

_PARTIALLY_SHIPPED: Final = "1"
_STATUS: Final[Mapping[str, ParcelStatus]] = {
    "0": ParcelStatus.ACCEPTED,
    _PARTIALLY_SHIPPED: ParcelStatus.ACCEPTED,
    "2": ParcelStatus.LEFT_WAREHOUSE,
    "3": ParcelStatus.IN_TRANSIT,
    "4": ParcelStatus.CANCELED,
    "5": ParcelStatus.ACCEPTED,  # its payment is pending, since version 312
}
_LINE_CANCELED: Final = "3"


class FeedState(StrEnum):
    """How far Newegg is with a feed."""

    UNDER_WAY = "under_way"
    FINISHED = "finished"
    CANCELED = "canceled"


FEED_STATES: Final[Mapping[str, FeedState]] = {
    "SUBMITTED": FeedState.UNDER_WAY,
    "IN_PROGRESS": FeedState.UNDER_WAY,
    "FINISHED": FeedState.FINISHED,
    "CANCELLED": FeedState.CANCELED,
}
CANCELLATION_ANSWERS: Final[Mapping[str, CancelDecision]] = {
    "Void": CancelDecision.CANCELED,
    "Processing": CancelDecision.PENDING,
}
"""What a request to cancel is answered at once."""
CANCELLATION_RESULTS: Final[Mapping[str, CancelDecision]] = {
    "Success": CancelDecision.CANCELED,
    "Failed": CancelDecision.REFUSED,
    "Processing": CancelDecision.PENDING,
}
"""What became of it."""


def status_of(order: Mapping[str, Any]) -> ParcelStatus:
    """Raises OperatorError `newegg_unknown_status` for a status that Newegg has added since."""
    word = _word(order)
    if word not in _STATUS:
        described = text(order.get("OrderStatusDescription")) or "no description"
        number = order.get("OrderNumber")
        told = f"Newegg shows order {number} with status {word!r} ({described}), which is not documented"
        raise OperatorError("newegg_unknown_status", told)
    return _STATUS[word]


def has_left(order: Mapping[str, Any]) -> bool:
    """Whether any of it has: then no cancellation is taken."""
    return _word(order) == _PARTIALLY_SHIPPED or goods_left(status_of(order))


def _word(order: Mapping[str, Any]) -> str:
    return str(order.get("OrderStatus", "")).strip()


def provider_order(order: Mapping[str, Any]) -> ProviderOrder:
    """An order with its lines and packages.

    Raises OperatorError `newegg_unknown_status`, RetryError for one without a number.
    """
    status, packages = status_of(order), several(order, "PackageInfoList", "PackageInfo")
    carrier, tracking_number = _tracking_of(packages)
    gone = () if status is ParcelStatus.CANCELED else _canceled_lines(order)
    return ProviderOrder(
        provider_id=number_of(order),
        reference=reference_of(order),
        status=status,
        carrier=carrier,
        tracking_number=tracking_number,
        detail=_detail(order, gone),
        partially_canceled=bool(gone),
        canceled_lines=gone,
        changed_at=shipped_at(order),
        packages=_numbers(packages) if goods_left(status) else (),
    )


def number_of(order: Mapping[str, Any]) -> str:
    """Newegg's number of an order; RetryError where it tells none."""
    number = str(order.get("OrderNumber") or "").strip()
    if not number:
        raise unreadable("an order without a number")
    return number


def reference_of(order: Mapping[str, Any]) -> str:
    """Our reference, which Newegg calls the SellerOrderNumber."""
    return str(order.get("SellerOrderNumber") or "")


def shipped_at(order: Mapping[str, Any]) -> datetime | None:
    """When its latest package left; None while none has."""
    found = [read(package.get("ShipDate")) for package in several(order, "PackageInfoList", "PackageInfo")]
    return max((at for at in found if at is not None), default=None)


def units_waiting(order: Mapping[str, Any]) -> list[tuple[str, int]]:
    """SKU and units of each line that is still to be shipped."""
    lines = [line for line in _lines(order) if not _is_canceled(line)]
    return [(_sku(line), count(line.get("OrderedQty")) - count(line.get("ShippedQty"))) for line in lines]


def _lines(order: Mapping[str, Any]) -> list[Json]:
    return several(order, "ItemInfoList", "ItemInfo")


def _sku(line: Mapping[str, Any]) -> str:
    return str(line.get("SellerPartNumber") or "")


def _is_canceled(line: Mapping[str, Any]) -> bool:
    return str(line.get("Status", "")).strip() == _LINE_CANCELED


def _tracking_of(packages: Sequence[Mapping[str, Any]]) -> tuple[str | None, str | None]:
    """Carrier and tracking number of the first package that has one."""
    for package in packages:
        if text(package.get("TrackingNumber")):
            return text(package.get("ShipCarrier")), text(package.get("TrackingNumber"))
    return None, None


def _numbers(packages: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Of all packages; none where one has no number yet."""
    found = [text(package.get("TrackingNumber")) for package in packages]
    known = tuple(dict.fromkeys(number for number in found if number))
    return known if all(found) else ()


def _canceled_lines(order: Mapping[str, Any]) -> tuple[LineQuantity, ...]:
    """What the warehouse canceled of an order of which the rest goes on; a line that cannot be read tells nothing."""
    gone = [(_sku(line), count(line.get("OrderedQty"))) for line in _lines(order) if _is_canceled(line)]
    try:
        return tuple(LineQuantity(sku=sku, quantity=units) for sku, units in sorted(gone))
    except ValidationError:
        return ()


def _detail(order: Mapping[str, Any], gone: Sequence[LineQuantity]) -> str | None:
    """What the status does not say, for people."""
    told = ["shipped in part"] if _word(order) == _PARTIALLY_SHIPPED else []
    if gone:
        told.append(f"{len(gone)} of {len(_lines(order))} lines canceled by Newegg")
    return "; ".join(told) or None

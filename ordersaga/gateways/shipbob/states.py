"""ShipBob's orders and shipments translated (https://developer.shipbob.com/status-reference).

An order is one parcel of ours; ShipBob may cut it into several shipments, whose statuses are then taken together.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from ordersaga.domain.orders import LineQuantity
from ordersaga.domain.shipping import ProviderOrder
from ordersaga.domain.statuses import ParcelStatus
from ordersaga.gateways.webhook_parts import child, moment, text

_ANY = ""
_STATUS: dict[tuple[str, str], ParcelStatus] = {
    ("None", _ANY): ParcelStatus.ACCEPTED,
    ("Processing", _ANY): ParcelStatus.ACCEPTED,
    ("Processing", "Picked"): ParcelStatus.PICKED,
    ("Processing", "Packed"): ParcelStatus.PACKED,
    ("Processing", "Labeled"): ParcelStatus.LABELED,
    ("CleanSweeped", _ANY): ParcelStatus.ACCEPTED,
    ("LabeledCreated", _ANY): ParcelStatus.LABELED,
    ("Completed", _ANY): ParcelStatus.LEFT_WAREHOUSE,
    ("Completed", "InTransit"): ParcelStatus.IN_TRANSIT,
    ("Completed", "OutForDelivery"): ParcelStatus.IN_TRANSIT,
    ("Completed", "DeliveryAttemptFailed"): ParcelStatus.IN_TRANSIT,
    ("Completed", "DeliveryException"): ParcelStatus.IN_TRANSIT,
    ("Completed", "Delivered"): ParcelStatus.DELIVERED,
    ("Exception", _ANY): ParcelStatus.EXCEPTION,
    ("OnHold", _ANY): ParcelStatus.ACCEPTED,
    ("OnHold", "Picked"): ParcelStatus.PICKED,
    ("OnHold", "Packed"): ParcelStatus.PACKED,
    ("OnHold", "Labeled"): ParcelStatus.LABELED,
    ("ImportReview", _ANY): ParcelStatus.ACCEPTED,
    ("Cancelled", _ANY): ParcelStatus.CANCELED,
    ("PartiallyFulfilled", _ANY): ParcelStatus.ACCEPTED,
    ("Fulfilled", _ANY): ParcelStatus.LEFT_WAREHOUSE,
}
# ShipBob resumes these by itself, once the merchant has mended what it names: the parcel waits, it does not fail.
_PAUSED = {"OnHold": "on hold at ShipBob", "ImportReview": "in import review at ShipBob"}
_LEAST_FIRST = (
    ParcelStatus.EXCEPTION,
    ParcelStatus.ACCEPTED,
    ParcelStatus.PICKED,
    ParcelStatus.PACKED,
    ParcelStatus.LABELED,
    ParcelStatus.LEFT_WAREHOUSE,
    ParcelStatus.IN_TRANSIT,
    ParcelStatus.DELIVERED,
)


def status_of(shipment: Mapping[str, Any]) -> ParcelStatus | None:
    """The status with its most telling detail; None for a word ShipBob has added since."""
    status = text(shipment.get("status")) or "no status"  # "None" is one of ShipBob's statuses
    found = [_STATUS[status, name] for name in _detail_names(shipment) if (status, name) in _STATUS]
    return max(found, key=_LEAST_FIRST.index) if found else _STATUS.get((status, _ANY))


def detail_of(shipment: Mapping[str, Any]) -> str | None:
    """ShipBob's own words for where the shipment stands, for people; a pause says that it is one."""
    words = [detail.get("description") or detail.get("name") for detail in _details(shipment)]
    told = ", ".join(str(word) for word in words if word) or None
    pause = _PAUSED.get(text(shipment.get("status")) or "")
    return f"{pause}: {told or 'no reason given'}" if pause else told


def _details(shipment: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [detail for detail in shipment.get("status_details") or [] if isinstance(detail, dict)]


def _detail_names(shipment: Mapping[str, Any]) -> list[str]:
    return [str(detail.get("name")) for detail in _details(shipment)]


def _tracking_of(shipments: Iterable[Mapping[str, Any]]) -> tuple[str | None, str | None]:
    """Carrier and tracking number of the first shipment that has one."""
    for shipment in shipments:
        tracking = child(shipment, "tracking")
        if text(tracking.get("tracking_number")):
            return text(tracking.get("carrier")), text(tracking.get("tracking_number"))
    return None, None


def provider_order(order: Mapping[str, Any]) -> ProviderOrder:
    """An order with its shipments: as far as the shipment that is least far, canceled ones left out."""
    shipments, alive = _shipments(order), living_shipments(order)
    partial = 0 < len(alive) < len(shipments)
    carrier, tracking_number = _tracking_of(alive)
    return ProviderOrder(
        provider_id=str(order["id"]),
        reference=str(order.get("reference_id") or ""),
        status=_together(alive or shipments or [dict(order)]),
        carrier=carrier,
        tracking_number=tracking_number,
        detail=_told(shipments, alive) if shipments else detail_of(order),
        partially_canceled=partial,
        canceled_lines=_canceled_lines(order) if partial else (),
        changed_at=_changed_at(shipments),
    )


def living_shipments(order: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The order's shipments without those that are canceled."""
    return [shipment for shipment in _shipments(order) if status_of(shipment) is not ParcelStatus.CANCELED]


def _shipments(order: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [shipment for shipment in order.get("shipments") or [] if isinstance(shipment, dict)]


def _canceled_lines(order: Mapping[str, Any]) -> tuple[LineQuantity, ...]:
    """The units in canceled shipments, by SKU; none when they cannot all be told in the order's own units.

    A shipment counts inventory, and a product may be a bundle of it: more units than were ordered tell nothing.
    """
    canceled = [shipment for shipment in _shipments(order) if status_of(shipment) is ParcelStatus.CANCELED]
    ordered = _units(_products(order), lambda product: _count(product.get("quantity")))
    gone = _units([each for shipment in canceled for each in _products(shipment) or [{}]], _committed)
    if any(not 0 < units <= ordered.get(sku, 0) for sku, units in gone.items()):
        return ()
    try:
        return tuple(LineQuantity(sku=sku, quantity=gone[sku]) for sku in sorted(gone))
    except ValidationError:
        return ()


def _products(holder: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [product for product in holder.get("products") or [] if isinstance(product, dict)]


def _units(products: Sequence[dict[str, Any]], count: Callable[[dict[str, Any]], int]) -> dict[str, int]:
    """Units by our SKU, which is the product's `reference_id`."""
    units: dict[str, int] = {}
    for product in products:
        sku = text(product.get("reference_id")) or text(product.get("sku")) or ""
        units[sku] = units.get(sku, 0) + count(product)
    return units


def _committed(product: dict[str, Any]) -> int:
    """Of a shipped product, over its lots."""
    items = [item for item in product.get("inventory_items") or [] if isinstance(item, dict)]
    return sum(_count(item.get("quantity")) for item in items)


def _count(value: object) -> int:
    return value if isinstance(value, int) and value > 0 else 0


def _changed_at(shipments: Iterable[Mapping[str, Any]]) -> datetime | None:
    """The latest change of any shipment; None when none says when."""
    never = datetime.min.replace(tzinfo=UTC)
    latest = max((moment(shipment.get("last_update_at"), never) for shipment in shipments), default=never)
    return None if latest == never else latest


def _together(shipments: Sequence[Mapping[str, Any]]) -> ParcelStatus:
    """A word we do not know counts as the earliest: it can never move a parcel forward."""
    statuses = [status_of(shipment) or ParcelStatus.ACCEPTED for shipment in shipments]
    if all(status is ParcelStatus.CANCELED for status in statuses):
        return ParcelStatus.CANCELED
    return min(statuses, key=_LEAST_FIRST.index)


def _told(shipments: Sequence[Mapping[str, Any]], alive: Sequence[Mapping[str, Any]]) -> str | None:
    words = [word for shipment in alive if (word := detail_of(shipment))]
    if 0 < len(alive) < len(shipments):
        words.append(f"{len(shipments) - len(alive)} of {len(shipments)} shipments canceled")
    return "; ".join(words) or None

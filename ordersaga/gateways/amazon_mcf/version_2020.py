"""Fulfillment Outbound 2020-07-01: what is sent, and how its answers are read.

A create, a change and a cancellation are carried out within the call. Shipments are told of one order at a time, and
what tracking says of a package is a call of its own.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

from ordersaga.domain.shipping import HandOff, ShippingService
from ordersaga.gateways.amazon_mcf.addresses import amazon_address, folded
from ordersaga.gateways.amazon_mcf.client import Json, Request
from ordersaga.gateways.amazon_mcf.errors import unreadable
from ordersaga.gateways.amazon_mcf.states import (
    ORDER_2020,
    PACKAGE_2020,
    SHIPMENT,
    Package,
    Shipment,
    Standing,
    known,
    telling,
    units_of,
)
from ordersaga.gateways.webhook_parts import child, moment, text

_FBA: Final = "/fba/outbound/2020-07-01"
_ORDERS: Final = f"{_FBA}/fulfillmentOrders"
_SPEEDS: Final = {ShippingService.STANDARD: "Standard", ShippingService.EXPEDITED: "Expedited"}
_NEVER: Final = datetime.min.replace(tzinfo=UTC)


class Tracking2020:
    """What tracking says of one package, which an order does not tell in this version."""

    def ask(self, number: int) -> Request:
        """Where a package is."""
        return Request("GET", f"{_FBA}/tracking", query={"packageNumber": str(number)})

    def read(self, payload: Mapping[str, Any]) -> Package:
        """What is said of a package now."""
        word = payload.get("currentStatus") or "UNKNOWN"
        events = [moment(each.get("eventDate"), _NEVER) for each in _objects(payload, "trackingEvents")]
        latest = max(events, default=_NEVER)
        return Package(
            carrier=text(payload.get("carrierCode")),
            tracking_number=text(payload.get("trackingNumber")),
            status=known(PACKAGE_2020, word, "the package's status"),
            word=telling(word),
            seen_at=None if latest == _NEVER else latest,
        )


class Outbound2020:
    """The words of this version.

    Args:
        marketplace_id: whose stock ships.
        comment: on the packing slip, which must have one.
    """

    lists_shipments = False
    takes_address = True
    tracking = Tracking2020()

    def __init__(self, marketplace_id: str, comment: str) -> None:
        self._marketplace_id, self._comment = marketplace_id, comment

    def create(self, hand_off: HandOff, *, hold: bool) -> Request:
        """Take an order: all of it or none, to be shipped or to be held."""
        body = {
            "marketplaceId": self._marketplace_id,
            "sellerFulfillmentOrderId": hand_off.reference,
            "displayableOrderId": hand_off.order_id,
            "displayableOrderDate": datetime.now(UTC).isoformat(timespec="seconds"),
            "displayableOrderComment": self._comment,
            "shippingSpeedCategory": _SPEEDS[hand_off.service],
            "destinationAddress": amazon_address(hand_off.ship_to),
            "fulfillmentAction": "Hold" if hold else "Ship",
            "fulfillmentPolicy": "FillOrKill",
            "items": [
                {"sellerSku": line.sku, "sellerFulfillmentOrderItemId": str(number), "quantity": line.quantity}
                for number, line in enumerate(hand_off.lines, 1)
            ],
        }
        return Request("POST", _ORDERS, body=body)

    def ship(self, hand_off: HandOff) -> Request:
        """Ship what is on hold, to the address of the hand-off."""
        body = {"fulfillmentAction": "Ship", "destinationAddress": amazon_address(hand_off.ship_to)}
        return Request("PUT", f"{_ORDERS}/{quote(hand_off.reference, safe='')}", body=body)

    def cancel(self, reference: str) -> Request:
        """Stop it."""
        return Request("PUT", f"{_ORDERS}/{quote(reference, safe='')}/cancel")

    def find(self, reference: str) -> Request:
        """One order with its shipments."""
        return Request("GET", f"{_ORDERS}/{quote(reference, safe='')}")

    def changed(self, since: datetime, token: str | None) -> Request:
        """A page of the orders whose status changed since then."""
        query = {"queryStartDate": since.astimezone(UTC).isoformat()} | ({"nextToken": token} if token else {})
        return Request("GET", _ORDERS, query=query)

    def listed(self, payload: Mapping[str, Any]) -> Sequence[Json]:
        """The orders of a page."""
        return _objects(payload, "fulfillmentOrders", required=True)

    def read_entry(self, entry: Mapping[str, Any]) -> Standing:
        """An order as a list tells it, which is without items and shipments."""
        reference = text(entry.get("sellerFulfillmentOrderId"))
        if reference is None:
            raise unreadable("an order without sellerFulfillmentOrderId")
        changed_at = moment(entry.get("statusUpdatedDate"), _NEVER)
        return Standing(
            reference=reference,
            phase=known(ORDER_2020, entry.get("fulfillmentOrderStatus"), "the order's status"),
            held=entry.get("fulfillmentAction") == "Hold",
            changed_at=None if changed_at == _NEVER else changed_at,
            ship_to=folded(child(entry, "destinationAddress")),
        )

    def read(self, payload: Mapping[str, Any]) -> Standing:
        """One order with its items and shipments."""
        told, items = self.read_entry(child(payload, "fulfillmentOrder")), _objects(payload, "fulfillmentOrderItems")
        return Standing(
            reference=told.reference,
            phase=told.phase,
            held=told.held,
            changed_at=told.changed_at,
            ship_to=told.ship_to,
            shipments=tuple(_shipment(each) for each in _objects(payload, "fulfillmentShipments")),
            ordered=units_of((_sku(item), _count(item, "quantity")) for item in items),
            gone=units_of(
                (_sku(item), _count(item, "cancelledQuantity") + _count(item, "unfulfillableQuantity"))
                for item in items
            ),
        )


def _shipment(told: Mapping[str, Any]) -> Shipment:
    packages = tuple(_package(each) for each in _objects(told, "fulfillmentShipmentPackage"))
    return Shipment(known(SHIPMENT, told.get("fulfillmentShipmentStatus"), "the shipment's status"), packages)


def _package(told: Mapping[str, Any]) -> Package:
    number = told.get("packageNumber")
    carrier, tracking_number = text(told.get("carrierCode")), text(told.get("trackingNumber"))
    return Package(carrier, tracking_number, number if isinstance(number, int) else None)


def _objects(holder: Mapping[str, Any], name: str, *, required: bool = False) -> list[Json]:
    found = holder.get(name)
    if required and not isinstance(found, list):
        raise unreadable(f"no list of {name}")
    return [each for each in found or [] if isinstance(each, dict)]


def _sku(item: Mapping[str, Any]) -> str:
    return text(item.get("sellerSku")) or ""


def _count(item: Mapping[str, Any], name: str) -> int:
    value = item.get(name)
    return value if isinstance(value, int) else 0

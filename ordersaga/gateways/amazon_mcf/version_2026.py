"""Fulfillment Outbound 2026-07-04: what is sent, and how its answers are read.

A create, a change and a cancellation may only be taken (202), and be refused later. An order is told with its shipments
and what tracking says of their packages, in lists too.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from urllib.parse import quote

from ordersaga.domain.shipping import HandOff, ShippingService
from ordersaga.gateways.amazon_mcf.addresses import amazon_address, folded
from ordersaga.gateways.amazon_mcf.client import Json, Request
from ordersaga.gateways.amazon_mcf.errors import unreadable
from ordersaga.gateways.amazon_mcf.states import (
    ORDER_2026,
    PACKAGE_2026,
    SHIPMENT,
    Package,
    Shipment,
    Standing,
    known,
    telling,
    units_of,
)
from ordersaga.gateways.webhook_parts import child, moment, text

_ORDERS: Final = "/fulfillment/outbound/2026-07-04/orders"
_TIERS: Final = {ShippingService.STANDARD: "STANDARD", ShippingService.EXPEDITED: "EXPEDITED"}
_NEVER: Final = datetime.min.replace(tzinfo=UTC)


class Outbound2026:
    """The words of this version."""

    lists_shipments = True
    takes_address = False
    tracking = None

    def create(self, hand_off: HandOff, *, hold: bool) -> Request:
        """Take an order: all of it or none, to be shipped or to be held."""
        body = {
            "orderId": hand_off.reference,
            "fulfillmentConfiguration": {
                "serviceLevel": {"serviceTiers": [_TIERS[hand_off.service]]},
                "action": "HOLD" if hold else "SHIP",
                "policy": "FILL_OR_KILL",
            },
            "destination": {"deliveryAddress": amazon_address(hand_off.ship_to)},
            "lineItems": [
                {
                    "lineItemId": str(number),
                    "product": {"productIdentifier": {"amazonSku": line.sku}},
                    "amount": {"unit": "EACHES", "value": str(line.quantity)},
                }
                for number, line in enumerate(hand_off.lines, 1)
            ],
        }
        return Request("POST", _ORDERS, body=body)

    def ship(self, hand_off: HandOff) -> Request:
        """Ship what is on hold; nothing else of it can be changed."""
        path = f"{_ORDERS}/{quote(hand_off.reference, safe='')}"
        return Request("PUT", path, body={"fulfillmentConfiguration": {"action": "SHIP"}})

    def cancel(self, reference: str) -> Request:
        """Ask to stop it."""
        return Request("PUT", f"{_ORDERS}/{quote(reference, safe='')}/cancel")

    def find(self, reference: str) -> Request:
        """One order."""
        return Request("GET", f"{_ORDERS}/{quote(reference, safe='')}")

    def changed(self, since: datetime, token: str | None) -> Request:
        """A page of the orders updated since then."""
        query = {"updatedAfter": since.astimezone(UTC).isoformat()} | ({"pageToken": token} if token else {})
        return Request("GET", _ORDERS, query=query)

    def listed(self, payload: Mapping[str, Any]) -> Sequence[Json]:
        """The orders of a page."""
        found = payload.get("orders")
        if not isinstance(found, list):
            raise unreadable("no list of orders")
        return [each for each in found if isinstance(each, dict)]

    def read(self, payload: Mapping[str, Any]) -> Standing:
        """One order."""
        return self.read_entry(child(payload, "order"))

    def read_entry(self, entry: Mapping[str, Any]) -> Standing:
        """An order, in a list or alone."""
        reference = text(entry.get("orderId"))
        if reference is None:
            raise unreadable("an order without orderId")
        changed_at, lines = moment(entry.get("statusUpdateTime"), _NEVER), _objects(entry, "lineItems")
        return Standing(
            reference=reference,
            phase=known(ORDER_2026, entry.get("status"), "the order's status"),
            held=child(entry, "fulfillmentConfiguration").get("action") == "HOLD",
            changed_at=None if changed_at == _NEVER else changed_at,
            shipments=tuple(_shipment(each) for each in _objects(entry, "shipments")),
            ordered=units_of((_sku(line), _count(line, "amount")) for line in lines),
            gone=units_of(
                (_sku(line), _count(line, "cancelledAmount") + _count(line, "unfulfillableAmount")) for line in lines
            ),
            ship_to=folded(child(child(entry, "destination"), "deliveryAddress")),
        )


def _shipment(told: Mapping[str, Any]) -> Shipment:
    packages = tuple(_package(each) for each in _objects(told, "packages"))
    return Shipment(known(SHIPMENT, told.get("status"), "the shipment's status"), packages)


def _package(told: Mapping[str, Any]) -> Package:
    tracking, word = child(told, "tracking"), told.get("status") or "PROCESSING"
    carrier, own = child(tracking, "carrier"), child(tracking, "amazon")
    return Package(
        carrier=text(carrier.get("carrierCode")),
        tracking_number=text(carrier.get("trackingNumber")) or text(own.get("trackingNumber")),
        status=known(PACKAGE_2026, word, "the package's status"),
        word=telling(word),
    )


def _objects(holder: Mapping[str, Any], name: str) -> list[Json]:
    return [each for each in holder.get(name) or [] if isinstance(each, dict)]


def _sku(line: Mapping[str, Any]) -> str:
    return text(child(child(line, "product"), "productIdentifier").get("amazonSku")) or ""


def _count(line: Mapping[str, Any], name: str) -> int:
    """An amount is a decimal number in a string."""
    try:
        return int(Decimal(str(child(line, name).get("value") or 0)))
    except (InvalidOperation, ValueError, OverflowError):
        return 0

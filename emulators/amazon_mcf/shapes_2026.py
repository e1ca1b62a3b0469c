"""Orders as the 2026-07-04 API takes and prints them."""

from decimal import Decimal, InvalidOperation
from typing import Any, Final

from emulators.amazon_mcf import stages
from emulators.amazon_mcf.shapes_2020 import CARRIER, CENTER
from emulators.amazon_mcf.stages import Record

POLICIES: Final = {"FILL_OR_KILL": "FillOrKill", "FILL_ALL": "FillAll", "FILL_ALL_AVAILABLE": "FillAllAvailable"}
TIERS: Final = {
    "STANDARD": "Standard",
    "EXPEDITED": "Expedited",
    "PRIORITY": "Priority",
    "SCHEDULED": "ScheduledDelivery",
}
PACKAGE_WORDS: Final = {"UNKNOWN": "PROCESSING", "RETURNED": "UNDELIVERABLE", "RETURNING": "UNDELIVERABLE"}


def wanted(body: Record) -> Record:
    """The order a createOrder asks for."""
    asked = body.get("fulfillmentConfiguration") or {}
    tiers = (asked.get("serviceLevel") or {}).get("serviceTiers") or ["STANDARD"]
    return {
        "id": body["orderId"],
        "version": "2026-07-04",
        "action": (asked.get("action") or "SHIP").capitalize(),
        "policy": POLICIES[asked.get("policy") or "FILL_OR_KILL"],
        "speed": TIERS[tiers[0]],
        "address": body["destination"]["deliveryAddress"],
        "lines": [_line(item) for item in body["lineItems"]],
        "body": body,
    }


def _line(item: Record) -> Record:
    product: dict[str, Any] = item.get("product") or {}
    sku = (product.get("productIdentifier") or {}).get("amazonSku")
    line = {"item_id": item.get("lineItemId"), "sku": sku, "quantity": _whole((item.get("amount") or {}).get("value"))}
    return {**line, "cancelled": 0, "unfulfillable": 0, "product": product}


def _whole(value: object) -> int | None:
    """A Decimal in a string as units; None for one that is no whole number."""
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return int(number) if number.is_finite() and number == number.to_integral_value() else None


def order_view(order: Record, *, shipments: bool = True) -> Record:
    """The FulfillmentOrder model."""
    shown = order["shipments"] if shipments and stages.shows_shipments(order) else []
    return {
        "orderId": order["id"],
        "receiveTime": order["received_at"],
        "status": stages.status_2026(order),
        "statusUpdateTime": order["status_at"],
        "fulfillmentConfiguration": _configuration(order),
        "destination": {"deliveryAddress": order["address"]},
        "lineItems": [_item_view(line) for line in order["lines"]],
        **({"shipments": [_shipment_view(order, shipment) for shipment in shown]} if shown else {}),
    }


def _configuration(order: Record) -> Record:
    policies = {known: name for name, known in POLICIES.items()}
    tiers = {known: name for name, known in TIERS.items()}
    return {
        "serviceLevel": {"serviceTiers": [tiers[order["speed"]]]},
        "action": order["action"].upper(),
        "policy": policies[order["policy"]],
    }


def _item_view(line: Record) -> Record:
    return {
        "lineItemId": line["item_id"],
        "product": line.get("product") or {"productIdentifier": {"amazonSku": line["sku"]}},
        "amount": _amount(line["quantity"]),
        "cancelledAmount": _amount(line["cancelled"]),
        "unfulfillableAmount": _amount(line["unfulfillable"]),
    }


def _amount(units: int) -> Record:
    return {"unit": "EACHES", "value": f"{units}.0"}


def _shipment_view(order: Record, shipment: Record) -> Record:
    left = shipment["goods_left"]
    return {
        "amazonShipmentId": shipment["id"],
        "amazonFacility": {"facilityId": CENTER},
        "status": "SHIPPED" if left else "PROCESSING",
        "shipTime": order["stage_times"]["Shipped" if left else "Processing"],
        "items": [_shipped_item(shipment, product) for product in shipment["products"]],
        **({"packages": [_package_view(order, shipment)]} if left else {}),
    }


def _shipped_item(shipment: Record, product: Record) -> Record:
    return {
        "productIdentifier": {"amazonSku": product["sku"]},
        "lineItemId": product["item_id"],
        "amount": _amount(product["quantity"]),
        "packageId": str(shipment["package_number"]),
        "shipmentItemId": f"{shipment['id']}-{product['item_id']}",
    }


def _package_view(order: Record, shipment: Record) -> Record:
    word = stages.package_word(order) or "PROCESSING"
    number = shipment["tracking_number"]
    carrier = {"carrierCode": CARRIER, "trackingNumber": number}
    return {
        "packageId": str(shipment["package_number"]),
        "status": PACKAGE_WORDS.get(word, word),
        "tracking": {"carrier": carrier, "amazon": {"trackingNumber": number}},
        "shipmentItemIds": [f"{shipment['id']}-{product['item_id']}" for product in shipment["products"]],
    }

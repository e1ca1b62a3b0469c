"""Orders and shipments as the ShipBob 2026-01 API prints them.

Field names and types are those of the order and shipment models of the 2026-01 order API.
"""

from typing import Any, Final

from emulators.shipbob import stages
from emulators.shipbob.stages import Detail, Record

LOCATION: Final = {"id": 1, "name": "Cicero (IL)"}
CHANNEL_NAME: Final = "Emulated channel"
CARRIER: Final = "USPS"
CARRIER_SERVICE: Final = "Ground Advantage"
TRACKING_PAGE: Final = "https://tools.usps.com/go/TrackConfirmAction?tLabels="


def order_view(order: Record) -> Record:
    """The order model: what was sent, and what became of it."""
    sent = order["body"]
    return {
        "id": order["id"],
        "reference_id": order["reference_id"],
        "order_number": sent.get("order_number") or order["reference_id"],
        "created_date": order["created_at"],
        "purchase_date": sent.get("purchase_date"),
        "status": order["status"],
        "type": sent["type"],
        "channel": {"id": order["channel_id"], "name": CHANNEL_NAME},
        "shipping_method": sent["shipping_method"],
        "recipient": order["recipient"],
        "products": [_ordered_product(product) for product in order["products"]],
        "tags": sent.get("tags") or [],
        "gift_message": sent.get("gift_message"),
        "financials": {"total_price": (sent.get("financials") or {}).get("total_price")},
        "shipments": [shipment_view(shipment) for shipment in order["shipments"]],
    }


def _ordered_product(product: Record) -> Record:
    wanted = ("id", "reference_id", "quantity", "sku", "unit_price", "external_line_id", "gtin", "upc")
    shown = {field: product.get(field) for field in wanted}
    return {**shown, "quantity_unit_of_measure_code": product.get("quantity_unit_of_measure_code")}


def shipment_view(shipment: Record) -> Record:
    """The shipment model, also the body of every shipment webhook."""
    detail = stages.detail_of(shipment)
    return {
        "id": shipment["id"],
        "order_id": shipment["order_id"],
        "reference_id": shipment["reference_id"],
        "status": stages.status_of(shipment),
        "status_details": [_detail_view(detail)] if detail else [],
        "created_date": shipment["created_at"],
        "last_update_at": shipment["updated_at"],
        **_dates(shipment),
        "tracking": tracking_view(shipment),
        "location": LOCATION,
        "recipient": _shipment_recipient(shipment["recipient"]),
        "products": [_shipped_product(product) for product in shipment["products"]],
        "ship_option": shipment["ship_option"],
        "is_tracking_uploaded": False,
        "require_signature": False,
        "package_material_type": "Box",
        "measurements": {"length_in": 10, "width_in": 8, "depth_in": 4, "total_weight_oz": 16},
        "parent_cartons": [],
        **_money(),
    }


def _dates(shipment: Record) -> Record:
    times = shipment["stage_times"]
    hidden = stages.hides_its_life(shipment)
    labeled = None if hidden else times.get("LabeledCreated")
    return {
        "actual_fulfillment_date": labeled,
        "estimated_fulfillment_date": None,
        "estimated_fulfillment_date_status": "FulfilledOnTime" if labeled else "PendingOnTime",
        "last_tracking_update_at": tracked_at(shipment),
        "delivery_date": None if hidden else times.get("Delivered"),
    }


def tracked_at(shipment: Record) -> str | None:
    """When the tracking last changed: label, departure, scan or delivery; None before the label."""
    if not stages.reached(shipment, "LabeledCreated") or stages.hides_its_life(shipment):
        return None
    return str(shipment["stage_times"][shipment["stage"]])


def _money() -> Record:
    return {"gift_message": None, "insurance_value": None, "invoice_amount": None, "invoice_currency_code": "USD"}


def tracking_view(shipment: Record) -> Record:
    """Carrier and tracking number, known once the label is printed ("LabeledCreated", ShipBob tracking guide)."""
    known = stages.reached(shipment, "LabeledCreated") and not stages.hides_its_life(shipment)
    number = shipment["tracking_number"] if known else None
    return {
        "carrier": CARRIER if known else None,
        "carrier_service": CARRIER_SERVICE if known else None,
        "tracking_number": number,
        "tracking_url": TRACKING_PAGE + number if number else None,
        "shipping_date": shipment["stage_times"].get("Completed") if known else None,
        "bol": None,
        "pro_number": None,
        "scac": None,
    }


def _detail_view(detail: Detail) -> Record:
    return {
        "id": detail.id,
        "name": detail.name,
        "description": detail.description,
        "inventory_id": None,
        "exception_fulfillment_center_id": None,
        "extra_information": {"validation_messages": []},
    }


def _shipment_recipient(recipient: Record) -> Record:
    shown: dict[str, Any] = {field: recipient.get(field) for field in ("name", "email", "phone_number", "address")}
    return {**shown, "full_name": recipient.get("name")}


def _shipped_product(product: Record) -> Record:
    item = {
        "id": product["inventory_id"],
        "name": product["name"],
        "quantity": product["quantity"],
        "quantity_committed": product["quantity"],
        "lot": None,
        "expiration_date": None,
        "is_dangerous_goods": False,
        "serial_numbers": [],
    }
    shown = {field: product.get(field) for field in ("id", "reference_id", "name", "sku")}
    return {**shown, "inventory_items": [item]}


def timeline_view(shipment: Record) -> list[Record]:
    """The timeline: one entry for each stage or trouble, oldest first."""
    return [
        {
            "log_type_id": entry["log_type_id"],
            "log_type_name": entry["name"],
            "log_type_text": entry["text"],
            "metadata": {},
            "timestamp": entry["at"],
        }
        for entry in shipment["log"]
    ]

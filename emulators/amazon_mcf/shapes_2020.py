"""Orders as the 2020-07-01 API takes and prints them (models of fulfillmentOutbound_2020-07-01)."""

from typing import Final

from emulators.amazon_mcf import stages
from emulators.amazon_mcf.stages import Record

CENTER: Final = "RNO4"
CARRIER: Final = "AMZN_US"
PHONE: Final = "1-800-000-0000"
SCANNED: Final = ("EVENT_202", "Departure scan.")
EVENTS: Final = {
    "DELIVERED": ("EVENT_301", "Delivered."),
    "RETURNED": ("EVENT_309", "Returned to seller."),
    "RETURNING": ("EVENT_408", "Returning to seller."),
    "UNDELIVERABLE": ("EVENT_409", "Lost by carrier."),
    "DELAYED": ("EVENT_418", "Shipment delayed."),
}


def wanted(body: Record) -> Record:
    """The order a createFulfillmentOrder asks for."""
    return {
        "id": body["sellerFulfillmentOrderId"],
        "version": "2020-07-01",
        "action": body.get("fulfillmentAction") or "Ship",
        "policy": body.get("fulfillmentPolicy") or "FillOrKill",
        "speed": body["shippingSpeedCategory"],
        "address": body["destinationAddress"],
        "lines": [_line(item) for item in body["items"]],
        "body": body,
    }


def _line(item: Record) -> Record:
    quantity = item.get("quantity")
    line = {"item_id": item.get("sellerFulfillmentOrderItemId"), "sku": item.get("sellerSku"), "quantity": quantity}
    return {**line, "cancelled": 0, "unfulfillable": 0, "declared": item.get("perUnitDeclaredValue")}


def order_view(order: Record, marketplace: str) -> Record:
    """The FulfillmentOrder model."""
    sent = order["body"]
    shown = {
        "sellerFulfillmentOrderId": order["id"],
        "marketplaceId": sent.get("marketplaceId") or marketplace,
        "displayableOrderId": sent.get("displayableOrderId") or order["id"],
        "displayableOrderDate": sent.get("displayableOrderDate") or order["received_at"],
        "displayableOrderComment": sent.get("displayableOrderComment") or "",
        "shippingSpeedCategory": order["speed"],
        "destinationAddress": order["address"],
        "fulfillmentAction": order["action"],
        "fulfillmentPolicy": order["policy"],
        "receivedDate": order["received_at"],
        "fulfillmentOrderStatus": stages.status_2020(order),
        "statusUpdatedDate": order["status_at"],
    }
    return {name: value for name, value in shown.items() if value is not None}


def result_view(order: Record, marketplace: str) -> Record:
    """The GetFulfillmentOrderResult model."""
    shipments = order["shipments"] if stages.shows_shipments(order) else []
    return {
        "fulfillmentOrder": order_view(order, marketplace),
        "fulfillmentOrderItems": [_item_view(line) for line in order["lines"]],
        "fulfillmentShipments": [_shipment_view(order, shipment) for shipment in shipments],
        "returnItems": [],
        "returnAuthorizations": [],
    }


def _item_view(line: Record) -> Record:
    declared = {"perUnitDeclaredValue": line["declared"]} if line.get("declared") else {}
    return {
        "sellerSku": line["sku"],
        "sellerFulfillmentOrderItemId": line["item_id"],
        "quantity": line["quantity"],
        "cancelledQuantity": line["cancelled"],
        "unfulfillableQuantity": line["unfulfillable"],
        "orderItemDisposition": "Sellable",
        **declared,
    }


def _shipment_view(order: Record, shipment: Record) -> Record:
    left = shipment["goods_left"]
    packages = {"fulfillmentShipmentPackage": [_package_view(shipment)]} if left else {}
    return {
        "amazonShipmentId": shipment["id"],
        "fulfillmentCenterId": CENTER,
        "fulfillmentShipmentStatus": "SHIPPED" if left else "PENDING",
        "shippingDate": order["stage_times"]["Shipped" if left else "Processing"],
        "fulfillmentShipmentItem": [_shipped_item(shipment, product) for product in shipment["products"]],
        **packages,
    }


def _shipped_item(shipment: Record, product: Record) -> Record:
    return {
        "sellerSku": product["sku"],
        "sellerFulfillmentOrderItemId": product["item_id"],
        "quantity": product["quantity"],
        "packageNumber": shipment["package_number"],
    }


def _package_view(shipment: Record) -> Record:
    number = shipment["tracking_number"]
    return {"packageNumber": shipment["package_number"], "carrierCode": CARRIER, "trackingNumber": number}


def tracking_view(order: Record, shipment: Record) -> Record:
    """The PackageTrackingDetails model; a package nobody has scanned has no events."""
    word = stages.package_word(order) or "UNKNOWN"
    address = order["address"]
    place = {"city": address["city"], "state": address.get("stateOrRegion") or "", "country": address["countryCode"]}
    return {
        "packageNumber": shipment["package_number"],
        "trackingNumber": shipment["tracking_number"],
        "carrierCode": CARRIER,
        "carrierPhoneNumber": PHONE,
        "shipDate": order["stage_times"].get("Shipped") or order["received_at"],
        "shipToAddress": place,
        "currentStatus": word,
        "currentStatusDescription": word.replace("_", " ").capitalize(),
        "trackingEvents": _events(order, word, place),
    }


def _events(order: Record, word: str, place: Record) -> list[Record]:
    """One for each stage since the first scan, oldest first."""
    names = ("InTransit", "Delivered")
    times = [order["stage_times"][name] for name in names if name in order["stage_times"]]
    codes = [SCANNED, EVENTS.get(word, SCANNED)][: len(times)]
    return [
        {"eventDate": at, "eventAddress": place, "eventCode": code, "eventDescription": words}
        for at, (code, words) in zip(times, codes, strict=True)
    ]

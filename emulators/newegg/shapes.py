"""Newegg's answers in JSON, as the examples of the developer portal print them."""

from typing import Any, Final

from emulators.newegg import stages, times
from emulators.newegg.orders import auto_void_at
from emulators.newegg.stages import Record

MULTI_CHANNEL: Final = 1
BY_NEWEGG: Final = 1


def response(operation: str, seller: str, body: Record, now: float) -> Record:
    """The envelope around most answers."""
    return {
        "IsSuccess": True,
        "OperationType": operation,
        "SellerID": seller,
        "ResponseDate": times.printed(now),
        "Memo": None,
        "ResponseBody": body,
    }


def feed_view(feed: Record) -> Record:
    """One feed in a list of them."""
    return {
        "RequestId": feed["id"],
        "RequestType": feed["type"],
        "RequestDate": times.printed(feed["submitted_at"]),
        "RequestStatus": feed["status"],
    }


def report_view(feed: Record) -> Record:
    """The processing report of a finished feed."""
    return {
        "NeweggEnvelope": {
            "Header": {"DocumentVersion": "1.0"},
            "MessageType": "ProcessingReport",
            "Message": {"ProcessingReport": feed["report"]},
        }
    }


def order_view(order: Record, seller: str) -> Record:
    """An order in "Get Order Information"."""
    status, body = stages.status_of(order), order["body"]
    return {
        "SellerID": seller,
        "OrderNumber": order["id"],
        "SellerOrderNumber": order["reference_id"],
        "InvoiceNumber": order["id"] - 300_000_000 if status == 3 else 0,
        "OrderDownloaded": False,
        "OrderDate": times.printed(order["ordered_at"]),
        "AutoVoidTime": times.printed(auto_void_at(order)),
        "OrderStatus": status,
        "OrderStatusDescription": stages.DESCRIPTIONS[status],
        **_recipient(body),
        "OrderQty": sum(line["quantity"] for line in order["lines"]),
        "IsAutoVoid": False,
        "SalesChannel": MULTI_CHANNEL,
        "FulfillmentOption": BY_NEWEGG,
        "ItemInfoList": [_item(order, line) for line in order["lines"]],
        "PackageInfoList": [_package(body, package) for package in order["shipments"] if package["goods_left"]],
    }


def _recipient(body: Record) -> Record:
    return {
        "CustomerName": f"{body['ShipToFirstName']} {body['ShipToLastName']}",
        "CustomerPhoneNumber": body["ShipToPhoneNumber"],
        "CustomerEmailAddress": "",
        "ShipToAddress1": body["ShipToAddressLine1"],
        "ShipToAddress2": body.get("ShipToAddressLine2") or "",
        "ShipToCityName": body["ShipToCity"],
        "ShipToStateCode": body["ShipToState"],
        "ShipToZipCode": body["ShipToPostalCode"],
        "ShipToCountryCode": "UNITED STATES",
        "ShipService": body["ShippingMethod"],
        "ShipToFirstName": body["ShipToFirstName"],
        "ShipToLastName": body["ShipToLastName"],
        "ShipToCompany": body.get("ShipToCompany") or "",
    }


def _item(order: Record, line: Record) -> Record:
    shipped = _shipped(order, line["sku"])
    canceled = line["canceled"] or stages.status_of(order) == stages.VOIDED
    status = 3 if canceled else 2 if shipped >= line["quantity"] else 1
    return {
        "SellerPartNumber": line["sku"],
        "NeweggItemNumber": "",
        "OrderedQty": line["quantity"],
        "ShippedQty": shipped,
        "Status": status,
        "StatusDescription": stages.ITEM_STATUS[status],
    }


def _shipped(order: Record, sku: str) -> int:
    left = [package for package in order["shipments"] if package["goods_left"]]
    return sum(product["quantity"] for package in left for product in package["products"] if product["sku"] == sku)


def _package(body: Record, package: Record) -> Record:
    items = [{"SellerPartNumber": each["sku"], "ShippedQty": each["quantity"]} for each in package["products"]]
    return {
        "PackageType": "Shipped",
        "ShipCarrier": package["carrier"],
        "ShipService": body["ShippingMethod"],
        "TrackingNumber": package["tracking_number"],
        "ShipDate": times.printed(package["left_at"]),
        "ItemInfoList": items,
    }


def cancellation_view(order: Record) -> Record:
    """What became of a request to cancel."""
    request: dict[str, Any] = order["cancellation"]
    return {
        "RequestDate": times.printed(request["requested_at"]),
        "OrderNumber": str(order["id"]),
        "Result": request["result"],
        "ErrorMessage": request["error"],
    }

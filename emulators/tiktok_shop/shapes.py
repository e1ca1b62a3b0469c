"""Records as the API tells them: amounts are decimal texts, cancelled lines say so, an address only when released."""

from typing import Any, Final

from emulators.tiktok_shop.books import Record

WITHOUT_ADDRESS: Final = ("UNPAID", "ON_HOLD")
PROVIDERS: Final = {"UPS": "7117858858072016686", "USPS": "7117859084333745966", "FedEx": "7129720299146184490"}
OTHERS: Final = {"DHL eCommerce": "7132708441138595630", "OnTrac": "7132721393761781550"}
DELIVERY_OPTION: Final = "7091146663229654785"
_PACKAGE_STATUS: Final = {
    "AWAITING_COLLECTION": "PROCESSING",
    "IN_TRANSIT": "FULFILLING",
    "DELIVERED": "COMPLETED",
    "COMPLETED": "COMPLETED",
    "CANCELLED": "CANCELLED",
}


def amount(minor: int) -> str:
    """A decimal text."""
    return f"{minor // 100}.{minor % 100:02d}"


def order_view(order: Record) -> Record:
    """Get Order Detail."""
    view = {
        "id": order["id"],
        "user_id": order["user_id"],
        "status": order["status"],
        "create_time": order["create_time"],
        "update_time": order["update_time"],
        "fulfillment_type": order["fulfillment_type"],
        "shipping_type": order["shipping_type"],
        "delivery_option_id": DELIVERY_OPTION,
        "delivery_type": "HOME_DELIVERY",
        "order_type": "NORMAL",
        "is_on_hold_order": True,
        "is_cod": False,
        "is_sample_order": False,
        "is_buyer_request_cancel": order["cancel_requested"],
        "has_updated_recipient_address": order["address_changed"],
        "buyer_message": order["buyer_message"],
        "payment": _payment(order),
        "line_items": [_line(order, line) for line in order["lines"]],
        "packages": [{"id": each} for each in dict.fromkeys(_package(order, line) for line in order["lines"]) if each],
        **order["clocks"],
        **order["times"],
        **order["extra"],
    }
    if order["status"] not in WITHOUT_ADDRESS:
        view["recipient_address"] = order["recipient"]
    return view


def _payment(order: Record) -> Record:
    goods = sum(line["price"] for line in order["lines"])
    return {
        "currency": order["currency"],
        "sub_total": amount(goods),
        "shipping_fee": amount(order["shipping"]),
        "tax": amount(order["tax"]),
        "total_amount": amount(order["total"]),
        "original_total_product_price": amount(goods + order["platform_discount"]),
        "platform_discount": amount(order["platform_discount"]),
        "seller_discount": "0.00",
    }


def _package(order: Record, line: Record) -> str | None:
    """For local sellers of some markets a package has no id before it is shipped."""
    shown = line["tracking_number"] or order["shows_packages"]
    return line["package_id"] if shown and order["status"] not in WITHOUT_ADDRESS else None


def _line(order: Record, line: Record) -> Record:
    view = {
        "id": line["id"],
        "sku_id": line["sku_id"],
        "seller_sku": line["seller_sku"],
        "product_name": line["seller_sku"],
        "sale_price": amount(line["price"]),
        "original_price": amount(line["price"]),
        "currency": order["currency"],
        "display_status": "CANCELLED" if line["cancelled"] else line["status"] or order["status"],
    }
    package = _package(order, line)
    if package:
        view |= {"package_id": package, "package_status": _PACKAGE_STATUS.get(view["display_status"], "TO_FULFILL")}
    if line["tracking_number"]:
        told = {"tracking_number": line["tracking_number"], "shipping_provider_id": line["provider_id"]}
        view |= {**told, "shipping_provider_name": provider_name(line["provider_id"]), "rts_time": line["rts_time"]}
    return view


def provider_name(provider_id: str) -> str | None:
    """Who a shipping provider is."""
    return next((name for name, each in {**PROVIDERS, **OTHERS}.items() if each == provider_id), None)


def package_view(order: Record, package_id: str) -> Record:
    """Get Package Detail."""
    lines = [line for line in order["lines"] if line["package_id"] == package_id]
    return {
        "package_id": package_id,
        "orders": [{"id": order["id"]}],
        "order_line_item_ids": [line["id"] for line in lines],
        "package_status": _PACKAGE_STATUS.get(lines[0]["status"] or order["status"], "TO_FULFILL"),
        "tracking_number": lines[0]["tracking_number"],
        "shipping_provider_id": lines[0]["provider_id"],
        "shipping_type": order["shipping_type"],
    }


def cancellation_view(cancellation: Record) -> Record:
    """One of Search Cancellations."""
    currency = cancellation["currency"]
    view: dict[str, Any] = {
        "cancel_id": cancellation["cancel_id"],
        "order_id": cancellation["order_id"],
        "cancel_type": "BUYER_CANCEL" if cancellation["role"] == "BUYER" else "CANCEL",
        "cancel_status": f"CANCELLATION_REQUEST_{cancellation['status']}",
        "role": cancellation["role"],
        "cancel_reason": cancellation["reason"],
        "create_time": cancellation["create_time"],
        "update_time": cancellation["update_time"],
        "cancel_line_items": [{"order_line_item_id": each} for each in cancellation["line_ids"]],
        "refund_amount": {"currency": currency, "refund_total": amount(cancellation["refund"])},
    }
    if cancellation["status"] == "PENDING" and cancellation["deadline"]:
        action = {"action": "SELLER_RESPOND_BUYER_CANCEL", "deadline": cancellation["deadline"]}
        view["seller_next_action_response"] = [action]
    return view


def return_view(back: Record) -> Record:
    """One of Search Returns."""
    return {
        "return_id": back["return_id"],
        "order_id": back["order_id"],
        "return_type": "RETURN_AND_REFUND" if back["role"] == "BUYER" else "REFUND",
        "return_status": back["return_status"],
        "role": back["role"],
        "create_time": back["create_time"],
        "update_time": back["create_time"],
        "return_line_items": [{"order_line_item_id": each} for each in back["line_ids"]],
        "refund_amount": {"currency": back["currency"], "refund_total": amount(back["refund"])},
    }

"""What Newegg refuses in a multi-channel order, as its processing report words it.

Required fields and shipping methods are those of "Multi Channel Order Feed"; how errors are worded is not published, so
they follow the reports of other feeds (`field - reason`).
"""

import re
from collections.abc import Iterator
from typing import Any, Final

from emulators.newegg import times

METHODS: Final = {
    "Standard Shipping (5-7 business days)",
    "Expedited Shipping (3-5 business days)",
    "Two-Day Shipping",
    "One-Day Shipping",
}
REQUIRED: Final = (
    "OrderDate",
    "SalesChannel",
    "SellerOrderID",
    "ShippingMethod",
    "ShipToFirstName",
    "ShipToLastName",
    "ShipToAddressLine1",
    "ShipToCity",
    "ShipToState",
    "ShipToPostalCode",
    "ShipToCountry",
    "ShipToPhoneNumber",
)
COUNTRIES: Final = {"USA", "US", "UNITED STATES"}
NOT_CREATED: Final = "Error(s). Order not created."
DUPLICATE: Final = "SellerOrderID - The order already exists in this sales channel."
_PO_BOX: Final = re.compile(r"\bP\.?\s*O\.?\s*BOX\b", re.IGNORECASE)


def problems(order: dict[str, Any]) -> list[str]:
    """Every reason to refuse an order."""
    return [*_field_problems(order), *_address_problems(order), *_item_problems(order)]


def products_of(order: dict[str, Any]) -> list[dict[str, Any]]:
    """SKUs and quantities of an order that has no problems."""
    return [{"sku": item["SellerPartNumber"], "quantity": int(item["Quantity"])} for item in items_of(order)]


def items_of(order: dict[str, Any]) -> list[dict[str, Any]]:
    """The items, whether one or a list of them was sent."""
    found = order.get("ItemList")
    items = found.get("Item") if isinstance(found, dict) else found
    return listed(items)


def listed(value: object) -> list[dict[str, Any]]:
    """The objects in something that may be one or a list of them."""
    several = value if isinstance(value, list) else [value]
    return [each for each in several if isinstance(each, dict)]


def _field_problems(order: dict[str, Any]) -> Iterator[str]:
    for field in REQUIRED:
        if not str(order.get(field) or "").strip():
            yield f"{field} - The field is required."
    if order.get("OrderDate") and not _is_date(str(order["OrderDate"])):
        yield "OrderDate - The date is not in an accepted format."
    if order.get("ShippingMethod") and order["ShippingMethod"] not in METHODS:
        yield "ShippingMethod - The shipping method is not supported."


def _is_date(text: str) -> bool:
    try:
        times.read(text)
    except ValueError:
        return False
    return True


def _address_problems(order: dict[str, Any]) -> Iterator[str]:
    street, code = str(order.get("ShipToAddressLine1") or ""), str(order.get("ShipToPostalCode") or "")
    if _PO_BOX.search(street):
        yield f"ShipToAddressLine1 - We do not deliver to P.O. boxes: {street}"
    if code == "00000" or "UNDELIVERABLE" in street:
        yield f"ShipToPostalCode - The address could not be validated: {street}, {code}"
    if order.get("ShipToCountry") and str(order["ShipToCountry"]).upper() not in COUNTRIES:
        yield "ShipToCountry - The country is not supported."


def _item_problems(order: dict[str, Any]) -> Iterator[str]:
    items = items_of(order)
    if not items:
        yield "ItemList - At least one item is required."
    for item in items:
        if not item.get("SellerPartNumber"):
            yield "SellerPartNumber - The field is required."
        if not str(item.get("Quantity", "")).isdigit() or int(item["Quantity"]) < 1:
            yield "Quantity - The quantity must be a positive integer."

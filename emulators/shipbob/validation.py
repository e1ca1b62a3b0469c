"""What ShipBob refuses when an order or an address arrives.

Required fields and enumerations are those of the 2026-01 order API; a refusal is an object that maps the field to
its messages.
"""

from collections.abc import Iterator
from typing import Any, Final

Errors = dict[str, list[str]]
ORDER_TYPES: Final = {"DTC", "DropShip", "B2B"}
REQUIRED_IN_ORDER: Final = ("reference_id", "shipping_method", "type", "products", "recipient")
REQUIRED_IN_ADDRESS: Final = ("address1", "city", "country")
INVALID_ADDRESS: Final = "The recipient address could not be validated by the carrier."
DUPLICATE_REFERENCE: Final = "Cannot insert order with existing ReferenceId"


def is_undeliverable(street: str | None, zip_code: str | None) -> bool:
    """The two addresses that no carrier of this emulator accepts."""
    return zip_code == "00000" or "UNDELIVERABLE" in (street or "")


def order_errors(body: object) -> Errors:
    """Every reason to refuse the body of POST /order, by field."""
    if not isinstance(body, dict):
        return {"order": ["A JSON object is required."]}
    return _grouped(_order_problems(body))


def _grouped(problems: Iterator[tuple[str, str]]) -> Errors:
    errors: Errors = {}
    for field, message in problems:
        errors.setdefault(field, []).append(message)
    return errors


def _order_problems(order: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for field in REQUIRED_IN_ORDER:
        if order.get(field) in (None, "", [], {}):
            yield field, f"The {field} field is required."
    if order.get("type") not in {None, "", *ORDER_TYPES}:
        yield "type", f"The value '{order['type']}' is not valid for type."
    yield from _product_problems(order.get("products") or [])
    if order.get("recipient"):
        yield from _recipient_problems(order["recipient"])


def _product_problems(products: object) -> Iterator[tuple[str, str]]:
    if not isinstance(products, list):
        yield "products", "The products field must be an array."
        return
    for index, product in enumerate(products):
        yield from _one_product_problems(f"products[{index}]", product)


def _one_product_problems(at: str, product: object) -> Iterator[tuple[str, str]]:
    if not isinstance(product, dict):
        yield at, "A product must be an object."
        return
    if not product.get("reference_id") and not product.get("id"):
        yield f"{at}.reference_id", "Either reference_id or id is required."
    if not isinstance(product.get("quantity"), int) or product["quantity"] < 1:
        yield f"{at}.quantity", "The quantity must be a positive integer."


def _recipient_problems(recipient: object) -> Iterator[tuple[str, str]]:
    if not isinstance(recipient, dict):
        yield "recipient", "The recipient field must be an object."
        return
    if not recipient.get("name"):
        yield "recipient.name", "The name field is required."
    address = recipient.get("address")
    if not isinstance(address, dict):
        yield "recipient.address", "The address field is required."
        return
    for field in REQUIRED_IN_ADDRESS:
        if not address.get(field):
            yield f"recipient.address.{field}", f"The {field} field is required."
    if is_undeliverable(address.get("address1"), address.get("zip_code")):
        yield "recipient.address", INVALID_ADDRESS

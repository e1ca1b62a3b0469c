"""What Amazon refuses when an order or an address arrives: 400 InvalidInput with a message that names the field."""

from collections.abc import Iterator
from typing import Any, Final

from emulators.amazon_mcf.stages import Record

INVALID: Final = "InvalidInput"
MOST_LINES: Final = 100
MOST_UNITS: Final = 250
LONGEST_ID: Final = 40
REQUIRED_2020: Final = (
    "sellerFulfillmentOrderId",
    "displayableOrderId",
    "displayableOrderDate",
    "displayableOrderComment",
    "shippingSpeedCategory",
    "destinationAddress",
    "items",
)
REQUIRED_2026: Final = ("orderId", "lineItems", "destination")
REQUIRED_IN_ADDRESS: Final = ("name", "addressLine1", "city", "postalCode", "countryCode")
SPEEDS: Final = {"Standard", "Expedited", "Priority", "ScheduledDelivery"}
TIERS: Final = {"STANDARD", "EXPEDITED", "PRIORITY", "SCHEDULED"}


class RefusedError(Exception):
    """Refused: an HTTP status, a code and a message."""

    def __init__(self, message: str, code: str = INVALID, status: int = 400) -> None:
        super().__init__(message)
        self.message, self.code, self.status = message, code, status


def check_2020(body: Record) -> None:
    """Refuse a body of createFulfillmentOrder that is not one."""
    _first(_problems_2020(body))


def check_2026(body: Record) -> None:
    """Refuse a body of createOrder that is not one."""
    _first(_problems_2026(body))


def check_address(address: object) -> None:
    """Refuse an address that Amazon does not deliver to."""
    _first(_address_problems(address))


def check_lines(lines: list[Record]) -> None:
    """Refuse more than an order may hold, and quantities that are none."""
    for line in lines:
        if not isinstance(line["quantity"], int) or line["quantity"] < 1:
            raise RefusedError(f"Quantity for item {line['item_id']} must be a positive integer.")
        if not line["sku"]:
            raise RefusedError(f"The SellerSKU for Item Id: {line['item_id']} is invalid.")
    if len({line["item_id"] for line in lines}) != len(lines):
        raise RefusedError("Item ids must be unique within an order.")
    if not 1 <= len(lines) <= MOST_LINES or sum(line["quantity"] for line in lines) > MOST_UNITS:
        raise RefusedError(f"An order holds 1 to {MOST_LINES} items and at most {MOST_UNITS} units.")


def _first(problems: Iterator[str]) -> None:
    for message in problems:
        raise RefusedError(message)


def _missing(body: Record, fields: tuple[str, ...]) -> Iterator[str]:
    for field in fields:
        if body.get(field) in (None, "", [], {}):
            yield f"Missing required parameter: {field}."


def _problems_2020(body: Record) -> Iterator[str]:
    yield from _missing(body, REQUIRED_2020)
    yield from _id_problems("sellerFulfillmentOrderId", body["sellerFulfillmentOrderId"])
    if body["shippingSpeedCategory"] not in SPEEDS:
        yield "Value for parameter shippingSpeedCategory is invalid."
    if body.get("fulfillmentAction") not in {None, "Ship", "Hold"}:
        yield "Value for parameter fulfillmentAction is invalid."
    if body.get("fulfillmentPolicy") not in {None, "FillOrKill", "FillAll", "FillAllAvailable"}:
        yield "Value for parameter fulfillmentPolicy is invalid."
    yield from _address_problems(body["destinationAddress"])


def _problems_2026(body: Record) -> Iterator[str]:
    yield from _missing(body, REQUIRED_2026)
    yield from _id_problems("orderId", body["orderId"])
    wanted: dict[str, Any] = body.get("fulfillmentConfiguration") or {}
    if wanted.get("action") not in {None, "SHIP", "HOLD"}:
        yield "Value for parameter fulfillmentConfiguration.action is invalid."
    if wanted.get("policy") not in {None, "FILL_OR_KILL", "FILL_ALL", "FILL_ALL_AVAILABLE"}:
        yield "Value for parameter fulfillmentConfiguration.policy is invalid."
    if not set((wanted.get("serviceLevel") or {}).get("serviceTiers") or []) <= TIERS:
        yield "Value for parameter fulfillmentConfiguration.serviceLevel is invalid."
    yield from _address_problems(body["destination"].get("deliveryAddress"))


def _id_problems(field: str, value: object) -> Iterator[str]:
    if not isinstance(value, str) or len(value) > LONGEST_ID:
        yield f"Value for parameter {field} is invalid: at most {LONGEST_ID} characters."


def _address_problems(address: object) -> Iterator[str]:
    if not isinstance(address, dict):
        yield "Missing required parameter: destinationAddress."
        return
    for field in REQUIRED_IN_ADDRESS:
        if not address.get(field):
            yield f"Missing required parameter: destinationAddress.{field}."
    if address.get("postalCode") == "00000" or "UNDELIVERABLE" in (address.get("addressLine1") or ""):
        yield f"Value {address.get('postalCode')} for parameter destinationAddress.postalCode is invalid."

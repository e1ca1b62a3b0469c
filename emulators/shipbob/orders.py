"""Taking an order: one reference once, split into shipments, handed to the warehouse; and finding orders again."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Final

from emulators.shipbob import shapes, validation
from emulators.shipbob.books import Books
from emulators.shipbob.inventory import Inventory
from emulators.shipbob.scripts import Scripts
from emulators.shipbob.stages import Record
from emulators.shipbob.warehouse import Warehouse

FIRST_ORDER: Final = 100_001
FIRST_SHIPMENT: Final = 500_001
FIRST_PRODUCT: Final = 1_001
DEFAULT_LIMIT: Final = 50
LARGEST_LIMIT: Final = 250


class InvalidOrderError(Exception):
    """The order is refused; ``errors`` maps fields to messages."""

    def __init__(self, errors: validation.Errors) -> None:
        super().__init__(str(errors))
        self.errors = errors


class Orders:
    """Places orders and lists them."""

    def __init__(self, books: Books, inventory: Inventory, scripts: Scripts, warehouse: Warehouse) -> None:
        self._books, self._inventory, self._scripts, self._warehouse = books, inventory, scripts, warehouse

    def place(self, body: Record, channel_id: int) -> Record:
        """Accept an order. Raises InvalidOrderError; ``reference_id`` is unique (POST /order)."""
        errors = validation.order_errors(body)
        if not errors and self._books.order_by_reference(body["reference_id"]):
            errors = {"reference_id": [validation.DUPLICATE_REFERENCE]}
        if errors:
            raise InvalidOrderError(errors)
        order = self._new_order(body, channel_id)
        self._books.save_order(order)
        for shipment in order["shipments"]:
            self._warehouse.receive(shipment, order)
        return self._books.order(order["id"]) or order

    def _new_order(self, body: Record, channel_id: int) -> Record:
        order: Record = {
            "id": self._books.store.next_number("order", FIRST_ORDER),
            "reference_id": body["reference_id"],
            "channel_id": channel_id,
            "created_at": self._books.now(),
            "recipient": body["recipient"],
            "products": [self._product(product) for product in body["products"]],
            "body": body,
        }
        script = self._scripts.of(order)
        parts = 2 if script["cancel"] == "partial" else script["split"]
        order["shipments"] = [self._new_shipment(order, lines) for lines in split(order["products"], parts)]
        return order

    def _product(self, sent: Record) -> Record:
        sku = sent.get("sku") or sent.get("reference_id") or str(sent["id"])
        item = self._inventory.item(sku, sent.get("name"))
        product_id = sent.get("id") or item["id"] + FIRST_PRODUCT
        reference = sent.get("reference_id") or sku
        known = {"id": product_id, "reference_id": reference, "sku": sku, "name": item["name"]}
        return {**sent, **known, "inventory_id": item["id"]}

    def _new_shipment(self, order: Record, products: list[Record]) -> Record:
        number = self._books.store.next_number("shipment", FIRST_SHIPMENT)
        return {
            "id": number,
            "order_id": order["id"],
            "reference_id": order["reference_id"],
            "status": "None",
            "stage": "Processing",
            "stage_times": {},
            "goods_left": False,
            "trouble": None,
            "paused": False,
            "committed": False,
            "cancelled_at": None,
            "cancelled_by": None,
            "ships_anyway": False,
            "tracking_number": f"9400{number:018d}",
            "created_at": order["created_at"],
            "recipient": order["recipient"],
            "products": products,
            "ship_option": order["body"]["shipping_method"],
            "log": [],
        }

    def listed(self, query: dict[str, str]) -> list[Record]:
        """The page of orders a GET /order asks for. Filters combine with AND. Raises ValueError."""
        page, limit = int(query.get("page", 1)), int(query.get("limit", DEFAULT_LIMIT))
        if page < 1 or not 1 <= limit <= LARGEST_LIMIT:
            raise ValueError(f"Page must be at least 1 and Limit between 1 and {LARGEST_LIMIT}")
        found = _filtered(self._candidates(query), query)
        if query.get("sortorder", "Newest").lower() == "oldest":
            found = reversed(list(found))
        return list(islice(found, (page - 1) * limit, page * limit))

    def _candidates(self, query: dict[str, str]) -> Iterator[Record]:
        """Newest first; by index when references or ids are named."""
        if "referenceids" in query:
            named = (self._books.order_by_reference(name) for name in _names(query["referenceids"]))
        elif "ids" in query:
            named = (self._books.order(int(name)) for name in _names(query["ids"]))
        else:
            return self._books.orders()
        known = {order["id"]: order for order in named if order}
        return iter(sorted(known.values(), key=lambda order: int(order["id"]), reverse=True))


def split(products: list[Record], parts: int) -> list[list[Record]]:
    """Divide the lines over shipments, halving a line when there are fewer lines than shipments."""
    lines = [dict(product) for product in products]
    while len(lines) < parts:
        large = next((line for line in lines if line["quantity"] > 1), None)
        if large is None:
            break
        half = large["quantity"] // 2
        large["quantity"] -= half
        lines.append({**large, "quantity": half})
    count = min(parts, len(lines))
    return [lines[index::count] for index in range(count)]


def _names(value: str) -> list[str]:
    return [name.strip() for name in value.split(",") if name.strip()]


def _filtered(orders: Iterable[Record], query: dict[str, str]) -> Iterator[Record]:
    return (order for order in orders if _is_wanted(order, query) and _has_wanted_tracking(order, query))


def _is_wanted(order: Record, query: dict[str, str]) -> bool:
    if "ids" in query and str(order["id"]) not in _names(query["ids"]):
        return False
    created = _within(order["created_at"], query.get("startdate"), query.get("enddate"))
    return created and _within(order["updated_at"], query.get("lastupdatestartdate"), query.get("lastupdateenddate"))


def _has_wanted_tracking(order: Record, query: dict[str, str]) -> bool:
    """Tracking filters; nothing here uploads tracking elsewhere, so no order counts as uploaded."""
    moment = max((shapes.tracked_at(shipment) or "" for shipment in order["shipments"]), default="")
    wanted, uploaded = query.get("hastracking"), query.get("istrackinguploaded")
    if wanted is not None and (wanted.lower() == "true") != bool(moment):
        return False
    if uploaded is not None and uploaded.lower() == "true":
        return False
    start, end = query.get("lasttrackingupdatestartdate"), query.get("lasttrackingupdateenddate")
    return (start is None and end is None) or (bool(moment) and _within(moment, start, end))


def _within(moment: str, start: str | None, end: str | None) -> bool:
    at = datetime.fromisoformat(moment)
    return (start is None or at >= _moment(start)) and (end is None or at <= _moment(end))


def _moment(text: str) -> datetime:
    parsed = datetime.fromisoformat(text.replace(" ", "+"))
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)

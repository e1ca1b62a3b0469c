"""Making orders, one for each SellerOrderID of a sales channel, and finding them again."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from emulators.newegg import stages, times, validation
from emulators.newegg.books import Books
from emulators.newegg.inventory import Inventory
from emulators.newegg.scripts import Scripts
from emulators.newegg.stages import Record
from emulators.newegg.warehouse import Warehouse

FIRST_ORDER: Final = 411_000_001
LARGEST_PAGE: Final = 100
ALL, SBN, MULTI_CHANNEL = "0", "1", "3"


class Orders:
    """Places orders and lists them."""

    def __init__(self, books: Books, inventory: Inventory, scripts: Scripts, warehouse: Warehouse) -> None:
        self._books, self._inventory, self._scripts, self._warehouse = books, inventory, scripts, warehouse

    def place(self, body: Record, feed_id: str) -> list[str]:
        """Make an order of one entry of a feed; answers why not, or nothing."""
        errors = [*self._scripts.of(body)["refuse"], *validation.problems(body)]
        if not errors:
            errors = [*self._duplicates(body), *self._shortages(body)]
        if errors:
            return [validation.NOT_CREATED, *errors]
        self._warehouse.receive(self._new_order(body, feed_id))
        return []

    def _duplicates(self, body: Record) -> Iterator[str]:
        channels = {order["channel"] for order in self._books.orders_of(body["SellerOrderID"])}
        if body["SalesChannel"] in channels:
            yield validation.DUPLICATE

    def _shortages(self, body: Record) -> Iterator[str]:
        for sku in self._inventory.lacking(validation.products_of(body)):
            yield f"SellerPartNumber - Insufficient inventory in Newegg warehouses: {sku}"

    def _new_order(self, body: Record, feed_id: str) -> Record:
        number = self._books.store.next_number("order", FIRST_ORDER)
        products = validation.products_of(body)
        packages = split(products, self._scripts.of(body)["split"])
        return {
            "id": number,
            "reference_id": body["SellerOrderID"],
            "channel": body["SalesChannel"],
            "feed_id": feed_id,
            "created_at": self._books.now(),
            "ordered_at": times.read(body["OrderDate"]),
            "stage_times": {},
            "paused": False,
            "promised": True,
            "cancelled_at": None,
            "cancelled_by": None,
            "ships_anyway": False,
            "cancellation": None,
            "lines": [{**product, "canceled": False} for product in products],
            "shipments": [_package(number, index, lines) for index, lines in enumerate(packages, 1)],
            "body": body,
        }

    def listed(self, criteria: Record) -> list[Record]:
        """The orders that a "Get Order Information" asks for, newest first. Raises ValueError."""
        numbers = _named(criteria, "OrderNumberList", "OrderNumber")
        references = _named(criteria, "SellerOrderNumberList", "SellerOrderNumber")
        if numbers:
            found = [order for name in numbers if (order := self._books.order(int(name)))]
        elif references:
            found = [order for name in references for order in self._books.orders_of(name)]
        else:
            return list(_filtered(self._books.orders(), criteria))
        return found


def _package(number: int, index: int, products: list[Record]) -> Record:
    return {
        "id": f"{number}-{index}",
        "stage": "Unshipped",
        "goods_left": False,
        "left_at": None,
        "cancelled_at": None,
        "carrier": "UPS",
        "tracking_number": f"1Z0N{number}{index:04d}",
        "products": products,
    }


def split(products: list[Record], parts: int) -> list[list[Record]]:
    """Divide the lines over packages, halving a line when there are fewer lines than packages."""
    lines = [dict(product) for product in products]
    while len(lines) < parts and (large := max(lines, key=lambda line: int(line["quantity"])))["quantity"] > 1:
        half = large["quantity"] // 2
        large["quantity"] -= half
        lines.append({**large, "quantity": half})
    count = min(parts, len(lines))
    return [lines[index::count] for index in range(count)]


def _named(criteria: Record, group: str, name: str) -> list[str]:
    """The numbers in a criterion, whether one or a list of them was sent."""
    found: Any = criteria.get(group)
    found = found.get(name) if isinstance(found, dict) else found
    several = found if isinstance(found, list) else [found]
    return [str(each) for each in several if each]


def _filtered(orders: Iterable[Record], criteria: Record) -> Iterator[Record]:
    wanted, kind = criteria.get("Status"), str(criteria.get("Type") or ALL)
    start, end = _moment(criteria.get("OrderDateFrom")), _moment(criteria.get("OrderDateTo"))
    for order in orders:
        within = (start is None or order["ordered_at"] >= start) and (end is None or order["ordered_at"] <= end)
        status = wanted in (None, "") or str(stages.status_of(order)) == str(wanted)
        if within and status and kind in (ALL, SBN, MULTI_CHANNEL):
            yield order


def _moment(text: str | None) -> float | None:
    return times.read(text) if text else None


def auto_void_at(order: Record) -> float:
    """Newegg voids what is not shipped within 14 days."""
    return (datetime.fromisoformat(order["created_at"]) + timedelta(days=14)).timestamp()

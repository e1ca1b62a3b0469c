"""Stock by SKU. A SKU nobody counted has plenty and is not listed: only a test about stock needs to think of it."""

from operator import itemgetter
from typing import Final

from emulators.common import Store
from emulators.shipbob.stages import Record

KIND: Final = "_inventory"
PLENTY: Final = 1_000_000


class Inventory:
    """On-hand and committed quantities, as GET /inventory-level reports them."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def item(self, sku: str, name: str | None = None) -> Record:
        """The item of a SKU, created with plenty of stock when first seen."""
        known = self._store.get(KIND, sku)
        if known is not None:
            return known
        number = self._store.next_number("inventory", 20_001)
        item = {"id": number, "sku": sku, "name": name or sku, "on_hand": PLENTY, "committed": 0, "counted": False}
        self._store.put(KIND, sku, item)
        return item

    def stock(self, sku: str, on_hand: int) -> Record:
        """Count what lies on the shelf; from now on it is listed."""
        return self._change({**self.item(sku), "on_hand": on_hand, "counted": True})

    def commit(self, products: list[Record]) -> bool:
        """Reserve the products; False when the shelf does not hold enough of one of them."""
        enough = True
        for product in products:
            item = self.item(product["sku"])
            item["committed"] += product["quantity"]
            enough = enough and item["committed"] <= item["on_hand"]
            self._change(item)
        return enough

    def release(self, products: list[Record]) -> None:
        """Give a reservation back."""
        for product in products:
            item = self.item(product["sku"])
            self._change({**item, "committed": item["committed"] - product["quantity"]})

    def take(self, products: list[Record]) -> None:
        """The products have left the building."""
        for product in products:
            item = self.item(product["sku"])
            self._change({**item, "on_hand": item["on_hand"] - product["quantity"]})

    def levels(self) -> list[Record]:
        """Every item that was counted, in the inventory-level model of the 2026-01 API."""
        return [_level(item) for item in self._store.all(KIND) if item.get("counted")]

    def listed(self, query: Record) -> list[Record]:
        """The levels a GET /inventory-level asks for. Every item is active, none is digital. Raises ValueError."""
        if query.get("isactive", "true").lower() == "false" or query.get("isdigital", "false").lower() == "true":
            return []
        levels = self.levels()
        if "inventoryids" in query:
            wanted = set(query["inventoryids"].split(","))
            levels = [level for level in levels if str(level["inventory_id"]) in wanted]
        if "searchby" in query:
            levels = [level for level in levels if _is_meant(level, query["searchby"].lower())]
        return _sorted(levels, query.get("sortby", ""))

    def _change(self, item: Record) -> Record:
        self._store.put(KIND, item["sku"], item)
        return item


def _is_meant(level: Record, text: str) -> bool:
    """The id as a whole; name or SKU in part, whatever the case."""
    return text == str(level["inventory_id"]) or text in level["sku"].lower() or text in level["name"].lower()


def _sorted(levels: list[Record], by: str) -> list[Record]:
    """By comma-separated fields, the first one first; `-` before a field turns it around."""
    for field in reversed([name.strip() for name in by.split(",") if name.strip()]):
        name = field.removeprefix("-")
        if any(name not in level for level in levels):
            raise ValueError(f"SortBy: {name} is no field of an inventory level")
        levels = sorted(levels, key=itemgetter(name), reverse=field != name)
    return levels


def _level(item: Record) -> Record:
    fulfillable = max(0, item["on_hand"] - item["committed"])
    return {
        "inventory_id": item["id"],
        "name": item["name"],
        "sku": item["sku"],
        "total_on_hand_quantity": item["on_hand"],
        "total_committed_quantity": item["committed"],
        "total_fulfillable_quantity": fulfillable,
        "total_sellable_quantity": fulfillable,
        "total_backordered_quantity": max(0, item["committed"] - item["on_hand"]),
        "total_awaiting_quantity": 0,
        "total_exception_quantity": 0,
        "total_internal_transfer_quantity": 0,
    }

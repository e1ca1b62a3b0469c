"""Stock by SKU. A SKU nobody stocked has plenty, so that only a test about stock needs to think of it."""

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
        item = {"id": number, "sku": sku, "name": name or sku, "on_hand": PLENTY, "committed": 0}
        self._store.put(KIND, sku, item)
        return item

    def stock(self, sku: str, on_hand: int) -> Record:
        """Set what lies on the shelf."""
        return self._change({**self.item(sku), "on_hand": on_hand})

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
        """Every item, in the inventory-level model of the 2026-01 API."""
        return [_level(item) for item in self._store.all(KIND)]

    def _change(self, item: Record) -> Record:
        self._store.put(KIND, item["sku"], item)
        return item


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

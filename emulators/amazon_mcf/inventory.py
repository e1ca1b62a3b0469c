"""Stock by SKU. A SKU nobody counted has plenty and is not listed: only a test about stock needs to think of it."""

from typing import Final

from emulators.amazon_mcf.stages import Record
from emulators.common import Store

KIND: Final = "_inventory"
PLENTY: Final = 1_000_000


class Inventory:
    """What lies in Amazon's centers, and what of it is reserved for orders."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def item(self, sku: str) -> Record:
        """The item of a SKU, with plenty of stock when first seen."""
        known = self._store.get(KIND, sku)
        return known or {"sku": sku, "on_hand": PLENTY, "committed": 0, "counted": False}

    def stock(self, sku: str, on_hand: int, now: str) -> Record:
        """Count what lies on the shelf; from now on it is listed."""
        return self._change({**self.item(sku), "on_hand": on_hand, "counted": True, "updated_at": now})

    def has(self, lines: list[Record]) -> bool:
        """Whether every line can be fulfilled from what is reserved for nobody."""
        wanted: dict[str, int] = {}
        for line in lines:
            wanted[line["sku"]] = wanted.get(line["sku"], 0) + line["quantity"]
        return all(quantity <= _fulfillable(self.item(sku)) for sku, quantity in wanted.items())

    def commit(self, lines: list[Record]) -> None:
        """Reserve the units."""
        for line in lines:
            item = self.item(line["sku"])
            self._change({**item, "committed": item["committed"] + line["quantity"]})

    def release(self, lines: list[Record]) -> None:
        """Give a reservation back."""
        for line in lines:
            item = self.item(line["sku"])
            self._change({**item, "committed": item["committed"] - line["quantity"]})

    def take(self, products: list[Record]) -> None:
        """The units have left the building."""
        for product in products:
            item = self.item(product["sku"])
            self._change({**item, "on_hand": item["on_hand"] - product["quantity"]})

    def listed(self, skus: list[str] | None) -> list[Record]:
        """Every item that was counted, or those of them that are asked for, as GET /summaries prints them."""
        items = [item for item in self._store.all(KIND) if item["counted"]]
        return [_summary(item) for item in items if skus is None or item["sku"] in skus]

    def _change(self, item: Record) -> Record:
        self._store.put(KIND, item["sku"], item)
        return item


def _fulfillable(item: Record) -> int:
    return max(0, int(item["on_hand"]) - int(item["committed"]))


def _summary(item: Record) -> Record:
    reserved = min(item["on_hand"], item["committed"])
    details = {
        "fulfillableQuantity": _fulfillable(item),
        "inboundWorkingQuantity": 0,
        "inboundShippedQuantity": 0,
        "inboundReceivingQuantity": 0,
        "reservedQuantity": {
            "totalReservedQuantity": reserved,
            "pendingCustomerOrderQuantity": reserved,
            "pendingTransshipmentQuantity": 0,
            "fcProcessingQuantity": 0,
        },
        "researchingQuantity": {"totalResearchingQuantity": 0, "researchingQuantityBreakdown": []},
        "unfulfillableQuantity": {"totalUnfulfillableQuantity": 0},
    }
    return {
        "asin": "B000000000",
        "fnSku": f"X-{item['sku']}",
        "sellerSku": item["sku"],
        "condition": "NewItem",
        "inventoryDetails": details,
        "lastUpdatedTime": item["updated_at"],
        "productName": item["sku"],
        "totalQuantity": item["on_hand"],
    }

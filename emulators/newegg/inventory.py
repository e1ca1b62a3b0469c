"""Stock by SKU. A SKU nobody counted has plenty and is not in the account's list."""

from collections.abc import Iterable
from typing import Final
from zlib import crc32

from emulators.common import Store
from emulators.newegg.stages import Record

KIND: Final = "_inventory"
PLENTY: Final = 1_000_000
WAREHOUSES: Final = ("07", "08")


class Inventory:
    """On-hand and promised quantities, of which the API tells what is left to promise."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def item(self, sku: str) -> Record:
        """The item of a SKU, with plenty of stock when first seen."""
        known = self._store.get(KIND, sku)
        return known or {"sku": sku, "on_hand": PLENTY, "promised": 0, "counted": False}

    def stock(self, sku: str, on_hand: int) -> Record:
        """Count what lies on the shelf."""
        return self._change({**self.item(sku), "on_hand": on_hand, "counted": True})

    def lacking(self, products: Iterable[Record]) -> list[str]:
        """The SKUs of which less is left than is asked for."""
        found = ((product["sku"], product["quantity"], self.item(product["sku"])) for product in products)
        return [sku for sku, wanted, item in found if item["on_hand"] - item["promised"] < wanted]

    def promise(self, products: Iterable[Record], sign: int = 1) -> None:
        """Promise the products to an order; `sign` -1: give the promise back."""
        for product in products:
            item = self.item(product["sku"])
            self._change({**item, "promised": item["promised"] + sign * product["quantity"]})

    def take(self, products: Iterable[Record]) -> None:
        """The products have left the building."""
        for product in products:
            item = self.item(product["sku"])
            self._change({**item, "on_hand": item["on_hand"] - product["quantity"]})

    def listed(self, skus: Iterable[str]) -> list[Record]:
        """Those of the SKUs that the account has, as "Get Batch Inventory" of Newegg.com answers them."""
        return [_listed(item) for sku in skus if (item := self.item(sku))["counted"]]

    def _change(self, item: Record) -> Record:
        self._store.put(KIND, item["sku"], item)
        return item


def _listed(item: Record) -> Record:
    """What the seller ships itself comes first, as in the documentation's example: none of it is Newegg's."""
    left = max(0, item["on_hand"] - item["promised"])
    half = left // 2
    allocation = [
        {"WarehouseCode": code, "Quantity": part} for code, part in zip(WAREHOUSES, (left - half, half), strict=True)
    ]
    return {
        "ItemNumber": f"9SIA{crc32(item['sku'].encode()):010d}",
        "SellerPartNumber": item["sku"],
        "Condition": 1,
        "InventoryAllocation": [
            {"WarehouseLocation": "USA", "FulfillmentOption": "0", "AvailableQuantity": 0},
            {
                "WarehouseLocation": "USA",
                "FulfillmentOption": "1",
                "AvailableQuantity": left,
                "WarehouseAllocation": allocation,
            },
        ],
    }

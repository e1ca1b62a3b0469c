"""Newegg's shelves: what is left to promise of a SKU, and what is promised to orders that have not left.

"Get Batch Inventory" answers for the SKUs it is asked about, and only with what is available. What it has on hand is
that and the units of its unshipped orders (https://developer.newegg.com does not say so in words).
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final

from ordersaga.domain.reconciliation import StockLevel
from ordersaga.gateways.newegg.calls import Calls
from ordersaga.gateways.newegg.errors import unreadable
from ordersaga.gateways.newegg.shapes import Json, count, several
from ordersaga.gateways.newegg.states import units_waiting
from ordersaga.gateways.webhook_parts import child, text

MOST: Final = 100
"""SKUs in one call, as Newegg allows."""
_BY_SELLER_PART: Final = "1"
_BY_NEWEGG: Final = "1"


async def available(calls: Calls, skus: Sequence[str], size: int) -> dict[str, int]:
    """What is left to promise, of the SKUs that Newegg knows."""
    found: dict[str, int] = {}
    for some in _batches(dict.fromkeys(skus), size):
        body = {"Type": _BY_SELLER_PART, "Values": some}
        told = await calls.told("POST", "/contentmgmt/item/international/inventorylist", body)
        answer = child(told, "ResponseBody")
        if not answer.keys() & {"ItemList", "TotalCount"}:
            raise unreadable("no list of items")
        found.update(_left(several(answer, "ItemList", "Item")))
    return found


def stock_levels(left: Mapping[str, int], waiting: Iterable[Mapping[str, Any]]) -> tuple[StockLevel, ...]:
    """By SKU, from what is left to promise and from the orders that have not left."""
    promised = Counter[str]()
    for order in waiting:
        promised.update({sku: units for sku, units in _summed(units_waiting(order)).items() if units > 0})
    return tuple(
        StockLevel(sku=sku, on_hand=left[sku] + promised[sku], committed=promised[sku]) for sku in sorted(left)
    )


def _left(items: Iterable[Json]) -> Iterator[tuple[str, int]]:
    """Only what lies in Newegg's own warehouses."""
    for item in items:
        sku = text(item.get("SellerPartNumber"))
        places = several(item, "InventoryAllocation", "Inventory")
        ours = [place for place in places if str(place.get("FulfillmentOption")) == _BY_NEWEGG]
        if sku is not None and ours:
            yield sku, sum(count(place.get("AvailableQuantity")) for place in ours)


def _summed(lines: Iterable[tuple[str, int]]) -> Counter[str]:
    units = Counter[str]()
    for sku, quantity in lines:
        units[sku] += quantity
    return units


def _batches(skus: Iterable[str], size: int) -> Iterator[list[str]]:
    rest = iter(skus)
    while some := list(islice(rest, min(size, MOST))):
        yield some

"""FBA inventory summaries, version 1, translated."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from ordersaga.domain.reconciliation import StockLevel
from ordersaga.gateways.amazon_mcf.client import Json, Request
from ordersaga.gateways.amazon_mcf.errors import unreadable
from ordersaga.gateways.webhook_parts import child, text

_SUMMARIES: Final = "/fba/inventory/v1/summaries"
MOST_SKUS: Final = 50


def summaries(marketplace_id: str, token: str | None = None, skus: Sequence[str] = ()) -> Request:
    """A page of what lies in a marketplace's centers; of at most `MOST_SKUS` SKUs when named."""
    query = {
        "details": "true",
        "granularityType": "Marketplace",
        "granularityId": marketplace_id,
        "marketplaceIds": marketplace_id,
        **({"nextToken": token} if token else {}),
        **({"sellerSkus": ",".join(skus)} if skus else {}),
    }
    return Request("GET", _SUMMARIES, query=query)


def listed(payload: Mapping[str, Any]) -> list[Json]:
    """The summaries of a page."""
    found = payload.get("inventorySummaries")
    if not isinstance(found, list):
        raise unreadable("no list of inventory summaries")
    return [each for each in found if isinstance(each, dict)]


def stock_levels(items: Iterable[Mapping[str, Any]]) -> tuple[StockLevel, ...]:
    """By SKU: sellable units, those reserved for orders included. What is inbound, damaged or searched for is not."""
    levels: dict[str, StockLevel] = {}
    for item in items:
        sku = text(item.get("sellerSku"))
        if sku is not None:
            before = levels.get(sku, StockLevel(sku=sku, on_hand=0))
            free, reserved = _quantities(child(item, "inventoryDetails"))
            levels[sku] = StockLevel(
                sku=sku, on_hand=before.on_hand + free + reserved, committed=before.committed + reserved
            )
    return tuple(levels[sku] for sku in sorted(levels))


def _quantities(details: Mapping[str, Any]) -> tuple[int, int]:
    """Units that may be sold, and units reserved."""
    reserved = child(details, "reservedQuantity")
    return _count(details.get("fulfillableQuantity")), _count(reserved.get("totalReservedQuantity"))


def _count(value: object) -> int:
    return value if isinstance(value, int) and value > 0 else 0

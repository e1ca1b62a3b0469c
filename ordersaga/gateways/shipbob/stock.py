"""ShipBob's inventory levels translated (https://developer.shipbob.com, `GET /inventory-level`)."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import httpx

from ordersaga.domain.reconciliation import StockLevel
from ordersaga.gateways.webhook_parts import text


def stock_levels(items: Iterable[Mapping[str, Any]]) -> tuple[StockLevel, ...]:
    """By SKU. Several items of one SKU are on one shelf of ours; an item without a SKU is on none."""
    on_hand, committed = Counter[str](), Counter[str]()
    for item in items:
        sku = text(item.get("sku"))
        if sku is not None:
            on_hand[sku] += int(item.get("total_on_hand_quantity") or 0)
            committed[sku] += int(item.get("total_committed_quantity") or 0)
    return tuple(StockLevel(sku=sku, on_hand=on_hand[sku], committed=committed[sku]) for sku in sorted(on_hand))


def next_query(page: Mapping[str, Any]) -> dict[str, str] | None:
    """What the link to the next page asks for; None on the last one. Its host is ignored: our token would go there."""
    link = text(page.get("next"))
    return dict(httpx.URL(link).params) if link else None

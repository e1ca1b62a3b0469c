"""Where the units of a parcel lie, for one that may have to move."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import asyncpg

from ordersaga.domain.orders import Order, ParcelPlan
from ordersaga.domain.routing import StockOffer
from ordersaga.domain.routing_words import Why
from ordersaga.domain.stops import avoided, stopping
from ordersaga.stores.places import offer_of
from ordersaga.stores.pools import Pool, connection
from ordersaga.stores.stops import StopRules

# Where the parcel is now is told too, though nothing more may be available there.
_OFFERS: Final = """
SELECT stock.location, stock.sku, stock.on_hand - stock.held AS available, locations.provider,
       locations.address->>'region' AS region, locations.address->>'country' AS country,
       locations.address->>'postal_code' AS postal_code, locations.dispatch::text AS dispatch
FROM stock JOIN locations USING (location) JOIN products USING (sku)
WHERE stock.sku = ANY($1::text[]) AND products.seller = $2
  AND (stock.on_hand > stock.held AND removed_at IS NULL OR stock.location = $3)
ORDER BY stock.location, stock.sku
"""


class PostgresPlaces:
    """The Places port on PostgreSQL."""

    def __init__(self, pool: Pool, stops: StopRules) -> None:
        self._pool, self._stops = pool, stops

    async def offers(self, order: Order, plan: ParcelPlan) -> Sequence[StockOffer]:
        """Every location with units of the parcel's SKUs, but those of providers that are stopped for the order."""
        without = avoided(await self._stops.standing(), order, datetime.now(UTC))
        async with connection(self._pool) as reader:
            skus = [line.sku for line in plan.lines]
            rows = await reader.fetch(_OFFERS, skus, order.seller, plan.location)
        places: dict[str, list[asyncpg.Record]] = {}
        for row in rows:
            if row["provider"] not in without or row["location"] == plan.location:
                places.setdefault(row["location"], []).append(row)
        return [_offer(found) for found in places.values()]

    async def forbidden(self, order: Order) -> str | None:
        """The stop that keeps the order from being sent anew, in words."""
        rule = stopping(await self._stops.standing(), order, datetime.now(UTC))
        return f"{rule.told()} (stop {rule.stop_id})" if rule else None

    async def why(self, order_id: str) -> Why | None:
        """Why an order was sent from where it was at first; None: there was nothing to choose, or it is not known."""
        async with connection(self._pool) as reader:
            found = await reader.fetchval("SELECT why FROM routings WHERE order_id = $1", order_id)
        return Why.model_validate(found) if found else None


def _offer(rows: Sequence[asyncpg.Record]) -> StockOffer:
    offer = offer_of(rows[0])
    offer.available.update({row["sku"]: row["available"] for row in rows})
    return offer

"""Sellers, locations, products and their stock levels.

A process that listens (`Heard`) remembers the terms and SKUs it reads, with whether shoppers may wait for them, until a
catalog is loaded anywhere.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ordersaga.domain.catalog import Catalog, Location, Product, Receipt, Seller, Standing, StockLevel
from ordersaga.domain.errors import OperatorError
from ordersaga.domain.orders import SellerTerms
from ordersaga.stores.heard import Heard
from ordersaga.stores.holds import announce_stock
from ordersaga.stores.pools import Connection, Pool, columns, connection, transaction
from ordersaga.stores.remembered import Remembered

CHANNEL: Final = "catalog_changed"
_CHANGED = "SELECT pg_notify('catalog_changed', '')"

# Rows are written in sorted order, so that two uploads at once cannot wait for each other in a circle.
_SELLERS = """
INSERT INTO sellers (seller, name, terms, daily_orders, promise_within)
SELECT * FROM unnest($1::text[], $2::text[], $3::jsonb[], $4::int[], $5::int[]) ORDER BY 1
ON CONFLICT (seller) DO UPDATE SET name = excluded.name, terms = excluded.terms, daily_orders = excluded.daily_orders,
    promise_within = excluded.promise_within, updated_at = now()
"""
_LOCATIONS = """
INSERT INTO locations (location, provider, address, dispatch)
SELECT * FROM unnest($1::text[], $2::text[], $3::jsonb[], $4::jsonb[]) ORDER BY 1
ON CONFLICT (location) DO UPDATE SET provider = excluded.provider, address = excluded.address,
    dispatch = excluded.dispatch, updated_at = now()
"""
_PRODUCTS = """
INSERT INTO products AS standing (sku, seller, title, weight_grams, max_per_buyer, daily_units, waitlist)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::int[], $5::int[], $6::int[], $7::boolean[]) ORDER BY 1
ON CONFLICT (sku) DO UPDATE SET title = excluded.title, weight_grams = excluded.weight_grams,
    max_per_buyer = excluded.max_per_buyer, daily_units = excluded.daily_units, waitlist = excluded.waitlist,
    updated_at = now()
WHERE standing.seller = excluded.seller RETURNING sku
"""
_RECEIPTS = """
INSERT INTO catalog_receipts (receipt_id, location, sku, quantity)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::int[]) ORDER BY 1
ON CONFLICT DO NOTHING RETURNING receipt_id, location, sku, quantity
"""
# Until the load ends, nothing else arrives at a seller's own place, nor is it removed.
_LOCK_OWN_PLACES = """
SELECT location, removed_at FROM locations WHERE location = ANY($1::text[]) AND seller IS NOT NULL
ORDER BY location FOR NO KEY UPDATE
"""
_OVERFULL = """
SELECT location, room, units FROM locations JOIN seller_profiles USING (seller)
CROSS JOIN LATERAL (SELECT (profile->'locations'->location->>'capacity')::bigint AS room) AS told
CROSS JOIN LATERAL (SELECT sum(on_hand) AS units FROM stock WHERE stock.location = locations.location) AS there
WHERE location = ANY($1::text[]) AND units > room ORDER BY location
"""
_STANDING_RECEIPTS = """
SELECT seller, receipt_id, location, sku, quantity FROM catalog_receipts WHERE receipt_id = ANY($1::text[])
"""
_ADD_STOCK = """
INSERT INTO stock AS standing (location, sku, on_hand)
SELECT location, sku, sum(quantity) FROM unnest($1::text[], $2::text[], $3::bigint[]) AS new(location, sku, quantity)
GROUP BY location, sku ORDER BY location, sku
ON CONFLICT (location, sku) DO UPDATE SET on_hand = standing.on_hand + excluded.on_hand
"""
_MOVEMENTS = """
INSERT INTO unit_movements (kind, account_from, account_to, receipt_id, location, sku, quantity)
SELECT 'received', 'supplier', 'available', row.*
FROM unnest($1::text[], $2::text[], $3::text[], $4::int[]) AS row
"""
_SKUS_AT = """
SELECT DISTINCT sku FROM stock JOIN locations USING (location) WHERE provider = $1 ORDER BY sku
"""
_ALL_PRODUCTS = """
SELECT sku, seller, title, weight_grams, max_per_buyer, daily_units, waitlist FROM products
WHERE $1::text IS NULL OR seller = $1 ORDER BY sku
"""
_LEVELS = """
SELECT location, sku, on_hand, held, max_per_buyer, daily_units, waitlist,
       (SELECT count(*) FROM waiting_lines WHERE line = 'sku:' || stock.sku)::int AS waiting
FROM stock JOIN products USING (sku)
WHERE ($1::text IS NULL OR seller = $1) AND ($2::text IS NULL OR location = $2) AND ($3::text IS NULL OR sku = $3)
  AND ($4::text IS NULL OR (sku, location) > ($4, $5::text))
ORDER BY sku, location LIMIT $6
"""
_OWNERS = "SELECT sku, seller FROM products WHERE sku = ANY($1::text[])"
_KNOWN_SKUS = "SELECT sku, waitlist FROM products WHERE seller = $1 AND sku = ANY($2::text[])"
_STANDING = """
SELECT array(SELECT seller FROM sellers WHERE seller = ANY($1::text[])) AS sellers,
       array(SELECT location FROM locations WHERE location = ANY($2::text[])) AS locations
"""


@dataclass(frozen=True)
class Loaded:
    """What a load did: rows written, receipts that were new, and the units they brought."""

    sellers: int
    locations: int
    products: int
    receipts: int
    units: int


@dataclass(frozen=True)
class Unknown:
    """What of an order the catalog does not know: its seller, or SKUs that are not this seller's."""

    seller: bool
    skus: tuple[str, ...]

    def __bool__(self) -> bool:
        return self.seller or bool(self.skus)


class PostgresCatalog:
    """What must be known before an order can be taken."""

    def __init__(self, pool: Pool, heard: Heard | None = None) -> None:
        self._pool = pool
        self._terms: Remembered[str, SellerTerms] = Remembered(heard, CHANNEL)
        self._lines: Remembered[tuple[str, str], bool] = Remembered(heard, CHANNEL)

    async def load(self, catalog: Catalog, *, dry_run: bool = False) -> Loaded:
        """Write a whole catalog in one transaction, or nothing; loading it again adds no units.

        `dry_run`: only find out what it would bring, or how it would be refused.

        Raises OperatorError `sku_taken` (another seller's SKU), `receipt_conflict` (a receipt id its seller used for
        other units), `location_removed` or `location_full` (a seller's place that takes no more), or
        `integrity_violation` (a seller, location or product that nobody defined).
        """
        async with transaction(self._pool, scoped=False) as work:
            written = work.transaction()
            await written.start()
            new = await _write(work, catalog)
            await (written.rollback() if dry_run else written.commit())
        self._terms.forget()
        self._lines.forget()
        return Loaded(
            len(catalog.sellers),
            len(catalog.locations),
            len(catalog.products),
            len(new),
            sum(quantity for _, _, _, quantity in new),
        )

    async def sellers(self) -> Sequence[Seller]:
        """Every seller with its terms."""
        async with connection(self._pool) as reader:
            rows = await reader.fetch(
                "SELECT seller, name, terms, daily_orders, promise_within FROM sellers ORDER BY seller"
            )
            return [Seller.model_validate(dict(row)) for row in rows]

    async def terms(self, seller: str) -> SellerTerms | None:
        """The terms this seller's orders get now; None: no such seller."""
        return self._terms.get(seller) or await self._read_terms(seller)

    async def _read_terms(self, seller: str) -> SellerTerms | None:
        look = self._terms.look()
        async with connection(self._pool, scoped=False) as reader:
            found = await reader.fetchval("SELECT terms FROM sellers WHERE seller = $1", seller)
        if found is None:
            return None
        terms = SellerTerms.model_validate(found)
        self._terms.keep(look, seller, terms)
        return terms

    async def locations(self) -> Sequence[Location]:
        """Every warehouse."""
        async with connection(self._pool) as reader:
            rows = await reader.fetch("SELECT location, provider, address, dispatch FROM locations ORDER BY location")
            return [Location.model_validate(dict(row)) for row in rows]

    async def products(self, seller: str | None = None) -> Sequence[Product]:
        """Products, of one seller when named."""
        async with connection(self._pool) as reader:
            return [Product.model_validate(dict(row)) for row in await reader.fetch(_ALL_PRODUCTS, seller)]

    async def unknown(self, seller: str, skus: Iterable[str]) -> Unknown:
        """What of an order is not in the catalog; falsy when everything is known."""
        asked = list(skus)
        if asked and all(self._lines.get((seller, sku)) is not None for sku in asked):
            return Unknown(seller=False, skus=())
        return await self._read_unknown(seller, asked)

    async def _read_unknown(self, seller: str, skus: list[str]) -> Unknown:
        look = self._lines.look()
        async with connection(self._pool, scoped=False) as reader:
            known = await reader.fetchval("SELECT true FROM sellers WHERE seller = $1", seller)
            lines = {row["sku"]: row["waitlist"] for row in await reader.fetch(_KNOWN_SKUS, seller, skus)}
        for sku, line in lines.items():
            self._lines.keep(look, (seller, sku), line)
        return Unknown(seller=not known, skus=tuple(sorted(set(skus).difference(lines))))

    def without_line(self, seller: str, skus: Iterable[str]) -> tuple[str, ...]:
        """Those of `skus` that no shopper may wait for, as far as is remembered."""
        return tuple(sku for sku in skus if self._lines.get((seller, sku)) is False)

    async def skus_at(self, provider: str) -> Sequence[str]:
        """Every SKU that ever lay at a location of the provider, sorted."""
        async with connection(self._pool) as reader:
            return [row["sku"] for row in await reader.fetch(_SKUS_AT, provider)]

    async def standing(
        self, *, sellers: Iterable[str], locations: Iterable[str], skus: Iterable[str], receipts: Iterable[str]
    ) -> Standing:
        """Which of these names are known, and what the receipts among them brought."""
        async with connection(self._pool, scoped=False) as reader:
            names = await reader.fetchrow(_STANDING, list(sellers), list(locations))
            owners = await reader.fetch(_OWNERS, list(skus))
            arrived = await reader.fetch(_STANDING_RECEIPTS, list(receipts))
        assert names is not None, "a select of arrays gives one row"
        return Standing(
            sellers=frozenset(names["sellers"]),
            locations=frozenset(names["locations"]),
            skus={row["sku"]: row["seller"] for row in owners},
            receipts={
                (row["seller"], row["receipt_id"]): (row["location"], row["sku"], row["quantity"]) for row in arrived
            },
        )

    async def stock_levels(
        self,
        *,
        seller: str | None = None,
        location: str | None = None,
        sku: str | None = None,
        after: tuple[str, str] | None = None,
        limit: int = 1000,
    ) -> Sequence[StockLevel]:
        """Stock by (sku, location), starting behind `after`, the last pair of the page before."""
        after_sku, after_location = after or (None, None)
        async with connection(self._pool) as reader:
            rows = await reader.fetch(_LEVELS, seller, location, sku, after_sku, after_location, limit)
            return [StockLevel.model_validate(dict(row)) for row in rows]


async def _write(work: Connection, catalog: Catalog) -> list[tuple[Any, ...]]:
    """All of it; returns the receipts that are new."""
    await work.execute(_SELLERS, *columns([_seller_row(seller) for seller in catalog.sellers], 5))
    await work.execute(_LOCATIONS, *columns([_location_row(place) for place in catalog.locations], 4))
    await _load_products(work, catalog.products)
    new = await _load_receipts(work, catalog.receipts)
    await work.execute(_CHANGED)
    return new


async def _load_products(work: Connection, products: Sequence[Product]) -> None:
    rows = [tuple(product.model_dump().values()) for product in products]
    written = {row["sku"] for row in await work.fetch(_PRODUCTS, *columns(rows, 7))}
    taken = sorted({product.sku for product in products} - written)
    if taken:
        raise OperatorError("sku_taken", f"These SKUs belong to another seller: {', '.join(taken)}")


async def _load_receipts(work: Connection, receipts: Sequence[Receipt]) -> list[tuple[Any, ...]]:
    """Write receipts that are new, and their stock; returns them as (receipt_id, location, sku, quantity)."""
    rows = [(receipt.receipt_id, receipt.location, receipt.sku, receipt.quantity) for receipt in receipts]
    own = await work.fetch(_LOCK_OWN_PLACES, sorted({receipt.location for receipt in receipts}))
    new = [tuple(row) for row in await work.fetch(_RECEIPTS, *columns(rows, 4))]
    await _refuse_other_units(work, rows)
    if new:
        await work.execute(_ADD_STOCK, *columns([row[1:] for row in new], 3))
        await work.execute(_MOVEMENTS, *columns(new, 4))
        await _refuse_what_has_no_place(work, {row["location"]: row["removed_at"] for row in own}, new)
        await announce_stock(work, [row[2] for row in new])
    return new


async def _refuse_what_has_no_place(work: Connection, own: dict[str, Any], new: list[tuple[Any, ...]]) -> None:
    """At sellers' own places, locked: none that was removed takes anything, none takes more than it has room for."""
    arrived = sorted({row[1] for row in new} & own.keys())
    removed = [location for location in arrived if own[location] is not None]
    if removed:
        raise OperatorError("location_removed", f"{removed[0]} was removed from its seller's file: add it there again")
    for full in await work.fetch(_OVERFULL, arrived) if arrived else ():
        told = f"{full['location']} has room for {full['room']} units, and would hold {full['units']}"
        raise OperatorError("location_full", f"{told}: bring fewer, or raise its capacity in the seller's file")


async def _refuse_other_units(work: Connection, rows: list[tuple[Any, ...]]) -> None:
    standing = {tuple(row)[1:] for row in await work.fetch(_STANDING_RECEIPTS, [row[0] for row in rows])}
    for row in rows:
        if row not in standing:
            raise OperatorError("receipt_conflict", f"Receipt {row[0]} was already used for other units")


def _seller_row(seller: Seller) -> tuple[Any, ...]:
    terms = seller.terms.model_dump(mode="json")
    return seller.seller, seller.name, terms, seller.daily_orders, seller.promise_within


def _location_row(location: Location) -> tuple[Any, ...]:
    dispatch = location.dispatch.model_dump(mode="json", exclude_defaults=True)
    return location.location, location.provider, location.address.model_dump(mode="json"), dispatch

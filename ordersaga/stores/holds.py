"""Taking and ending holds: set-based SQL, so that one order and a hundred cost the same number of statements.

Locks are always taken in one order: order ids, then holds, then stock rows sorted by (location, sku).
"""

from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import asyncpg

from ordersaga.domain.orders import Order, ParcelPlan
from ordersaga.domain.routing import ALL_WELL, Choice, LanesNow, Moment, StockOffer, against, choose
from ordersaga.stores.places import offer_of
from ordersaga.stores.pools import Connection, columns

Ended = list[asyncpg.Record]

# Rows with nothing to promise are not even locked: a sold-out SKU costs a read.
_LOCK_OFFERS = """
SELECT stock.location, stock.sku, stock.on_hand - stock.held AS available, locations.provider, products.seller,
       locations.address->>'region' AS region, locations.address->>'country' AS country,
       locations.address->>'postal_code' AS postal_code, locations.dispatch::text AS dispatch
FROM stock JOIN locations USING (location) JOIN products USING (sku)
WHERE stock.sku = ANY($1::text[]) AND stock.on_hand > stock.held AND locations.removed_at IS NULL
ORDER BY stock.location, stock.sku FOR NO KEY UPDATE OF stock
"""
_LOCK_STOCK = """
SELECT location, sku, on_hand - held AS available FROM stock
WHERE (location, sku) IN (SELECT * FROM unnest($1::text[], $2::text[]))
ORDER BY location, sku FOR NO KEY UPDATE
"""
_CHANGE_STOCK = """
UPDATE stock SET on_hand = stock.on_hand + change.on_hand, held = stock.held + change.held
FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[]) AS change(location, sku, on_hand, held)
WHERE stock.location = change.location AND stock.sku = change.sku
"""
_INSERT_HOLDS = """
INSERT INTO holds (order_id, take, parcel, sku, location, quantity, status, expires_at)
SELECT row.*, $7, $8 FROM unnest($1::text[], $2::int[], $3::int[], $4::text[], $5::text[], $6::int[]) AS row
"""
_END_HOLDS = """
UPDATE holds SET status = $3, ended_at = now()
WHERE order_id = ANY($1::text[]) AND ($2::int IS NULL OR parcel = $2) AND status = ANY($4::text[])
RETURNING order_id, take, parcel, sku, location, quantity
"""
_MOVE = """
INSERT INTO unit_movements (kind, account_from, account_to, order_id, take, parcel, sku, location, quantity)
SELECT $7, $8, $9, row.* FROM unnest($1::text[], $2::int[], $3::int[], $4::text[], $5::text[], $6::int[]) AS row
"""
_ANNOUNCE = "SELECT pg_notify('stock_available', sku) FROM (SELECT DISTINCT unnest($1::text[]) AS sku) AS returned"


@dataclass(frozen=True)
class Movement:
    """A kind of unit movement: between which accounts, and its sign on `on_hand` and `held`."""

    kind: str
    account_from: str
    account_to: str
    on_hand: int
    held: int


HELD = Movement("held", "available", "held", 0, 1)
RELEASED = Movement("released", "held", "available", 0, -1)
SHIPPED = Movement("shipped", "held", "shipped", -1, -1)
SHIPPED_UNHELD = Movement("shipped_unheld", "available", "shipped", -1, 0)


@dataclass(frozen=True)
class Taking:
    """A hold to write: all parcels of one order. `take` counts the order's holds from 1."""

    order_id: str
    take: int
    parcels: Sequence[ParcelPlan]

    def rows(self) -> list[tuple[Any, ...]]:
        """(order_id, take, parcel, sku, location, quantity) of every line."""
        return [
            (self.order_id, self.take, plan.parcel, line.sku, plan.location, line.quantity)
            for plan in self.parcels
            for line in plan.lines
        ]


class Shelves:
    """Locked stock rows of some SKUs, and what is left on them while orders are routed one after another.

    `lanes`: how providers stand now.
    """

    def __init__(self, rows: Iterable[asyncpg.Record], lanes: LanesNow = ALL_WELL) -> None:
        self._lanes = lanes
        self._now = datetime.now(UTC)
        self._rows: defaultdict[str, list[asyncpg.Record]] = defaultdict(list)
        for row in rows:
            self._rows[row["sku"]].append(row)
        found = [row for same in self._rows.values() for row in same]
        self._places = {row["location"]: offer_of(row) for row in found}
        self._available = {(row["location"], row["sku"]): int(row["available"]) for row in found}

    def plan(self, order: Order, without: Container[str] = ()) -> Choice | None:
        """Route the order over what is left and take it off the shelves; None: sold out, nothing taken.

        `without`: providers that may not ship it.
        """
        moment = Moment(self._now, self._lanes.unwell, without, self._lanes.busy)
        choice = choose(order, self._offers(order), moment)
        for plan in choice.parcels if choice else ():
            for line in plan.lines:
                self._available[plan.location, line.sku] -= line.quantity
        return choice

    def missing(self, order: Order, without: Container[str] = ()) -> tuple[str, ...]:
        """SKUs of the order of which too few are left where it may ship from."""
        offers = [offer for offer in self._offers(order) if against(order, offer, without) is None]
        return tuple(
            line.sku
            for line in order.lines
            if sum(offer.available.get(line.sku, 0) for offer in offers) < line.quantity
        )

    def empty(self, orders: Iterable[Order]) -> set[str]:
        """SKUs of these orders of which nothing at all is left, at any location."""
        left = {sku for (_, sku), units in self._available.items() if units > 0}
        return {line.sku for order in orders for line in order.lines} - left

    def _offers(self, order: Order) -> list[StockOffer]:
        """What the order's own seller has; a SKU of another seller is never offered."""
        there: defaultdict[str, dict[str, int]] = defaultdict(dict)
        rows = (row for sku in sorted({line.sku for line in order.lines}) for row in self._rows.get(sku, ()))
        for row in rows:
            left = self._available[row["location"], row["sku"]]
            if left and row["seller"] == order.seller:
                there[row["location"]][row["sku"]] = left
        return [self._places[name].model_copy(update={"available": units}) for name, units in there.items()]


async def lock_shelves(connection: Connection, orders: Iterable[Order], lanes: LanesNow = ALL_WELL) -> Shelves:
    """Lock every stock row these orders could take from, in sorted order."""
    skus = sorted({line.sku for order in orders for line in order.lines})
    return Shelves(await connection.fetch(_LOCK_OFFERS, skus), lanes)


async def take_holds(connection: Connection, takings: Sequence[Taking], *, status: str, expires_at: Any = None) -> None:
    """Write holds whose stock rows are locked: stock, holds and movements."""
    rows = [row for taking in takings for row in taking.rows()]
    if not rows:
        return
    await change_stock(connection, rows, HELD)
    await connection.execute(_INSERT_HOLDS, *columns(rows, 6), status, expires_at)
    await write_movements(connection, rows, HELD)


async def end_holds(
    connection: Connection,
    order_ids: Sequence[str],
    parcel: int | None,
    movement: Movement,
    *,
    live: Sequence[str] = ("held", "confirmed"),
) -> Ended:
    """End the live holds of these (locked) orders, or of one parcel; returns what was ended."""
    ended = await connection.fetch(_END_HOLDS, list(order_ids), parcel, movement.kind, list(live))
    if not ended:
        return []
    rows = [tuple(row.values()) for row in ended]
    await lock_stock(connection, rows)
    await change_stock(connection, rows, movement)
    await write_movements(connection, rows, movement)
    if movement is RELEASED:
        await announce_stock(connection, [row["sku"] for row in ended])
    return ended


async def lock_stock(connection: Connection, rows: Iterable[tuple[Any, ...]]) -> dict[tuple[str, str], int]:
    """Lock the stock rows of hold rows, in sorted order; returns what is available by location and SKU."""
    pairs = {(row[4], row[3]) for row in rows}
    locked = await connection.fetch(_LOCK_STOCK, *columns(sorted(pairs), 2))
    return {(row["location"], row["sku"]): row["available"] for row in locked}


async def change_stock(connection: Connection, rows: Iterable[tuple[Any, ...]], movement: Movement) -> None:
    """Apply a movement of hold rows to `stock`; the database refuses held > on_hand."""
    totals: Counter[tuple[str, str]] = Counter()
    for _, _, _, sku, location, quantity in rows:
        totals[location, sku] += quantity
    changes = [
        (location, sku, movement.on_hand * quantity, movement.held * quantity)
        for (location, sku), quantity in sorted(totals.items())
    ]
    await connection.execute(_CHANGE_STOCK, *columns(changes, 4))


async def write_movements(connection: Connection, rows: Iterable[tuple[Any, ...]], movement: Movement) -> None:
    """Append the movements of hold rows."""
    await connection.execute(_MOVE, *columns(rows, 6), movement.kind, movement.account_from, movement.account_to)


async def announce_stock(connection: Connection, skus: Iterable[str]) -> None:
    """NOTIFY `stock_available` with each SKU, so that processes that refuse it from memory ask again."""
    await connection.execute(_ANNOUNCE, list(skus))

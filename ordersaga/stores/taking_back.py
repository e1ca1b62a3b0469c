"""Goods that came back: booked once per reference, never more than left, inside one transaction."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from ordersaga.domain.errors import OperatorError
from ordersaga.domain.orders import LineQuantity
from ordersaga.stores.holds import Movement, announce_stock, change_stock, lock_stock
from ordersaga.stores.pools import Connection, columns

_BOOKED = """
SELECT kind, location, sku, quantity FROM unit_movements WHERE order_id = $1 AND parcel = $2 AND reference = $3
"""
_UNITS = """
SELECT sku, coalesce(sum(quantity) FILTER (WHERE account_to = 'shipped'), 0)::bigint AS gone,
       coalesce(sum(quantity) FILTER (WHERE account_from = 'shipped'), 0)::bigint AS back
FROM unit_movements WHERE order_id = $1 AND parcel = $2 GROUP BY sku
"""
_KNOWN = "SELECT EXISTS (SELECT FROM locations WHERE location = $1)"
# Goods may come back to a place that never had them.
_SHELVES = "INSERT INTO stock (location, sku) SELECT $1, unnest($2::text[]) ON CONFLICT DO NOTHING"
_MOVE = """
INSERT INTO unit_movements (kind, account_from, account_to, order_id, parcel, reference, location, sku, quantity)
SELECT $1, $2, $3, $4, $5, $6, row.location, row.sku, row.quantity
FROM unnest($7::text[], $8::text[], $9::int[]) AS row(location, sku, quantity)
"""

RESTOCKED = Movement("restocked", "shipped", "available", 1, 0)
WRITTEN_OFF = Movement("written_off", "shipped", "written_off", 0, 0)


@dataclass(frozen=True)
class Arrival:
    """Units of a parcel that came back to a location; `reference` is what brought them."""

    order_id: str
    parcel: int
    reference: str
    lines: Sequence[LineQuantity]
    location: str
    sellable: bool

    @property
    def movement(self) -> Movement:
        """How they are booked."""
        return RESTOCKED if self.sellable else WRITTEN_OFF

    @property
    def units(self) -> Counter[str]:
        """Units by SKU."""
        found = Counter[str]()
        for line in self.lines:
            found[line.sku] += line.quantity
        return found

    @property
    def rows(self) -> list[tuple[str, str, int]]:
        """Location, SKU and quantity of every SKU, sorted."""
        return [(self.location, sku, quantity) for sku, quantity in sorted(self.units.items())]


async def take_back(work: Connection, arrival: Arrival) -> int:
    """Book goods that came back for a (locked) order, once per parcel and reference; returns the units.

    Raises OperatorError `not_shipped` when more came back than left with the parcel, `take_back_conflict` when other
    goods stand under the reference, and `unknown_location`.
    """
    booked = await work.fetch(_BOOKED, arrival.order_id, arrival.parcel, arrival.reference)
    if booked:
        require_same(arrival, [(row["kind"], row["location"], row["sku"], row["quantity"]) for row in booked])
        return arrival.units.total()
    rows = await work.fetch(_UNITS, arrival.order_id, arrival.parcel)
    require_shipped(arrival, {row["sku"]: (row["gone"], row["back"]) for row in rows})
    if not await work.fetchval(_KNOWN, arrival.location):
        raise OperatorError("unknown_location", f"Location {arrival.location} is not in the catalog")
    await _book(work, arrival)
    return arrival.units.total()


async def _book(work: Connection, arrival: Arrival) -> None:
    skus = sorted(arrival.units)
    await work.execute(_SHELVES, arrival.location, skus)
    rows = [("", 0, 0, sku, location, quantity) for location, sku, quantity in arrival.rows]
    await lock_stock(work, rows)
    await change_stock(work, rows, arrival.movement)
    how = (arrival.movement.kind, arrival.movement.account_from, arrival.movement.account_to)
    await work.execute(_MOVE, *how, arrival.order_id, arrival.parcel, arrival.reference, *columns(arrival.rows, 3))
    if arrival.sellable:
        await announce_stock(work, skus)


def require_shipped(arrival: Arrival, units: dict[str, tuple[int, int]]) -> None:
    """Raises OperatorError `not_shipped` unless these units left with the parcel and did not come back before.

    `units`: how many of each SKU left, and how many came back.
    """
    for sku, quantity in sorted(arrival.units.items()):
        gone, back = units.get(sku, (0, 0))
        if quantity > gone - back:
            raise OperatorError(
                "not_shipped",
                f"{quantity} of {sku} came back for parcel {arrival.parcel} of order {arrival.order_id}, but {gone} "
                f"left with it and {back} came back before; correct the quantities or the parcel",
            )


def require_same(arrival: Arrival, booked: Sequence[tuple[str, str, str, int]]) -> None:
    """Raises OperatorError `take_back_conflict` unless exactly this arrival was booked (kind, location, SKU, units)."""
    if sorted(booked) != [(arrival.movement.kind, *row) for row in arrival.rows]:
        raise OperatorError(
            "take_back_conflict",
            f"Other goods came back for parcel {arrival.parcel} of order {arrival.order_id} under {arrival.reference};"
            " book these under another reference",
        )

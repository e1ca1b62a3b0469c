"""Shelves set right by a count: append-only movements of the kind `counted`, each with its reason."""

from collections.abc import Mapping

from ordersaga.domain.errors import OperatorError
from ordersaga.stores.holds import announce_stock
from ordersaga.stores.pools import Connection, columns
from ordersaga.stores.storable import storable

_LOCK = """
SELECT location, sku, on_hand - held AS available FROM stock
WHERE (location, sku) IN (SELECT * FROM unnest($1::text[], $2::text[]))
ORDER BY location, sku FOR NO KEY UPDATE
"""
_MOVE = """
INSERT INTO unit_movements (kind, account_from, account_to, location, sku, quantity, reference, reason)
SELECT 'counted', CASE WHEN change > 0 THEN 'counted' ELSE 'available' END,
       CASE WHEN change > 0 THEN 'available' ELSE 'counted' END, location, sku, abs(change), $4, $5
FROM unnest($1::text[], $2::text[], $3::int[]) AS row(location, sku, change)
ON CONFLICT (reference, location, sku) WHERE kind = 'counted' DO NOTHING
RETURNING location, sku
"""
_CHANGE = "UPDATE stock SET on_hand = on_hand + $3 WHERE location = $1 AND sku = $2"

Changes = Mapping[tuple[str, str], int]


async def adjust(work: Connection, changes: Changes, reference: str, reason: str) -> bool:
    """Change units on hand by (location, SKU) inside a transaction, once per reference; False: nothing was new.

    Raises OperatorError `promised` when fewer would be left than are promised.
    """
    wanted = {place: units for place, units in sorted(changes.items()) if units}
    places = columns(sorted(wanted), 2)
    available = {(row["location"], row["sku"]): row["available"] for row in await work.fetch(_LOCK, *places)}
    said = (list(wanted.values()), storable(reference), storable(reason))
    new = {(row["location"], row["sku"]) for row in await work.fetch(_MOVE, *places, *said)}
    for place in sorted(new):
        _require_free(place, available[place], wanted[place])
        await work.execute(_CHANGE, *place, wanted[place])
    await announce_stock(work, [sku for location, sku in new if wanted[location, sku] > 0])
    return bool(new)


def _require_free(place: tuple[str, str], available: int, units: int) -> None:
    if available + units < 0:
        name, free = "/".join(place), f"only {available} of its units are promised to nobody"
        raise OperatorError("promised", f"{-units} fewer on {name}, but {free}: cancel or move orders of it first")

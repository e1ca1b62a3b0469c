"""Orders by what people have in their hands: an id or how it begins, a buyer, a tracking number, a SKU, a seller."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import asyncpg

from ordersaga.domain.journal import Tracking
from ordersaga.stores.pools import Connection, narrow

_AFTER: Final = "AND ($3::timestamptz IS NULL OR (accepted_at, order_id) < ($3, $4::text))"
_NEWEST: Final = "ORDER BY accepted_at DESC, order_id DESC LIMIT $5"


def _way(name: str, condition: str) -> str:
    """One way to find orders, newest first; each reads its own index and no more than a page of it."""
    return (
        f"(SELECT order_id, accepted_at, '{name}' AS matched FROM orders WHERE {condition} "  # noqa: S608 - no values
        f"AND ($2::text IS NULL OR seller = $2) {_AFTER} {_NEWEST})"
    )


# How an id begins counts only where no order is called so: who gives a whole id means that order. No id has a letter
# behind DEL. A SKU is its seller's, so whoever may see all sellers looks under that one.
_WAYS: Final = " UNION ALL ".join(
    (
        _way("order_id", "order_id = $1"),
        _way(
            "order_id",
            "order_id ~>~ $1 AND order_id ~<~ ($1 || E'\\x7f') AND NOT EXISTS (SELECT FROM orders WHERE order_id = $1)",
        ),
        _way("buyer", "coalesce(buyer, request->>'buyer') IN ($1, $6)"),
        _way("marketplace_order", "request->'sold_at'->>'order' = $1"),
        _way("seller", "seller = $1"),
        _way(
            "tracking_number",
            "order_id = ANY (ARRAY(SELECT order_id FROM order_tracking WHERE number = upper(replace($1, ' ', '')) "
            "UNION SELECT order_id FROM returns WHERE upper(replace(tracking_number, ' ', '')) = "
            "upper(replace($1, ' ', ''))))",
        ),
        "(SELECT order_id, accepted_at, 'sku' FROM order_skus WHERE sku = $1 "  # noqa: S608 - no values
        f"AND seller = coalesce($2, (SELECT seller FROM products WHERE sku = $1)) {_AFTER} {_NEWEST})",
    )
)
_FIND: Final = f"""
WITH found AS ({_WAYS}),
     page AS (SELECT order_id, accepted_at, array_agg(DISTINCT matched ORDER BY matched) AS matched FROM found
              GROUP BY order_id, accepted_at {_NEWEST})
SELECT orders.*, matched FROM page JOIN orders USING (order_id)
ORDER BY orders.accepted_at DESC, orders.order_id DESC
"""  # noqa: S608 - only our own words are put in
# A plan made for any text would read the newest orders one by one, for it may be that most of them match.
_BY_VALUES: Final = "SET LOCAL plan_cache_mode = force_custom_plan"
# What an id or a buyer is compared with cannot be asked of an index before whose row it is: so it is asked afterwards.
_SEEN: Final = "SELECT order_id FROM orders WHERE order_id = ANY($1::text[])"
_TRACK: Final = """
INSERT INTO order_tracking (number, order_id, parcel)
SELECT upper(replace(number, ' ', '')), $1, parcel FROM unnest($2::text[], $3::int[]) AS told(number, parcel)
ON CONFLICT DO NOTHING
"""


async def find_rows(
    reader: Connection, text: str, mark: str, seller: str | None, after: tuple[datetime, str] | None, limit: int
) -> Sequence[asyncpg.Record]:
    """At most `limit` rows of `orders`, newest first, each with `matched`: the ways in which it was found.

    Call it inside a database transaction that is not scoped: here it narrows itself to the seller in scope.
    `mark`: what the text is as a buyer; `seller`: of this one only; `after`: the moment and id of the order before.
    """
    at, order_id = after or (None, None)
    await reader.execute(_BY_VALUES)
    rows = await reader.fetch(_FIND, text, seller, at, order_id, limit, mark)
    await narrow(reader)
    seen = {row["order_id"] for row in await reader.fetch(_SEEN, [row["order_id"] for row in rows])}
    return [row for row in rows if row["order_id"] in seen]


async def write_tracking(work: Connection, order_id: str, told: Sequence[Tracking]) -> None:
    """Remember the numbers of an order's parcels, inside a database transaction."""
    if told:
        await work.execute(_TRACK, order_id, [one.number for one in told], [one.parcel for one in told])

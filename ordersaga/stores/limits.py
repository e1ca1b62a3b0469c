"""What holds at the moment of acceptance: rules of SKUs and sellers, what buyers have already, and room by day.

Locks are taken after those of stock rows, by name, in sorted order; rows of room after them, sorted by line and day.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Final

from ordersaga.domain.capacity import Line, Room, Rooms, Rules, SellerRules, SkuRules
from ordersaga.domain.orders import Order
from ordersaga.stores.pools import Connection, columns

_RULES = """
SELECT true AS of_sku, sku AS name, max_per_buyer, daily_units AS per_day, waitlist, NULL AS within,
       EXISTS (SELECT FROM waiting_lines WHERE line = 'sku:' || sku) AS waited
FROM products WHERE sku = ANY($1::text[])
UNION ALL
SELECT false, seller, NULL, daily_orders, false, promise_within,
       EXISTS (SELECT FROM waiting_lines WHERE line = 'seller:' || seller)
FROM sellers WHERE seller = ANY($2::text[])
"""
_LOCK = """
SELECT pg_advisory_xact_lock(number) FROM
(SELECT DISTINCT hashtextextended(name, 1) AS number FROM unnest($1::text[]) AS name ORDER BY number) AS sorted
"""
# OFFSET keeps the look at one buyer's orders apart: by their index, whatever the planner thinks of all orders.
# An order has the mark of its buyer; one that was accepted before there were marks, the buyer.
_BOUGHT = """
SELECT who.channel, who.buyer, line->>'sku' AS sku, sum((line->>'quantity')::int)::bigint AS units
FROM (SELECT DISTINCT * FROM unnest($1::text[], $2::text[], $4::text[])) AS who(channel, buyer, mark)
CROSS JOIN LATERAL (
    SELECT request FROM orders
    WHERE coalesce(orders.buyer, request->>'buyer') IN (who.buyer, who.mark) AND channel = who.channel
      AND coalesce(orders.buyer, request->>'buyer') IS NOT NULL
      AND status NOT IN ('canceled', 'rejected') OFFSET 0) AS theirs
CROSS JOIN LATERAL jsonb_array_elements(request->'lines') AS line
WHERE line->>'sku' = ANY($3::text[]) GROUP BY 1, 2, 3
"""
_TAKEN = "SELECT line, day, taken FROM room_taken WHERE line = ANY($1::text[]) AND day >= $2"
_TAKE = """
INSERT INTO room_taken AS standing (line, day, taken)
SELECT line, day, sum(units) FROM unnest($1::text[], $2::date[], $3::bigint[]) AS row(line, day, units)
GROUP BY line, day ORDER BY line, day
ON CONFLICT (line, day) DO UPDATE SET taken = standing.taken + excluded.taken
"""
_PROMISE = """
INSERT INTO promises (order_id, line, day, units)
SELECT * FROM unnest($1::text[], $2::text[], $3::date[], $4::bigint[])
"""
_FORGET = "DELETE FROM promises WHERE day < $1"
_FORGET_ROOM = "DELETE FROM room_taken WHERE day < $1"

NO_MARKS: Final[Mapping[str, str]] = MappingProxyType({})
Purchase = tuple[str, str, str]
"""A channel, one of its buyers, and a SKU."""


@dataclass(frozen=True)
class Promise:
    """The room of a day that an order takes."""

    order_id: str
    day: date
    room: Room


async def read_rules(work: Connection, orders: Sequence[Order]) -> Rules:
    """What holds for these orders; read after their shelves were locked, so that a line seen empty is empty."""
    skus = sorted({line.sku for order in orders for line in order.lines})
    rows = await work.fetch(_RULES, skus, sorted({order.seller for order in orders}))
    return Rules(
        skus={
            row["name"]: SkuRules(row["max_per_buyer"], row["per_day"], row["waitlist"], row["waited"])
            for row in rows
            if row["of_sku"]
        },
        sellers={
            row["name"]: SellerRules(row["per_day"], row["within"], row["waited"]) for row in rows if not row["of_sku"]
        },
    )


def limited(rules: Rules, order: Order) -> list[str]:
    """SKUs of the order of which its buyer may have only so many. An exchange gives back what it takes."""
    if order.exchange_of is not None:
        return []
    return [line.sku for line in order.lines if rules.sku(line.sku).max_per_buyer is not None]


async def lock_limits(
    work: Connection, rules: Rules, orders: Sequence[Order], today: date, marks: Mapping[str, str] = NO_MARKS
) -> "Limits":
    """Lock and read what buyers have of limited SKUs, and the room by day; without any such rule, nothing is asked."""
    bought = {(order.channel, order.buyer, sku) for order in orders if order.buyer for sku in limited(rules, order)}
    per_day = rules.per_day()
    names = [*("/".join(purchase) for purchase in bought), *per_day]
    if names:
        await work.execute(_LOCK, names)
    return Limits(await _bought(work, bought, marks), await _rooms(work, per_day, today))


@dataclass(frozen=True)
class Limits:
    """What buyers have of limited SKUs, and room by day, both locked, while orders are taken in."""

    bought: Counter[Purchase]
    rooms: Rooms


async def _bought(work: Connection, wanted: Iterable[Purchase], marks: Mapping[str, str]) -> Counter[Purchase]:
    rows = sorted(wanted)
    if not rows:
        return Counter()
    channels, buyers, skus = columns(rows, 3)
    marked = [marks.get(buyer, buyer) for buyer in buyers]
    found = await work.fetch(_BOUGHT, channels, buyers, sorted(set(skus)), marked)
    return Counter({(row["channel"], row["buyer"], row["sku"]): row["units"] for row in found})


async def _rooms(work: Connection, per_day: dict[Line, int], today: date) -> Rooms:
    taken = await work.fetch(_TAKEN, list(per_day), today) if per_day else []
    return Rooms(per_day, {(row["line"], row["day"]): row["taken"] for row in taken}, today)


async def take_room(work: Connection, promises: Sequence[Promise]) -> None:
    """Write down the room that orders take."""
    rows = [(one.order_id, line, one.day, units) for one in promises for line, units in one.room.items()]
    if rows:
        await work.execute(_TAKE, *columns([row[1:] for row in rows], 3))
        await work.execute(_PROMISE, *columns(rows, 4))


async def forget_room(work: Connection, before: date) -> None:
    """Days that are over need no room."""
    await work.execute(_FORGET, before)
    await work.execute(_FORGET_ROOM, before)

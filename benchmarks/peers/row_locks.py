"""Stock by `SELECT ... FOR UPDATE`: one transaction a request, writing the same rows as the product's."""

import json
from datetime import UTC, datetime, timedelta
from typing import Final

from ordersaga.domain.orders import Order
from ordersaga.stores.pools import Connection, Pool

LOCATION: Final = "nj-1"
TTL: Final = timedelta(minutes=30)
_LOCK: Final = "SELECT on_hand - held FROM stock WHERE location = $1 AND sku = $2 FOR UPDATE"
_TAKE: Final = "UPDATE stock SET held = held + $3 WHERE location = $1 AND sku = $2"
_HOLD: Final = """
INSERT INTO holds (order_id, take, parcel, sku, location, quantity, status, expires_at)
VALUES ($1, 1, 1, $2, $3, $4, 'held', $5)
"""
_MOVE: Final = """
INSERT INTO unit_movements (kind, account_from, account_to, order_id, take, parcel, sku, location, quantity)
VALUES ('held', 'available', 'held', $1, 1, 1, $2, $3, $4)
"""
_ORDER: Final = """
INSERT INTO orders (order_id, seller, channel, currency, total, request, terms, ship_by, parcels, status, outcome)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, '[]', $9, $10)
"""


async def hold(pool: Pool, order: Order) -> bool:
    """Hold the units of the order's one line; False: sold out, nothing written."""
    async with pool.acquire() as connection, connection.transaction():
        return await _hold(connection, order)


async def accept(pool: Pool, order: Order) -> bool:
    """Hold the units and store the order; a sold-out order is stored as rejected."""
    async with pool.acquire() as connection, connection.transaction():
        held = await _hold(connection, order)
        request = json.loads(order.model_dump_json())
        terms = request.pop("terms")
        standing = ("pending", None) if held else ("rejected", "sold_out")
        known = (order.order_id, order.seller, order.channel, order.currency, order.total)
        await connection.execute(_ORDER, *known, request, terms, order.ship_by, *standing)
        return held


async def _hold(connection: Connection, order: Order) -> bool:
    [line] = order.lines
    available = await connection.fetchval(_LOCK, LOCATION, line.sku)
    if available is None or available < line.quantity:
        return False
    await connection.execute(_TAKE, LOCATION, line.sku, line.quantity)
    await connection.execute(_HOLD, order.order_id, line.sku, LOCATION, line.quantity, datetime.now(UTC) + TTL)
    await connection.execute(_MOVE, order.order_id, line.sku, LOCATION, line.quantity)
    return True

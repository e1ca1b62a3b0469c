"""Stock: what we promised. Every method runs in one transaction and may be repeated without harm."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from ordersaga.domain.books import MoneyTransaction
from ordersaga.domain.capacity import sku_line
from ordersaga.domain.errors import OperatorError
from ordersaga.domain.orders import Address, LineQuantity, Order, OrderLine, ParcelPlan
from ordersaga.domain.routing_words import kept
from ordersaga.domain.shipping import LabelRequest
from ordersaga.domain.stops import avoided
from ordersaga.stores.books import post_transactions
from ordersaga.stores.holds import (
    RELEASED,
    SHIPPED,
    SHIPPED_UNHELD,
    Taking,
    change_stock,
    end_holds,
    lock_shelves,
    lock_stock,
    take_holds,
    write_movements,
)
from ordersaga.stores.lane_health import LaneHealth
from ordersaga.stores.order_rows import Hidden, dump_parcels, insert_orders, load_parcels
from ordersaga.stores.places import write_reasons
from ordersaga.stores.pools import Connection, Pool, connection, lock_orders
from ordersaga.stores.pools import transaction as begin
from ordersaga.stores.replanning import replan
from ordersaga.stores.stops import StopRules
from ordersaga.stores.taking_back import Arrival, take_back
from ordersaga.stores.vault import CLEAR, Vault

_MARK_STARTED = "UPDATE orders SET started_at = now() WHERE order_id = $1 AND started_at IS NULL"
# An expired hold that nobody swept yet still has its units, so it is confirmed as it stands.
_CONFIRM = "UPDATE holds SET status = 'confirmed', expires_at = NULL WHERE order_id = $1 AND status = 'held'"
_STANDING = "SELECT EXISTS (SELECT FROM holds WHERE order_id = $1 AND status IN ('confirmed', 'shipped'))"
_ENDED = "SELECT EXISTS (SELECT FROM hold_endings WHERE order_id = $1)"
_END = "INSERT INTO hold_endings (order_id) VALUES ($1) ON CONFLICT DO NOTHING"
_TAKE_NUMBER = "SELECT coalesce(max(take), 0) + 1 FROM holds WHERE order_id = $1"
# The first in a line was accepted before the others in it.
_WAITED_BEFORE = """
SELECT EXISTS (
    SELECT FROM unnest($2::text[]) AS wanted(line) CROSS JOIN LATERAL (
        SELECT order_id FROM waiting_lines WHERE waiting_lines.line = wanted.line AND NOT stopped
        ORDER BY place LIMIT 1) AS first
    JOIN orders USING (order_id)
    WHERE accepted_at < (SELECT accepted_at FROM orders WHERE order_id = $1))
"""
_SHIPPED_BEFORE = """
SELECT EXISTS (SELECT FROM unit_movements WHERE order_id = $1 AND parcel = $2 AND kind IN ('shipped', 'shipped_unheld'))
"""


class PostgresStock:
    """The StockStore port on PostgreSQL."""

    def __init__(
        self, pool: Pool, stops: StopRules | None = None, health: LaneHealth | None = None, vault: Vault = CLEAR
    ) -> None:
        self._pool = pool
        self._stops = stops or StopRules(pool)
        self._health = health or LaneHealth()
        self._vault = vault

    async def confirm_hold(self, order: Order) -> tuple[ParcelPlan, ...] | None:
        """Make the order's hold permanent, taking it first if it has none (or it was swept). None: sold out.

        It is taken as at the door: not where a provider is stopped, and not before those who were accepted earlier and
        wait in line for one of its SKUs; those who came later stand behind it.
        Writes the order's row if its saga was started directly. A hold that the saga has given back already is never
        taken again: the parcels planned then are returned, so that a saga that repeats its first step (its worker
        died before Temporal had heard of it) undoes the same parcels; OperatorError `hold_released` if there are none.
        """
        hidden = Hidden(await self._vault.own(order.order_id), await self._vault.marks([order]))
        async with begin(self._pool) as work:
            await lock_orders(work, [order.order_id])
            await insert_orders(work, [(order, (), "pending", None, None)], started=True, hidden=hidden)
            await work.execute(_MARK_STARTED, order.order_id)
            await work.execute(_CONFIRM, order.order_id)
            if await work.fetchval(_STANDING, order.order_id):
                return await self._parcels(work, order.order_id)
            return await self._take(work, order)

    async def _parcels(self, work: Connection, order_id: str) -> tuple[ParcelPlan, ...]:
        return load_parcels(await work.fetchval("SELECT parcels FROM orders WHERE order_id = $1", order_id))

    async def _take(self, work: Connection, order: Order) -> tuple[ParcelPlan, ...] | None:
        if await work.fetchval(_ENDED, order.order_id):
            return await self._planned(work, order.order_id)
        shelves = await lock_shelves(work, [order], await self._health.now(work))
        without = avoided(await self._stops.standing(work), order, datetime.now(UTC))
        lines = [sku_line(line.sku) for line in order.lines]
        if await work.fetchval(_WAITED_BEFORE, order.order_id, lines):
            return None
        choice = shelves.plan(order, without)
        if choice is None:
            return None
        parcels, why = choice.parcels, kept(choice)
        take = await work.fetchval(_TAKE_NUMBER, order.order_id)
        await take_holds(work, [Taking(order.order_id, take, parcels)], status="confirmed")
        stored = dump_parcels(parcels)
        await work.execute("UPDATE orders SET parcels = $2 WHERE order_id = $1", order.order_id, stored)
        await write_reasons(work, [(order.order_id, why)] if why else [])
        return tuple(parcels)

    async def _planned(self, work: Connection, order_id: str) -> tuple[ParcelPlan, ...]:
        parcels = await self._parcels(work, order_id)
        if not parcels:
            raise OperatorError("hold_released", f"The hold of order {order_id} was already given back")
        return parcels

    async def release(self, order_id: str, parcel: int) -> int:
        """Give a parcel's held units back; returns how many (0: nothing was held)."""
        async with begin(self._pool) as work:
            await lock_orders(work, [order_id])
            await work.execute(_END, order_id)
            ended = await end_holds(work, [order_id], parcel, RELEASED)
            return sum(row["quantity"] for row in ended)

    async def ship(self, order_id: str, plan: ParcelPlan, transaction: MoneyTransaction) -> None:
        """The parcel's units left: the hold ends as shipped and the sale is written, in one transaction.

        Goods that left although their hold had been given back are taken from what is available; raises
        OperatorError `integrity_violation` when those units are promised to others by now.
        """
        async with begin(self._pool) as work:
            await lock_orders(work, [order_id])
            if not await end_holds(work, [order_id], plan.parcel, SHIPPED):
                await self._ship_unheld(work, order_id, plan)
            await post_transactions(work, [transaction])

    async def _ship_unheld(self, work: Connection, order_id: str, plan: ParcelPlan) -> None:
        if await work.fetchval(_SHIPPED_BEFORE, order_id, plan.parcel):
            return
        rows = Taking(order_id, 0, [plan]).rows()
        await lock_stock(work, rows)
        await change_stock(work, rows, SHIPPED_UNHELD)
        await write_movements(work, rows, SHIPPED_UNHELD)

    async def replan(self, order_id: str, parcels: Sequence[ParcelPlan]) -> bool:
        """Hold exactly what these plans say for their parcels, all or nothing. False: too little, nothing changed.

        Raises OperatorError `unknown_order`, and `already_shipped` when a parcel that left is planned otherwise.
        """
        async with begin(self._pool) as work:
            await lock_orders(work, [order_id])
            return await replan(work, order_id, parcels)

    async def take_back(
        self,
        order_id: str,
        parcel: int,
        reference: str,
        lines: Sequence[LineQuantity],
        location: str,
        *,
        sellable: bool,
    ) -> int:
        """Goods of a parcel came back, once per `reference`; returns the units. Sellable ones are available again.

        Raises OperatorError `not_shipped`, `take_back_conflict` or `unknown_location`.
        """
        async with begin(self._pool) as work:
            await lock_orders(work, [order_id])
            return await take_back(work, Arrival(order_id, parcel, reference, lines, location, sellable))

    async def ship_from(self, location: str, order: Order, plan: ParcelPlan, reference: str) -> LabelRequest:
        """The label a parcel of this location needs: its address, and the weight of its products in grams.

        Raises OperatorError `unknown_location` or `unknown_product`.
        """
        async with connection(self._pool) as reader:
            address = await reader.fetchval("SELECT address FROM locations WHERE location = $1", location)
            skus = [line.sku for line in plan.lines]
            rows = await reader.fetch("SELECT sku, weight_grams FROM products WHERE sku = ANY($1::text[])", skus)
        if address is None:
            raise OperatorError("unknown_location", f"Location {location} is not in the catalog")
        weight = parcel_weight(plan.lines, {row["sku"]: row["weight_grams"] for row in rows})
        return LabelRequest(
            reference=reference,
            ship_from=Address.model_validate(address),
            ship_to=order.ship_to,
            weight_grams=weight,
        )


def parcel_weight(lines: Iterable[OrderLine], weights: dict[str, int]) -> int:
    """Weight of a parcel in grams. Raises OperatorError `unknown_product` for a SKU without a weight."""
    total = 0
    for line in lines:
        if line.sku not in weights:
            raise OperatorError("unknown_product", f"Product {line.sku} is not in the catalog")
        total += weights[line.sku] * line.quantity
    return total

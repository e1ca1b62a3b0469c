"""What is held for parcels made what their new plans say, all or nothing, inside one transaction.

Units that only change parcels never leave the locked shelf; the audit trail shows them released and held anew.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg

from ordersaga.domain.errors import OperatorError
from ordersaga.domain.orders import ParcelPlan
from ordersaga.stores.holds import (
    RELEASED,
    Taking,
    announce_stock,
    change_stock,
    lock_stock,
    take_holds,
    write_movements,
)
from ordersaga.stores.order_rows import dump_parcels, load_parcels
from ordersaga.stores.pools import Connection, columns

_PARCELS = "SELECT parcels FROM orders WHERE order_id = $1"
_SHIPPED = """
SELECT DISTINCT parcel FROM unit_movements WHERE order_id = $1 AND parcel = ANY($2::int[]) AND account_to = 'shipped'
"""
_LIVE = """
SELECT order_id, take, parcel, sku, location, quantity, status FROM holds
WHERE order_id = $1 AND parcel = ANY($2::int[]) AND status IN ('held', 'confirmed')
ORDER BY take, parcel, sku FOR NO KEY UPDATE
"""
_RELEASE = """
UPDATE holds SET status = 'released', ended_at = now()
WHERE order_id = $1 AND (take, parcel, sku) IN (SELECT * FROM unnest($2::int[], $3::int[], $4::text[]))
"""
_TAKE_NUMBER = "SELECT coalesce(max(take), 0) + 1 FROM holds WHERE order_id = $1"
_WRITE_PARCELS = "UPDATE orders SET parcels = $2 WHERE order_id = $1"
_END = "INSERT INTO hold_endings (order_id) VALUES ($1) ON CONFLICT DO NOTHING"

Row = tuple[Any, ...]
"""A hold: order id, take, parcel, SKU, location, quantity."""
Shelf = tuple[str, str]
"""Location and SKU."""


@dataclass(frozen=True)
class Change:
    """The holds to give back, and what is to be held instead; a hold that stays as it is appears in neither."""

    released: Sequence[Row]
    taken: Sequence[ParcelPlan]

    @property
    def rows(self) -> list[Row]:
        """Everything it touches, as hold rows; what is taken has no take yet."""
        return [*self.released, *Taking("", 0, self.taken).rows()]

    @property
    def needed(self) -> Counter[Shelf]:
        """Units that it takes off each shelf, less those it gives back there."""
        units = Counter({(plan.location, line.sku): 0 for plan in self.taken for line in plan.lines})
        for plan in self.taken:
            units.update({(plan.location, line.sku): line.quantity for line in plan.lines})
        for _, _, _, sku, location, quantity in self.released:
            units[location, sku] -= quantity
        return units

    def fits(self, available: Mapping[Shelf, int]) -> bool:
        """Whether every shelf has what is needed of it."""
        return all(units <= available.get(shelf, 0) for shelf, units in self.needed.items() if units > 0)

    def freed(self) -> list[str]:
        """SKUs of which units became available to others."""
        return sorted({sku for (_, sku), units in self.needed.items() if units < 0})


async def replan(work: Connection, order_id: str, parcels: Sequence[ParcelPlan]) -> bool:
    """Hold exactly what these plans say for their parcels of a (locked) order; False: too little, nothing changed.

    The order's hold can no longer be taken from its request afterwards: its parcels are what was planned last.
    Raises OperatorError `unknown_order`, and `already_shipped` when the plan of a parcel that left differs.
    """
    wanted = await _movable(work, order_id, parcels)
    numbers = [plan.parcel for plan in wanted]
    change = compare(await work.fetch(_LIVE, order_id, numbers), wanted)
    if not change.fits(await lock_stock(work, change.rows)):
        return False
    await _apply(work, order_id, change)
    await _write(work, order_id, wanted)
    return True


async def _movable(work: Connection, order_id: str, parcels: Sequence[ParcelPlan]) -> list[ParcelPlan]:
    """The plans without those of parcels that left exactly so."""
    standing = await _standing(work, order_id)
    rows = await work.fetch(_SHIPPED, order_id, [plan.parcel for plan in parcels])
    shipped = {row["parcel"] for row in rows}
    for plan in parcels:
        if plan.parcel in shipped and plan != standing.get(plan.parcel):
            raise OperatorError(
                "already_shipped",
                f"Parcel {plan.parcel} of order {order_id} already left; plan its change in another parcel",
            )
    return [plan for plan in parcels if plan.parcel not in shipped]


async def _standing(work: Connection, order_id: str) -> dict[int, ParcelPlan]:
    stored = await work.fetchval(_PARCELS, order_id)
    if stored is None:
        raise OperatorError("unknown_order", f"Order {order_id} is not known; hold its stock first")
    return {plan.parcel: plan for plan in load_parcels(stored)}


def compare(live: Sequence[asyncpg.Record], wanted: Sequence[ParcelPlan]) -> Change:
    """What turns these live holds into the plans; a hold that may still expire is taken anew as a confirmed one."""
    kept = _lines(wanted) & {_line(hold) for hold in live if hold["status"] == "confirmed"}
    released = [tuple(hold.values())[:6] for hold in live if _line(hold) not in kept or hold["status"] != "confirmed"]
    taken = [
        plan.model_copy(
            update={
                "lines": tuple(
                    line for line in plan.lines if (plan.parcel, line.sku, plan.location, line.quantity) not in kept
                )
            }
        )
        for plan in wanted
    ]
    return Change(released, taken)


def _lines(plans: Sequence[ParcelPlan]) -> set[tuple[int, str, str, int]]:
    return {(plan.parcel, line.sku, plan.location, line.quantity) for plan in plans for line in plan.lines}


def _line(hold: asyncpg.Record) -> tuple[int, str, str, int]:
    return hold["parcel"], hold["sku"], hold["location"], hold["quantity"]


async def _apply(work: Connection, order_id: str, change: Change) -> None:
    """Give back first, so that what is taken anew finds it; only what others may have now is announced."""
    if change.released:
        ended = [(take, parcel, sku) for _, take, parcel, sku, _, _ in change.released]
        await work.execute(_RELEASE, order_id, *columns(ended, 3))
        await change_stock(work, change.released, RELEASED)
        await write_movements(work, change.released, RELEASED)
    take = await work.fetchval(_TAKE_NUMBER, order_id)
    await take_holds(work, [Taking(order_id, take, change.taken)], status="confirmed")
    await announce_stock(work, change.freed())


async def _write(work: Connection, order_id: str, wanted: Sequence[ParcelPlan]) -> None:
    plans = await _standing(work, order_id) | {plan.parcel: plan for plan in wanted}
    await work.execute(_WRITE_PARCELS, order_id, dump_parcels([plans[number] for number in sorted(plans)]))
    await work.execute(_END, order_id)

"""Stock: hold beside release and replan, ship beside take back.

All in our own PostgreSQL, so all are quick and run inside the workflow task.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from pydantic import Field
from temporalio import activity

from activities.failures import translated
from ordersaga.domain.books import (
    MoneyTransaction,
    allowance_reversed,
    goods_shipped,
    goods_unshipped,
    write_off_reversed,
)
from ordersaga.domain.identifiers import Code, effect_key
from ordersaga.domain.orders import LineQuantity, Order, ParcelPlan, not_given
from ordersaga.domain.stops import avoided, stopping
from ordersaga.domain.values import Message
from ordersaga.ports import EffectLedger, StockStore
from ordersaga.stop_ports import StandingStops


class HoldResult(Message):
    """The parcels the order's units are held as; empty: sold out. `moves`: they may move to another location.

    `short_picks`: so may units that their provider does not have. `set_aside_at`: the providers that set units aside
    while an order waits.
    """

    parcels: tuple[ParcelPlan, ...] = ()
    moves: bool = Field(default=False, exclude_if=not_given)
    short_picks: bool = Field(default=False, exclude_if=not_given)
    set_aside_at: tuple[Code, ...] = Field(default=(), exclude_if=not_given)


class ParcelUnits(Message):
    """Which parcel's units."""

    order_id: str
    parcel: int


class ShipUnits(Message):
    """A parcel's goods leaving (or coming to nothing), worth `plan.amount` minor units of `currency`.

    `written_off`: how much of that an operator had already given up. `allowed`: how much was given back as goodwill.
    """

    order_id: str
    plan: ParcelPlan
    currency: str
    written_off: int = 0
    allowed: int = 0


class Replan(Message):
    """How parcels are cut now; those of the order that are not named stay as they are.

    `again`: the order, where goods of it are to be sent once more; a stop may forbid that.
    """

    order_id: str
    parcels: tuple[ParcelPlan, ...]
    again: Order | None = Field(default=None, exclude_if=not_given)


class TakeBack(Message):
    """Goods of a parcel that came back to a location under a reference, to be sold again or not."""

    order_id: str
    parcel: int
    reference: str
    lines: tuple[LineQuantity, ...]
    location: str
    sellable: bool


class Inventory:
    """Activities on our stock. `moves`: parcels whose provider fails them may move to another location.

    `set_aside_at`: the providers that set units aside. `stops`: None where nothing is ever stopped.
    """

    def __init__(
        self,
        stock: StockStore,
        ledger: EffectLedger,
        *,
        moves: bool = False,
        set_aside_at: Callable[[], Sequence[str]] = tuple,
        stops: StandingStops | None = None,
    ) -> None:
        self._stock, self._moves, self._set_aside_at = stock, moves, set_aside_at
        self._ledger, self._stops = ledger, stops

    @activity.defn
    @translated
    async def hold_stock(self, order: Order) -> HoldResult:
        """Make the checkout's hold permanent, or take one; all lines or none."""
        parcels = await self._stock.confirm_hold(order) or ()
        aside = tuple(self._set_aside_at())
        return HoldResult(parcels=parcels, moves=self._moves, short_picks=self._moves, set_aside_at=aside)

    @activity.defn
    @translated
    async def release_stock(self, units: ParcelUnits) -> int:
        """Undo of `hold_stock` for one parcel; returns the units given back."""
        return await self._stock.release(units.order_id, units.parcel)

    @activity.defn
    @translated
    async def replan(self, change: Replan) -> bool:
        """Hold what the parcels' new plans say, all or nothing; False: too little is left, nothing changed.

        False too where goods are to be sent once more and a stop forbids the order, or who would ship it.
        """
        if change.again is not None and await self._forbidden(change.again, change.parcels):
            for plan in change.parcels:  # an attempt before the stop may have held them
                await self._stock.release(change.order_id, plan.parcel)
            return False
        return await self._stock.replan(change.order_id, change.parcels)

    async def _forbidden(self, order: Order, parcels: Sequence[ParcelPlan]) -> bool:
        rules, now = await self._stops.standing() if self._stops is not None else (), datetime.now(UTC)
        stopped = avoided(rules, order, now)
        return stopping(rules, order, now) is not None or any(plan.provider in stopped for plan in parcels)

    @activity.defn
    @translated
    async def ship_stock(self, shipped: ShipUnits) -> None:
        """The carrier has the goods: units leave stock, the sale enters the books."""
        await self._stock.ship(shipped.order_id, shipped.plan, _sale(shipped))

    @activity.defn
    @translated
    async def take_back(self, back: TakeBack) -> int:
        """Goods came back: units enter stock again, or are written off; returns the units."""
        return await self._stock.take_back(
            back.order_id, back.parcel, back.reference, back.lines, back.location, sellable=back.sellable
        )

    @activity.defn
    @translated
    async def lose_goods(self, lost: ShipUnits) -> None:
        """The goods are gone and the shopper owes nothing for them: the sale is reversed."""
        await self._ledger.post(_reversal(lost))


def _sale(shipped: ShipUnits) -> MoneyTransaction:
    return MoneyTransaction(
        transaction_id=effect_key(shipped.order_id, "sale", shipped.plan.parcel, 1),
        order_id=shipped.order_id,
        parcel=shipped.plan.parcel,
        currency=shipped.currency,
        memo="goods left with the carrier",
        postings=goods_shipped(shipped.plan.amount),
    )


def _reversal(lost: ShipUnits) -> MoneyTransaction:
    return MoneyTransaction(
        transaction_id=effect_key(lost.order_id, "sale_reversed", lost.plan.parcel, 1),
        order_id=lost.order_id,
        parcel=lost.plan.parcel,
        currency=lost.currency,
        memo="goods lost on the way",
        postings=goods_unshipped(lost.plan.amount)
        + write_off_reversed(lost.written_off)
        + allowance_reversed(lost.allowed),
    )

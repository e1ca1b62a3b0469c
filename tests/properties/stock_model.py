"""What stock should do, in a few dictionaries: one step answers as the stores must, and changes what they must."""

import copy
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from ordersaga.domain.orders import LineQuantity, Order, ParcelPlan
from ordersaga.domain.routing import StockOffer, route
from tests.fakes.samples import EAST, WEST, address

PLACES = {EAST: "NJ", WEST: "CA"}
Shelf = tuple[str, str]
"""Location and SKU."""


@dataclass
class Known:
    """One order. `live`, `shipped`, `back`: units by parcel and shelf, of `back` by parcel and SKU.

    `expires`: its hold is swept unless it is confirmed; `ended`: its hold is never again taken from its request.
    """

    order: Order
    plans: dict[int, ParcelPlan] = field(default_factory=dict)
    live: dict[int, Counter[Shelf]] = field(default_factory=dict)
    shipped: dict[int, Counter[Shelf]] = field(default_factory=dict)
    back: Counter[tuple[int, str]] = field(default_factory=Counter)
    arrivals: dict[tuple[int, str], tuple[object, ...]] = field(default_factory=dict)
    expires: bool = False
    started: bool = False
    ended: bool = False

    def holds(self) -> Counter[Shelf]:
        """Everything held for it."""
        return sum(self.live.values(), Counter())


class StockModel:
    """Shelves and orders. Each step returns what the store must return, or the code of its refusal."""

    def __init__(self) -> None:
        self.on_hand = Counter[Shelf]()
        self.receipts: set[str] = set()
        self.orders: dict[str, Known] = {}

    def copy(self) -> "StockModel":
        """To try an order of steps on."""
        return copy.deepcopy(self)

    @property
    def held(self) -> Counter[Shelf]:
        """Units promised, by shelf."""
        return sum((known.holds() for known in self.orders.values()), Counter())

    def levels(self) -> dict[Shelf, tuple[int, int]]:
        """(on hand, held) of every shelf that has anything."""
        held = self.held
        shelves = {shelf: (self.on_hand[shelf], held[shelf]) for shelf in {*self.on_hand, *held}}
        return {shelf: level for shelf, level in shelves.items() if level != (0, 0)}

    def _available(self, shelf: Shelf) -> int:
        return self.on_hand[shelf] - self.held[shelf]

    # ---- steps -----------------------------------------------------------------------------------------------

    def receive(self, receipt: str, place: str, sku: str, quantity: int) -> object:
        """Units arrive, once per receipt."""
        if receipt not in self.receipts:
            self.receipts.add(receipt)
            self.on_hand[place, sku] += quantity
        return None

    def accept(self, order: Order, *, expires: bool) -> object:
        """Hold everything or nothing, once."""
        if order.order_id in self.orders:
            return "replay"
        known = self.orders[order.order_id] = Known(order)
        plans = self._route(order)
        if plans is None:
            return "sold_out"
        self._take(known, plans)
        known.expires = expires
        return tuple(plans)

    def confirm(self, order: Order) -> object:
        """Make the hold permanent, or take it; None: sold out."""
        known = self.orders.setdefault(order.order_id, Known(order))
        known.started, known.expires = True, False
        if any(known.live.values()) or known.shipped:
            return self._planned(known)
        if known.ended:
            return self._planned(known) or "hold_released"
        plans = self._route(order)
        if plans is not None:
            self._take(known, plans)
        return tuple(plans) if plans else None

    def release(self, name: str, parcel: int) -> object:
        """Give a parcel's units back."""
        known = self.orders[name]
        known.ended = True
        return known.live.pop(parcel, Counter()).total()

    def ship(self, name: str, plan: ParcelPlan) -> object:
        """A parcel leaves, held or not."""
        known, parcel = self.orders[name], plan.parcel
        gone = known.live.pop(parcel, Counter())
        if not gone and parcel not in known.shipped:
            gone = Counter({(plan.location, line.sku): line.quantity for line in plan.lines})
            if any(self._available(shelf) < units for shelf, units in gone.items()):
                return "integrity_violation"
        if gone:
            known.shipped[parcel] = known.shipped.get(parcel, Counter()) + gone
            self.on_hand -= gone
        return "shipped"

    def replan(self, name: str, plans: Sequence[ParcelPlan]) -> object:
        """Hold exactly what the plans say, all or nothing."""
        known = self.orders[name]
        left = [plan for plan in plans if plan.parcel in known.shipped]
        if any(plan != known.plans.get(plan.parcel) for plan in left):
            return "already_shipped"
        moved = [plan for plan in plans if plan.parcel not in known.shipped]
        if not self._fits(known, moved):
            return False
        for plan in moved:
            known.live.pop(plan.parcel, None)
        self._take(known, moved)
        known.ended = True
        return True

    def take_back(
        self, name: str, parcel: int, reference: str, lines: tuple[LineQuantity, ...], place: str, *, sellable: bool
    ) -> object:
        """Goods come back, once per reference, never more than left."""
        known = self.orders[name]
        arrival = (*sorted((line.sku, line.quantity) for line in lines), place, sellable)
        if known.arrivals.get((parcel, reference), arrival) != arrival:
            return "take_back_conflict"
        units = sum(line.quantity for line in lines)
        if (parcel, reference) in known.arrivals:
            return units
        gone = Counter[str]()
        for (_, sku), quantity in known.shipped.get(parcel, Counter()).items():
            gone[sku] += quantity
        if any(line.quantity > gone[line.sku] - known.back[parcel, line.sku] for line in lines):
            return "not_shipped"
        known.arrivals[parcel, reference] = arrival
        for line in lines:
            known.back[parcel, line.sku] += line.quantity
            self.on_hand[place, line.sku] += line.quantity * sellable
        return units

    def expire(self) -> object:
        """Sweep what expired before any saga began."""
        swept = [name for name, known in self.orders.items() if known.expires and any(known.live.values())]
        for name in swept:
            self.orders[name].live.clear()
            self.orders[name].expires = False
        return tuple(sorted(swept))

    # ---- parts of them ---------------------------------------------------------------------------------------

    def _route(self, order: Order) -> list[ParcelPlan] | None:
        offers = [
            StockOffer(
                location=place,
                provider="shipbob",
                region=region,
                country=address().country,
                available={line.sku: self._available((place, line.sku)) for line in order.lines},
            )
            for place, region in PLACES.items()
        ]
        return route(order, offers)

    def _take(self, known: Known, plans: Sequence[ParcelPlan]) -> None:
        for plan in plans:
            known.plans[plan.parcel] = plan
            known.live[plan.parcel] = Counter({(plan.location, line.sku): line.quantity for line in plan.lines})

    def _planned(self, known: Known) -> tuple[ParcelPlan, ...]:
        return tuple(known.plans[number] for number in sorted(known.plans))

    def _fits(self, known: Known, plans: Sequence[ParcelPlan]) -> bool:
        needed = Counter[Shelf]()
        for plan in plans:
            needed.update({(plan.location, line.sku): line.quantity for line in plan.lines})
            needed.subtract(known.live.get(plan.parcel, Counter()))
        return all(units <= self._available(shelf) for shelf, units in needed.items() if units > 0)

"""Room to ship: how many orders of a seller, and how many units of a SKU, can leave on a day. Days are UTC days.

A *line* is what an order can be short of: units of a SKU, or orders of a seller. Those who wait do so in its line.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from ordersaga.domain.catalog import PROMISE_WITHIN
from ordersaga.domain.orders import Order

Line = str
Room = Mapping[Line, int]
"""How much of each line."""


def sku_line(sku: str) -> Line:
    """The line of a SKU."""
    return f"sku:{sku}"


def seller_line(seller: str) -> Line:
    """The line of a seller."""
    return f"seller:{seller}"


def lines_of(order: Order) -> set[Line]:
    """The lines in which somebody may wait for what the order wants."""
    return {seller_line(order.seller), *(sku_line(line.sku) for line in order.lines)}


def told(line: Line) -> str:
    """A line as people know it: the SKU, or the seller."""
    return line.partition(":")[2]


@dataclass(frozen=True)
class SkuRules:
    """What holds for a SKU, as `Product` tells it; `waited`: somebody waits in its line."""

    max_per_buyer: int | None = None
    daily_units: int | None = None
    waitlist: bool = False
    waited: bool = False


@dataclass(frozen=True)
class SellerRules:
    """What holds for a seller's orders, as `Seller` tells it; `waited`: somebody waits in its line."""

    daily_orders: int | None = None
    promise_within: int = PROMISE_WITHIN
    waited: bool = False


@dataclass(frozen=True)
class Rules:
    """What holds for the SKUs and sellers of some orders; those nobody knows have no rules."""

    skus: Mapping[str, SkuRules] = field(default_factory=dict)
    sellers: Mapping[str, SellerRules] = field(default_factory=dict)

    def sku(self, sku: str) -> SkuRules:
        """Of a SKU."""
        return self.skus.get(sku, SkuRules())

    def seller(self, seller: str) -> SellerRules:
        """Of a seller."""
        return self.sellers.get(seller, SellerRules())

    def per_day(self) -> dict[Line, int]:
        """The lines that have only so much room a day."""
        units = {sku_line(name): rules.daily_units for name, rules in self.skus.items()}
        orders = {seller_line(name): rules.daily_orders for name, rules in self.sellers.items()}
        return {line: room for line, room in (units | orders).items() if room is not None}

    def waited(self) -> set[Line]:
        """The lines in which somebody waits."""
        skus = {sku_line(name) for name, rules in self.skus.items() if rules.waited}
        return skus | {seller_line(name) for name, rules in self.sellers.items() if rules.waited}


class Rooms:
    """Days and the room left on them, while orders are promised one after another."""

    def __init__(self, per_day: Room, taken: Mapping[tuple[Line, date], int], today: date) -> None:
        """`per_day`: of lines that have a limit at all; `taken`: so far."""
        self._per_day = per_day
        self._taken = Counter(taken)
        self._today = today

    def wanted(self, order: Order) -> dict[Line, int]:
        """The room an order needs, where room is limited."""
        units = {sku_line(line.sku): line.quantity for line in order.lines}
        return {line: n for line, n in (units | {seller_line(order.seller): 1}).items() if line in self._per_day}

    def first_day(self, wanted: Room, within: int) -> date | None:
        """The first day with room in all lines, from today until `within` days later; None: there is none."""
        days = (self._today + timedelta(days=n) for n in range(within + 1))
        return next((day for day in days if self._fits(wanted, day)), None)

    def take(self, wanted: Room, day: date) -> None:
        """Take the room of a day."""
        self._taken.update({(line, day): n for line, n in wanted.items()})

    def short(self, wanted: Room, within: int) -> set[Line]:
        """The lines of which no day has room; where only their days do not meet, the SKUs' ones."""
        alone = {line for line, n in wanted.items() if self.first_day({line: n}, within) is None}
        return alone or {line for line in wanted if line.startswith("sku:")}

    def never(self, wanted: Room) -> bool:
        """Whether it is more than a whole day has room for, so that waiting does not help."""
        return any(n > self._per_day[line] for line, n in wanted.items())

    def _fits(self, wanted: Room, day: date) -> bool:
        return all(self._taken[line, day] + n <= self._per_day[line] for line, n in wanted.items())


def promised(order: Order, day: date, today: date) -> Order:
    """The order as it can be promised for a day: its terms stand when that day is over before its ship-by.

    Today is as soon as can be. Otherwise the order's own terms promise the end of the day.
    """
    over = datetime.combine(day + timedelta(days=1), time(), UTC)
    return order if day <= today or over <= order.ship_by else shipping_by(order, over)


def promised_anew(order: Order, now: datetime) -> Order:
    """An order that waited: the time its seller has to ship it begins now."""
    return shipping_by(order, now + order.terms.ship_within)


def shipping_by(order: Order, ship_by: datetime) -> Order:
    """The order with terms that promise to ship by then, which is later than its seller usually promises."""
    later = {"ship_within": ship_by - order.placed_at, "promised_later": True}
    return order.model_copy(update={"terms": order.terms.model_copy(update=later)})

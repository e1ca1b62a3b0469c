"""Order after order out of the same shelves; then units are canceled, split off and sent back, a cent never lost."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations, count

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from ordersaga.domain.orders import LineQuantity, Order, OrderLine, ParcelPlan
from ordersaga.domain.return_rules import refund_value
from ordersaga.domain.routing import StockOffer, route
from tests.fakes.samples import order
from tests.properties.effort import effort

SKUS = ("MUG", "TEE", "CAP", "PEN", "BAG", "TOY")
PLACES = ("nj-1", "ca-1", "tx-1", "il-1", "on-1")
UNITS = st.fixed_dictionaries({}, optional={sku: st.integers(1, 5) for sku in SKUS})
PRICES = st.sampled_from([0, 1, 7, 333, 1000, 99_999])
EXTRAS = st.sampled_from([0, 1, 2, 99, 500, 10_001])
some = st.integers(0, 20)


@dataclass
class Sold:
    """A parcel of an order. `canceled`: minor units given up before it left; `paid_back`: given back after.

    `fault`: the seller's, for all that comes back of it; None until something did.
    """

    bought: Order
    plan: ParcelPlan
    returned: list[LineQuantity] = field(default_factory=list)
    paid_back: int = 0
    faults: set[bool] = field(default_factory=set)

    def left(self) -> Counter[str]:
        """Units the shopper still has."""
        gone = Counter[str]()
        for one in self.returned:
            gone[one.sku] += one.quantity
        return Counter({line.sku: line.quantity for line in self.plan.lines}) - gone


class Shop(RuleBasedStateMachine):
    """A program of a whole shop: five places, six products."""

    def __init__(self) -> None:
        super().__init__()
        self.shelves = Counter[tuple[str, str]]()
        self.parcels: list[Sold] = []
        self.totals: dict[str, int] = {}
        self.canceled = Counter[str]()
        self._numbers = count(1)

    @rule(place=st.sampled_from(PLACES), units=UNITS)
    def units_arrive(self, place: str, units: dict[str, int]) -> None:
        """Somewhere."""
        self.shelves.update({(place, sku): quantity for sku, quantity in units.items()})

    @rule(units=UNITS.filter(bool), prices=st.lists(PRICES, min_size=6, max_size=6), shipping=EXTRAS, tax=EXTRAS)
    def an_order_comes(self, units: dict[str, int], prices: list[int], shipping: int, tax: int) -> None:
        """All of it is planned over the fewest places, or nothing."""
        lines = tuple(
            OrderLine(sku=sku, quantity=quantity, unit_price=prices[SKUS.index(sku)]) for sku, quantity in units.items()
        )
        if not sum(line.value for line in lines) + shipping + tax:
            return
        bought = order(f"s{next(self._numbers)}", lines=lines, shipping=shipping, tax=tax)
        plans = route(bought, list(self._offers()))
        assert (None if plans is None else len(plans)) == self._fewest(units)
        if plans is not None:
            self._take(bought, plans)

    def _offers(self) -> Iterator[StockOffer]:
        for place in PLACES:
            available = {sku: self.shelves[place, sku] for sku in SKUS}
            yield StockOffer(location=place, provider="shipbob", region="NY", country="US", available=available)

    def _fewest(self, units: dict[str, int]) -> int | None:
        """The smallest number of places that together have these units; None: not even all of them do."""
        for size in range(1, len(PLACES) + 1):
            for places in combinations(PLACES, size):
                if all(sum(self.shelves[place, sku] for place in places) >= units[sku] for sku in units):
                    return size
        return None

    def _take(self, bought: Order, plans: Sequence[ParcelPlan]) -> None:
        self.totals[bought.order_id] = bought.total
        for plan in plans:
            self.shelves.subtract({(plan.location, line.sku): line.quantity for line in plan.lines})
            self.parcels.append(Sold(bought, plan))
        wanted = Counter({line.sku: line.quantity for line in bought.lines})
        assert sum((sold.left() for sold in self.parcels if sold.bought is bought), Counter()) == wanted

    # ---- before it leaves ------------------------------------------------------------------------------------

    @rule(which=some, sku=some, quantity=st.integers(1, 3))
    def units_are_canceled(self, which: int, sku: int, quantity: int) -> None:
        """The parcel costs less, by no less than nothing and no more than it cost."""
        if found := self._here(which, sku, quantity):
            sold, units = found
            smaller = sold.plan.without([units])
            assert 0 <= smaller.amount <= sold.plan.amount
            assert smaller.lines or smaller.amount == 0
            self.canceled[sold.bought.order_id] += sold.plan.amount - smaller.amount
            self.shelves[sold.plan.location, units.sku] += units.quantity
            sold.plan = smaller

    @rule(which=some, sku=some, quantity=st.integers(1, 3))
    def units_leave_in_a_parcel_of_their_own(self, which: int, sku: int, quantity: int) -> None:
        """Two parcels cost what the one did."""
        if found := self._here(which, sku, quantity):
            sold, units = found
            rest = sold.plan.without([units])
            price = next(line.unit_price for line in sold.plan.lines if line.sku == units.sku)
            moved = (OrderLine(sku=units.sku, quantity=units.quantity, unit_price=price),)
            amount = sold.plan.amount - rest.amount
            second = sold.plan.model_copy(update={"parcel": len(self.parcels), "lines": moved, "amount": amount})
            sold.plan = rest
            self.parcels.append(Sold(sold.bought, second))

    def _here(self, which: int, sku: int, quantity: int) -> tuple[Sold, LineQuantity] | None:
        """A parcel nothing of which came back yet, and some units of it."""
        here = [sold for sold in self.parcels if sold.plan.lines and not sold.returned]
        if not here:
            return None
        sold = here[which % len(here)]
        line = sold.plan.lines[sku % len(sold.plan.lines)]
        return sold, LineQuantity(sku=line.sku, quantity=min(quantity, line.quantity))

    # ---- afterwards ------------------------------------------------------------------------------------------

    @rule(which=some, sku=some, quantity=st.integers(1, 3), fault=st.booleans())
    def units_come_back(self, which: int, sku: int, quantity: int, fault: bool) -> None:
        """Refunded by the rule, capped by what is left of the price; the cap is needed only if reasons were mixed."""
        having = [sold for sold in self.parcels if sold.left()]
        if not having:
            return
        sold = having[which % len(having)]
        one = sorted(sold.left())[sku % len(sold.left())]
        units = LineQuantity(sku=one, quantity=min(quantity, sold.left()[one]))
        worth = refund_value(sold.bought, sold.plan, sold.returned, [units], sellers_fault=fault)
        sold.faults.add(fault)
        sold.returned.append(units)
        left = sold.plan.amount - sold.paid_back
        assert worth >= 0
        assert worth <= left or len(sold.faults) == 2
        sold.paid_back += min(worth, left)

    @invariant()
    def no_shelf_owes_units(self) -> None:
        """Nobody is promised what is not there."""
        assert all(units >= 0 for units in self.shelves.values())

    @invariant()
    def every_cent_is_somewhere(self) -> None:
        """An order's total is what its parcels cost, and what was canceled of them."""
        for order_id, total in self.totals.items():
            parcels = sum(sold.plan.amount for sold in self.parcels if sold.bought.order_id == order_id)
            assert parcels + self.canceled[order_id] == total

    @invariant()
    def refunds_are_exact(self) -> None:
        """Never more than was paid; all of it, once everything came back through the seller's fault."""
        for sold in self.parcels:
            assert 0 <= sold.paid_back <= sold.plan.amount
            if sold.returned and not sold.left() and sold.faults == {True}:
                assert sold.paid_back == sold.plan.amount


@given(st.lists(st.sets(st.sampled_from(SKUS)), min_size=3, max_size=5))
@effort(examples=60)
def test_an_order_of_everything_takes_the_fewest_places(shelves: list[set[str]]) -> None:
    """Also where the place that has the most is none of them."""
    offers = [
        StockOffer(location=place, provider="shipbob", region="NY", country="US", available=dict.fromkeys(skus, 1))
        for place, skus in zip(PLACES, shelves, strict=False)
    ]
    plans = route(order("s1", *((sku, 1) for sku in SKUS)), offers)
    sizes = range(1, len(shelves) + 1)
    enough = (size for size in sizes for some in combinations(shelves, size) if set().union(*some) == set(SKUS))
    assert (None if plans is None else len(plans)) == next(enough, None)


def test_a_shop_loses_no_cent_and_no_unit() -> None:
    """Over any number of orders, cancellations, splits and returns."""
    run_state_machine_as_test(Shop, settings=effort(examples=40, steps=15))

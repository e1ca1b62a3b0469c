"""Stock in the simulated world: held at the checkout by the real routing rule, shipped or released later."""

from collections import defaultdict

from ordersaga.domain.orders import Order, ParcelPlan
from ordersaga.domain.routing import StockOffer, route
from ordersaga.whatif.scenario import Scenario
from ordersaga.whatif.shoppers import region_of, sku_of

PLENTY = 1_000_000


class Shelves:
    """Units by place and SKU. One place for each provider, which holds its share of the product everybody wants."""

    def __init__(self, scenario: Scenario) -> None:
        self._regions = region_of(scenario)
        self.available: dict[tuple[str, str], int] = {}
        self.held: defaultdict[str, dict[int, ParcelPlan]] = defaultdict(dict)
        self.plans: dict[str, tuple[ParcelPlan, ...]] = {}
        self._stock(scenario)

    def _stock(self, scenario: Scenario) -> None:
        viral, *others = scenario.sellers
        whole = sum(plan.weight for plan in scenario.providers.values())
        units = None if scenario.units is None else round(scenario.units / scenario.stands_for)
        left, weight_left = units, whole
        for name, plan in scenario.providers.items():
            here = PLENTY if left is None else round(left * plan.weight / weight_left)
            if left is not None:
                left, weight_left = left - here, max(weight_left - plan.weight, 1e-9)
            self.available[name, sku_of(viral)] = here
            self.available |= {(name, sku_of(seller)): PLENTY for seller in others}

    def hold(self, order: Order) -> tuple[ParcelPlan, ...]:
        """Hold an order's units, all or none; the parcels they are held as, none: sold out."""
        plans = route(order, self._offers(order)) or ()
        for plan in plans:
            self._move(plan, -1)
            self.held[order.order_id][plan.parcel] = plan
        self.plans[order.order_id] = tuple(plans)
        return tuple(plans)

    def release(self, order_id: str, parcel: int) -> int:
        """Give a parcel's units back; returns how many."""
        plan = self.held[order_id].pop(parcel, None)
        return self._move(plan, 1) if plan else 0

    def ship(self, order_id: str, parcel: int) -> None:
        """They left."""
        self.held[order_id].pop(parcel, None)

    def _move(self, plan: ParcelPlan, sign: int) -> int:
        for line in plan.lines:
            self.available[plan.location, line.sku] += sign * line.quantity
        return sum(line.quantity for line in plan.lines)

    def _offers(self, order: Order) -> list[StockOffer]:
        there: defaultdict[str, dict[str, int]] = defaultdict(dict)
        for line in order.lines:
            for name in self._regions:
                there[name][line.sku] = self.available.get((name, line.sku), 0)
        return [
            StockOffer(location=name, provider=name, region=region, country="US", available=there[name])
            for name, region in self._regions.items()
        ]

"""Where an order ships from: a chain of rules, each of which leaves some of the plans that are left.

Two verdicts (`stop`, `region`), then as few parcels as can be (`split`), then ranks in the seller's sequence, then the
name. What fell, and by which rule, is kept with the order.
"""

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import accumulate, combinations, islice
from typing import Final, NamedTuple

from ordersaga.domain.catalog import Location
from ordersaga.domain.dispatch import NOT_SHIPPED, Dispatch, zone_to
from ordersaga.domain.identifiers import Code
from ordersaga.domain.orders import Address, Order, OrderLine, ParcelPlan, RouteRule, price_parcels
from ordersaga.domain.values import Value

STOP, REGION, SPLIT, NAME = "stop", "region", "split", "name"
"""The rules of the chain that no seller moves."""


class StockOffer(Value):
    """Units of the order's SKUs that a location can promise now, and how it ships."""

    location: Code
    provider: Code
    region: str
    country: str
    postal_code: str = ""
    dispatch: Dispatch = Dispatch()
    available: dict[str, int]

    @classmethod
    def at(cls, place: Location, available: dict[str, int]) -> "StockOffer":
        """What a location of the catalog can promise."""
        home = {name: getattr(place.address, name) for name in ("region", "country", "postal_code")}
        provider, dispatch = place.provider, place.dispatch
        return cls(location=place.location, provider=provider, dispatch=dispatch, available=available, **home)

    def zone(self, to: Address) -> int:
        """How far it is to an address; 0: not shipped there."""
        return zone_to(self.dispatch, (self.country, self.region, self.postal_code), to)

    def cost(self, to: Address, units: int) -> int:
        """What a parcel costs about, in minor units: handling, and the way."""
        by_zone = self.dispatch.shipping_by_zone
        shipping = by_zone[max(self.zone(to), 1) - 1]
        return self.dispatch.parcel_fee + self.dispatch.unit_fee * units + shipping


Share = tuple[StockOffer, Mapping[str, int]]
"""A location, and the units of each SKU that leave from it."""
_SETS_TRIED: Final = 500
"""How many sets of locations are tried for an order, of all sizes together."""
_LOOKS: Final = 20_000
"""How often an order may look at one SKU of one shelf while it compares: shelves are locked meanwhile."""
_PLANS_RANKED: Final = 50
"""How many plans of several parcels go through the ranks; those of the best locations come first."""


class LanesNow(NamedTuple):
    """Providers that do not answer, and those that have so much to do that a parcel waits for long."""

    unwell: Container[str] = frozenset()
    busy: Container[str] = frozenset()


ALL_WELL: Final = LanesNow()


@dataclass(frozen=True)
class Moment:
    """What else counts when an order is routed: the time, how providers stand, and those that may not ship."""

    now: datetime
    unwell: Container[str] = frozenset()
    stopped: Container[str] = frozenset()
    busy: Container[str] = frozenset()


class Passed(NamedTuple):
    """A location the order does not ship from: the rule by which it fell, its measure there, and the best one."""

    location: str
    rule: str
    measure: int
    best: int


class Facts(NamedTuple):
    """What the rules knew of a location that was chosen: its zone, cost in minor units, and days until it leaves."""

    location: str
    zone: int
    cost: int
    days: int


@dataclass(frozen=True)
class Choice:
    """The parcels, the facts of each, and everything that was passed over."""

    parcels: list[ParcelPlan]
    facts: tuple[Facts, ...]
    passed: tuple[Passed, ...]


def route(order: Order, offers: Sequence[StockOffer], unwell: Container[str] = ()) -> list[ParcelPlan] | None:
    """Plan the parcels at the moment the order was placed; None: sold out. `unwell`: providers that do not answer."""
    choice = choose(order, offers, Moment(order.placed_at, unwell))
    return choice.parcels if choice else None


def choose(order: Order, offers: Sequence[StockOffer], moment: Moment) -> Choice | None:
    """Plan the parcels, or None when the offers together cannot cover every line (the order is sold out).

    A line may be split over locations only when no single location has all of it.
    """
    chain = _Chain(order, moment)
    shares = chain.best(offers)
    if shares is None:
        return None
    lines = [_lines(order, units) for _, units in shares]
    amounts = price_parcels(order, lines)
    parcels = [
        ParcelPlan(parcel=number, location=offer.location, provider=offer.provider, lines=own, amount=amount)
        for number, ((offer, _), own, amount) in enumerate(zip(shares, lines, amounts, strict=True), start=1)
    ]
    facts = tuple(chain.facts(share) for share in shares) if chain.passed else ()
    return Choice(parcels, facts, tuple(chain.passed[name] for name in sorted(chain.passed)))


def against(order: Order, offer: StockOffer, stopped: Container[str]) -> str | None:
    """The verdict that forbids a location, whatever it has; None: it may ship the order."""
    if offer.provider in stopped:
        return STOP
    listed = offer.dispatch.zones and offer.zone(order.ship_to) == NOT_SHIPPED
    return REGION if listed else None


def preference(order: Order, share: Share, moment: Moment) -> tuple[int, ...]:
    """The ranks of one location for an order, in its seller's sequence: the smaller goes first."""
    return tuple(_MEASURES[rule](order, share, moment) for rule in sequence(order))


def sequence(order: Order) -> tuple[RouteRule, ...]:
    """The ranks in the order in which they count: those the seller named, then the others."""
    return tuple(dict.fromkeys((*order.terms.route_by, *RouteRule)))


def _unwell(order: Order, share: Share, moment: Moment) -> int:
    return int(share[0].provider in moment.unwell)


def _busy(order: Order, share: Share, moment: Moment) -> int:
    return int(share[0].provider in moment.busy)


def _late(order: Order, share: Share, moment: Moment) -> int:
    dispatch = share[0].dispatch
    return int(dispatch.cut_off is not None and dispatch.departs(moment.now) > order.ship_by)


def _zone(order: Order, share: Share, moment: Moment) -> int:
    return share[0].zone(order.ship_to)


def _days(order: Order, share: Share, moment: Moment) -> int:
    return share[0].dispatch.days(moment.now)


def _cost(order: Order, share: Share, moment: Moment) -> int:
    return share[0].cost(order.ship_to, sum(share[1].values()))


_MEASURES: Final[Mapping[RouteRule, Callable[[Order, Share, Moment], int]]] = {
    RouteRule.HEALTH: _unwell,
    RouteRule.BACKLOG: _busy,
    RouteRule.PROMISE: _late,
    RouteRule.ZONE: _zone,
    RouteRule.CUT_OFF: _days,
    RouteRule.COST: _cost,
}
"""How much speaks against a share; a plan's measure is the sum over its parcels."""


@dataclass
class _Chain:
    """One order on its way through the rules; `passed` fills up with what falls."""

    order: Order
    moment: Moment
    passed: dict[str, Passed] = field(default_factory=dict)
    _known: dict[tuple[RouteRule, str, int], int] = field(default_factory=dict)

    def best(self, offers: Sequence[StockOffer]) -> list[Share] | None:
        """The plan that is left; None: there is none."""
        able = [offer for offer in offers if self._may_ship(offer)]
        plans = self._fewest(able)
        if not plans:
            return None
        for rule in sequence(self.order):
            if len(plans) > 1:
                plans = self._ranked(rule, plans)
        return self._first_by_name(plans)

    def facts(self, share: Share) -> Facts:
        zone, cost, days = (measure(self.order, share, self.moment) for measure in (_zone, _cost, _days))
        return Facts(share[0].location, zone, cost, days)

    def _may_ship(self, offer: StockOffer) -> bool:
        verdict = against(self.order, offer, self.moment.stopped)
        if verdict is not None:
            self._pass([offer.location], verdict)
        return verdict is None

    def _fewest(self, offers: list[StockOffer]) -> list[list[Share]]:
        wanted = {line.sku: line.quantity for line in self.order.lines}
        plans: list[list[Share]] = [[(offer, wanted)] for offer in offers if _has_all([offer], wanted)]
        plans = plans or self._several(wanted, offers)
        if plans:
            there = {offer.location for plan in plans for offer, _ in plan}
            without = [offer.location for offer in offers if offer.location not in there]
            self._pass(without, SPLIT, best=len(plans[0]))
        return plans

    def _several(self, wanted: Mapping[str, int], offers: list[StockOffer]) -> list[list[Share]]:
        """Taking the most each round may need more locations than there must be: sets of as few as suffice."""
        near_first = sorted(offers, key=self._alone)
        least = _least(wanted, near_first)
        if least is None:
            return []
        effort = _Effort()
        greedy = _cover(wanted, near_first, effort)
        for size in range(max(2, least), len(greedy) + 1):
            found = list(islice(_plans(combinations(near_first, size), wanted, effort), _PLANS_RANKED))
            if found:
                fewest = min(map(len, found))
                return [plan for plan in found if len(plan) == fewest]
        return [greedy]

    def _alone(self, offer: StockOffer) -> tuple[object, ...]:
        return *(self._measure(rule, (offer, {})) for rule in sequence(self.order)), offer.location

    def _ranked(self, rule: RouteRule, plans: list[list[Share]]) -> list[list[Share]]:
        """The plans with the best measure; locations that stand in none of them have fallen by this rule."""
        measures = [sum(self._measure(rule, share) for share in plan) for plan in plans]
        best = min(measures)
        if best == max(measures):
            return plans
        left = [plan for plan, found in zip(plans, measures, strict=True) if found == best]
        self._fall(rule, left, sorted(zip(measures, plans, strict=True), key=lambda one: one[0]), best)
        return left

    def _measure(self, rule: RouteRule, share: Share) -> int:
        """A location stands in many plans; only what it costs depends on the units."""
        key = rule, share[0].location, sum(share[1].values()) if rule is RouteRule.COST else 0
        if key not in self._known:
            self._known[key] = _MEASURES[rule](self.order, share, self.moment)
        return self._known[key]

    def _first_by_name(self, plans: list[list[Share]]) -> list[Share]:
        first = min(plans, key=lambda plan: sorted(offer.location for offer, _ in plan))
        self._fall(NAME, [first], [(0, plan) for plan in plans], 0)
        return first

    def _fall(self, rule: str, left: list[list[Share]], found: Sequence[tuple[int, list[Share]]], best: int) -> None:
        there = {offer.location for plan in left for offer, _ in plan}
        for measure, plan in found:
            self._pass([offer.location for offer, _ in plan if offer.location not in there], rule, measure, best)

    def _pass(self, locations: Iterable[str], rule: str, measure: int = 0, best: int = 0) -> None:
        for location in locations:
            self.passed.setdefault(location, Passed(location, str(rule), measure, best))


def _lines(order: Order, units: Mapping[str, int]) -> tuple[OrderLine, ...]:
    """The order's lines with only these units."""
    there = ((line, units[line.sku]) for line in order.lines if line.sku in units)
    return tuple(line if line.quantity == n else line.model_copy(update={"quantity": n}) for line, n in there)


class _Effort:
    """What may still be done to compare plans of one order: shelves are locked meanwhile, and the process stands."""

    def __init__(self) -> None:
        self._looks, self._sets = _LOOKS, _SETS_TRIED

    def spend(self, looks: int) -> bool:
        """Whether so many looks may be had."""
        self._looks -= looks
        return self._looks >= 0

    def try_set(self, looks: int) -> bool:
        """Whether another set may be tried."""
        self._sets -= 1
        return self.spend(looks) and self._sets >= 0


def _least(wanted: Mapping[str, int], offers: Sequence[StockOffer]) -> int | None:
    """No fewer locations have everything: of each SKU, those with the most of it. None: there is too little."""
    least = 0
    for sku, units in wanted.items():
        most_first = sorted((offer.available.get(sku, 0) for offer in offers), reverse=True)
        enough = next((count for count, there in enumerate(accumulate(most_first), 1) if there >= units), None)
        if enough is None:
            return None
        least = max(least, enough)
    return least


def _plans(sets: Iterable[Sequence[StockOffer]], wanted: Mapping[str, int], effort: _Effort) -> Iterator[list[Share]]:
    for places in sets:
        if not effort.try_set(len(places) * len(wanted)):
            return
        if _has_all(places, wanted):
            yield _cover(wanted, places, effort)


def _has_all(places: Sequence[StockOffer], wanted: Mapping[str, int]) -> bool:
    """Plain loops: hundreds of sets may be looked at for an order."""
    shelves = [place.available for place in places]
    for sku, units in wanted.items():
        there = 0
        for shelf in shelves:
            there += shelf.get(sku, 0)
        if there < units:
            return False
    return True


def _cover(wanted: Mapping[str, int], offers: Sequence[StockOffer], effort: _Effort) -> list[Share]:
    """Each round the location that can ship the most of what is still wanted; in their order once that is too much.

    Together they have everything.
    """
    shares: list[Share] = []
    left = list(offers)
    while wanted:
        number = _best(left, wanted) if effort.spend(len(left) * len(wanted)) else 0
        offer = left.pop(number)
        if taken := _take(offer, wanted):
            shares.append((offer, taken))
            wanted = {sku: rest for sku, units in wanted.items() if (rest := units - taken.get(sku, 0))}
    return shares


def _best(offers: Sequence[StockOffer], wanted: Mapping[str, int]) -> int:
    return max(range(len(offers)), key=lambda number: _score(offers[number], wanted))


def _score(offer: StockOffer, wanted: Mapping[str, int]) -> tuple[int, int]:
    """Whole lines first, then units."""
    there = offer.available
    whole = taken = 0
    for sku, units in wanted.items():
        found = there.get(sku, 0)
        whole += found >= units
        taken += min(found, units)
    return whole, taken


def _take(offer: StockOffer, wanted: Mapping[str, int]) -> dict[str, int]:
    there = offer.available
    return {sku: min(units, there[sku]) for sku, units in wanted.items() if there.get(sku, 0) > 0}

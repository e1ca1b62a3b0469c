"""Routing covers an order exactly, out of what is there, or not at all."""

from collections import Counter
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordersaga.domain.orders import Order, OrderLine, RouteRule
from ordersaga.domain.routing import STOP, Moment, StockOffer, choose, preference, route
from tests.domain.strategies import offers, orders
from tests.fakes.samples import PLACED_AT, order


@given(orders(), offers())
def test_the_parcels_cover_the_order_exactly(bought: Order, places: list[StockOffer]) -> None:
    """Every unit is in exactly one parcel, at its price, and the amounts sum to the total."""
    parcels = route(bought, places)
    if parcels is None:
        return
    shipped: Counter[tuple[str, int]] = Counter()
    for plan in parcels:
        assert plan.lines
        for line in plan.lines:
            shipped[line.sku, line.unit_price] += line.quantity

    assert shipped == {(line.sku, line.unit_price): line.quantity for line in bought.lines}
    assert sum(plan.amount for plan in parcels) == bought.total
    assert [plan.parcel for plan in parcels] == list(range(1, len(parcels) + 1))


@given(orders(), offers())
def test_no_location_ships_more_than_it_has(bought: Order, places: list[StockOffer]) -> None:
    """Each location appears once and never gives more than is available there."""
    parcels = route(bought, places) or []
    available = {offer.location: offer.available for offer in places}

    assert len({plan.location for plan in parcels}) == len(parcels)
    for plan in parcels:
        assert all(line.quantity <= available[plan.location].get(line.sku, 0) for line in plan.lines)


@given(orders(), offers())
def test_sold_out_only_when_some_sku_is_short(bought: Order, places: list[StockOffer]) -> None:
    """An order is refused exactly when all locations that ship there together have too few of one SKU."""
    there = served(bought, places)
    short = any(sum(offer.available.get(line.sku, 0) for offer in there) < line.quantity for line in bought.lines)

    assert (route(bought, places) is None) == short


@given(orders(), offers())
def test_one_parcel_when_one_location_has_everything(bought: Order, places: list[StockOffer]) -> None:
    """An order is not split while a single location could ship all of it, whatever the ranks say of it."""
    complete = [offer for offer in served(bought, places) if has_all(offer, bought)]
    parcels = route(bought, places, unwell=[offer.provider for offer in complete])

    assert not complete or (parcels is not None and len(parcels) == 1)


@given(orders(), offers())
def test_never_more_parcels_than_the_fewest_locations(bought: Order, places: list[StockOffer]) -> None:
    """No smaller set of locations has everything."""
    parcels = route(bought, places)
    there = served(bought, places)
    for chosen in combinations(there, len(parcels) - 1) if parcels else ():
        together = Counter[str]()
        for offer in chosen:
            together.update(offer.available)
        assert any(together[line.sku] < line.quantity for line in bought.lines)


@given(orders(), offers(), st.permutations(range(5)))
def test_the_choice_does_not_depend_on_the_order_of_offers(
    bought: Order, places: list[StockOffer], sequence: list[int]
) -> None:
    """The same shelves give the same plan for the same reasons, however the database lists them."""
    shuffled = [places[number] for number in sequence if number < len(places)]
    now = Moment(PLACED_AT, unwell={"newegg"})

    assert choose(bought, places, now) == choose(bought, shuffled, now)


@given(orders(), offers(), st.sampled_from([(), ("newegg",), ("shipbob",)]))
def test_every_location_is_chosen_or_named_with_its_rule(
    bought: Order, places: list[StockOffer], stopped: tuple[str, ...]
) -> None:
    """What is told is complete, and true: nothing that fell by a rank was better there than what was chosen."""
    choice = choose(bought, places, Moment(PLACED_AT, stopped=stopped))
    if choice is None:
        return
    chosen = {plan.location for plan in choice.parcels}
    assert chosen.isdisjoint(one.location for one in choice.passed)
    assert chosen | {one.location for one in choice.passed} == {offer.location for offer in places}
    known = {offer.location: offer for offer in places}
    for one in choice.passed:
        assert (one.rule == STOP) == (known[one.location].provider in stopped)
        assert one.rule not in tuple(RouteRule) or one.measure > one.best


@given(orders(), offers())
def test_of_whole_plans_the_best_by_the_sellers_ranks(bought: Order, places: list[StockOffer]) -> None:
    """One location that could ship everything goes before another as its ranks, compared one after another, say."""
    now = Moment(PLACED_AT, unwell={"newegg"})
    whole = [offer for offer in served(bought, places) if has_all(offer, bought)]
    choice = choose(bought, places, now)
    if choice is None or not whole:
        return
    units = {line.sku: line.quantity for line in bought.lines}
    first = min(whole, key=lambda offer: (*preference(bought, (offer, units), now), offer.location))

    assert choice.parcels[0].location == first.location


def served(bought: Order, places: list[StockOffer]) -> list[StockOffer]:
    """Those that ship to the order's address."""
    return [offer for offer in places if offer.zone(bought.ship_to)]


def has_all(offer: StockOffer, bought: Order) -> bool:
    """Whether one location has every unit."""
    return all(offer.available.get(line.sku, 0) >= line.quantity for line in bought.lines)


def test_the_largest_share_is_not_taken_where_it_costs_a_parcel() -> None:
    """The one with most of the lines would need two more; the other two have everything together."""
    lines = tuple(OrderLine(sku=sku, quantity=1, unit_price=100) for sku in "ABCDEF")
    places = [
        StockOffer(location=name, provider="shipbob", region="NY", country="US", available=dict.fromkeys(skus, 1))
        for name, skus in (("a", "ABCD"), ("b", "ABE"), ("c", "CDF"))
    ]
    parcels = route(order("o1", lines=lines), places)

    assert parcels is not None
    assert [plan.location for plan in parcels] == ["b", "c"]


LOOKED: list[str] = []


class Watched(dict[str, int]):
    """A shelf that says how often it is looked at."""

    def get(self, sku: str, default: int = 0) -> int:  # type: ignore[override]
        """Units, noted in `LOOKED`."""
        LOOKED.append(sku)
        return super().get(sku, default)


@pytest.mark.parametrize(
    ("locations", "wanted", "others"), [(40, 30, 0), (40, 30, 9), (60, 55, 40), (100, 99, 99), (100, 1, 99)]
)
def test_no_order_is_compared_for_long(locations: int, wanted: int, others: int) -> None:
    """One unit of a SKU at each location, and as much as anybody wants of the others: no set of a few has it all."""
    LOOKED.clear()
    shelf = Watched({**{f"S{number}": 1000 for number in range(others)}, "RARE": 1})
    names = [f"l{number:03}" for number in range(locations)]
    usual = {"provider": "shipbob", "region": "NY", "country": "US"}
    one = StockOffer(location="any", available={}, **usual).model_copy(update={"available": shelf})
    places = [one.model_copy(update={"location": name}) for name in names]
    lines = [(f"S{number}", 1) for number in range(others)]

    parcels = route(order("o1", *lines, ("RARE", wanted)), places)

    assert parcels is not None
    assert len(parcels) == wanted
    assert len(LOOKED) < 35_000 + 4 * locations * (others + 1)

"""Routing covers an order exactly, out of what is there, or not at all."""

from collections import Counter

from hypothesis import given

from ordersaga.domain.orders import Order, OrderLine
from ordersaga.domain.routing import StockOffer, route
from tests.domain.strategies import offers, orders
from tests.fakes.samples import order


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
    """An order is refused exactly when all locations together have too few of one SKU."""
    short = any(sum(offer.available.get(line.sku, 0) for offer in places) < line.quantity for line in bought.lines)

    assert (route(bought, places) is None) == short


@given(orders(), offers())
def test_one_parcel_when_one_location_has_everything(bought: Order, places: list[StockOffer]) -> None:
    """An order is not split while a single location could ship all of it."""
    complete = [
        offer for offer in places if all(offer.available.get(line.sku, 0) >= line.quantity for line in bought.lines)
    ]
    parcels = route(bought, places)

    assert not complete or (parcels is not None and len(parcels) == 1)


@given(orders(), offers())
def test_the_plan_does_not_depend_on_the_order_of_offers(bought: Order, places: list[StockOffer]) -> None:
    """The same shelves give the same plan, however the database lists them."""
    assert route(bought, places) == route(bought, places[::-1])


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

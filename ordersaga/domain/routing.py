"""Where an order ships from: one location if one has everything, else the fewest; near the shopper first."""

from collections.abc import Sequence
from itertools import combinations, islice

from ordersaga.domain.identifiers import Code
from ordersaga.domain.orders import Order, OrderLine, ParcelPlan, price_parcels
from ordersaga.domain.values import Value


class StockOffer(Value):
    """Units of the order's SKUs that a location can promise now."""

    location: Code
    provider: Code
    region: str
    country: str
    available: dict[str, int]


Share = tuple[StockOffer, tuple[OrderLine, ...]]
_SETS_TRIED = 2_000
"""How many sets of locations of one size are looked at: shelves are locked meanwhile."""


def route(order: Order, offers: Sequence[StockOffer]) -> list[ParcelPlan] | None:
    """Plan the parcels, or None when the offers together cannot cover every line (the order is sold out).

    A line may be split over locations only when no single location has all of it.
    """
    near_first = sorted(offers, key=lambda offer: _distance(order, offer))
    shares = _cover(list(order.lines), near_first)
    if shares is None:
        return None
    shares = _in_fewer(list(order.lines), near_first, len(shares)) or shares
    amounts = price_parcels(order, [lines for _, lines in shares])
    return [
        ParcelPlan(parcel=number, location=offer.location, provider=offer.provider, lines=lines, amount=amount)
        for number, ((offer, lines), amount) in enumerate(zip(shares, amounts, strict=True), start=1)
    ]


def _distance(order: Order, offer: StockOffer) -> tuple[int, str]:
    """Same region before same country before abroad; the name settles ties, so that the plan is reproducible."""
    if (offer.country, offer.region) == (order.ship_to.country, order.ship_to.region):
        return 0, offer.location
    return (1 if offer.country == order.ship_to.country else 2), offer.location


def _cover(wanted: list[OrderLine], offers: list[StockOffer]) -> list[Share] | None:
    """Greedy cover: each round the location that can ship the most of what is still wanted."""
    shares: list[Share] = []
    while wanted:
        best = max(offers, key=lambda offer: _score(offer, wanted), default=None)
        taken = _take(best, wanted) if best else ()
        if best is None or not taken:
            return None
        shares.append((best, taken))
        offers = [offer for offer in offers if offer is not best]
        wanted = _left(wanted, taken)
    return shares


def _in_fewer(wanted: list[OrderLine], near_first: list[StockOffer], parcels: int) -> list[Share] | None:
    """Taking the most each round may need more locations than there must be: fewer than `parcels`, if some suffice."""
    for size in range(2, parcels):
        for places in islice(combinations(near_first, size), _SETS_TRIED):
            if all(sum(place.available.get(line.sku, 0) for place in places) >= line.quantity for line in wanted):
                return _cover(wanted, list(places))
    return None


def _score(offer: StockOffer, wanted: list[OrderLine]) -> tuple[int, int]:
    """Whole lines first, then units."""
    taken = _take(offer, wanted)
    whole = sum(1 for line in wanted if offer.available.get(line.sku, 0) >= line.quantity)
    return whole, sum(line.quantity for line in taken)


def _take(offer: StockOffer, wanted: list[OrderLine]) -> tuple[OrderLine, ...]:
    return tuple(
        line.model_copy(update={"quantity": min(line.quantity, offer.available[line.sku])})
        for line in wanted
        if offer.available.get(line.sku, 0) > 0
    )


def _left(wanted: list[OrderLine], taken: tuple[OrderLine, ...]) -> list[OrderLine]:
    got = {line.sku: line.quantity for line in taken}
    rest = ((line, line.quantity - got.get(line.sku, 0)) for line in wanted)
    return [line.model_copy(update={"quantity": quantity}) for line, quantity in rest if quantity]

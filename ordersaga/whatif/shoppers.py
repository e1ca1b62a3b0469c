"""The orders that arrive: who buys what, where, and when. The same seed gives the same orders to every variant."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from random import Random
from typing import Final

from ordersaga.domain.orders import Address, Order, OrderLine, Payment, SellerTerms
from ordersaga.whatif.scenario import Scenario

REGIONS: Final = ("NJ", "CA", "TX", "IL", "GA", "WA", "OH", "CO", "FL", "MA")
"""Where warehouses stand, in the order of the providers, and where shoppers live: near each, as much as lies there."""
PRICE: Final = 2_500
SHIPPING: Final = 500
_TOWN: Final = {"name": "A Shopper", "line1": "1 Main St", "city": "Town", "postal_code": "00001", "country": "US"}


def sku_of(seller: str) -> str:
    """The one product of a seller."""
    return f"SKU-{seller}".upper()


def region_of(scenario: Scenario) -> Mapping[str, str]:
    """Where each provider's warehouse stands."""
    return {name: REGIONS[number % len(REGIONS)] for number, name in enumerate(scenario.providers)}


def orders(scenario: Scenario) -> Iterator[Order]:
    """All of them, first come first, at random over the time given: shoppers know nothing of each other."""
    draw = Random(f"arrivals/{scenario.seed}")  # noqa: S311 - a simulation, no secret
    moments = sorted(draw.random() for _ in range(scenario.simulated))
    sellers, shares = list(scenario.sellers), list(scenario.sellers.values())
    for number, moment in enumerate(moments, start=1):
        seller = draw.choices(sellers, shares)[0]
        yield _order(scenario, f"w{number}", seller, draw.random(), moment * scenario.within)


def _order(scenario: Scenario, name: str, seller: str, home: float, after: timedelta) -> Order:
    return Order(
        order_id=name,
        seller=seller,
        lines=(OrderLine(sku=sku_of(seller), quantity=1, unit_price=PRICE),),
        shipping=SHIPPING,
        ship_to=Address(region=_region(scenario, home), **_TOWN),
        payment=Payment(payment_method="pm_card_visa"),
        placed_at=scenario.begins + after,
        terms=SellerTerms(ship_within=scenario.ship_within),
    )


def _region(scenario: Scenario, home: float) -> str:
    """A home near one of the warehouses; `home` from 0 to 1."""
    whole = sum(plan.weight for plan in scenario.providers.values())
    reached, regions = 0.0, region_of(scenario)
    for name, plan in scenario.providers.items():
        reached += plan.weight / whole
        if home < reached:
            return regions[name]
    return regions[next(reversed(scenario.providers))]

"""Where an order may be led: locations that may ship it, and stops that an address or a location would lead into."""

from datetime import UTC, datetime

from ordersaga.api.problems import FieldError, invalid
from ordersaga.api.stop_names import carrier_names, near
from ordersaga.bootstrap import Services
from ordersaga.domain.journal import OrderRecord
from ordersaga.domain.orders import Address, Order
from ordersaga.domain.stops import StopRule, avoided, stopping


async def provider_at(services: Services, record: OrderRecord, location: str) -> str:
    """Who works at the location. Problem 422 for one that may not ship the order, naming those that may."""
    places = await _places(services, record)
    if location not in places:
        advice = f"use one of {', '.join(places)}" if places else "load the catalog first"
        raise invalid([FieldError(field="location", message=f"no location is called {location}", remedy=advice)])
    return places[location]


def check_carrier(services: Services, record: OrderRecord, carrier: str) -> None:
    """Problem 422 for a carrier that nobody knows, naming those that are meant perhaps, and those there are."""
    names = carrier_names(services, record.order.seller)
    if carrier in names:
        return
    alike = near(carrier, names)
    meant = f"did you mean {' or '.join(alike)}? " if alike else ""
    advice = f"{meant}use one of {', '.join(sorted(names))}"
    raise invalid([FieldError(field="carrier", message=f"no carrier is called {carrier}", remedy=advice)])


async def _places(services: Services, record: OrderRecord) -> dict[str, str]:
    """Who works at each location that may ship the order: everybody's, and its seller's own."""
    known = {place.location: place.provider for place in await services.catalog.locations()}
    goods = await services.sellers.goods(sellers=(), locations=known, skus=())
    anothers = {name for name, place in goods.locations.items() if place.seller not in (None, record.order.seller)}
    return {name: provider for name, provider in known.items() if name not in anothers}


async def stop_at_address(services: Services, record: OrderRecord, ship_to: Address) -> tuple[StopRule, str] | None:
    """The stop that the order would come to match there and does not match as it is, and what to do instead."""
    rules, order = await services.stop_rules.standing(), record.order
    new = [rule for rule in rules if not rule.match.order(order)]
    rule = stopping(new, order.model_copy(update={"ship_to": ship_to}), datetime.now(UTC))
    return (rule, f"{rule.told()}; give another address, or cancel") if rule else None


async def stop_at_provider(services: Services, order: Order, provider: str) -> tuple[StopRule, str] | None:
    """The stop that forbids the order, as it concerns a parcel, this provider, and what to do instead."""
    rules = await services.stop_rules.standing()
    rule = avoided(rules, order, datetime.now(UTC)).get(provider)
    return (rule, f"{rule.told()}; choose another location") if rule else None

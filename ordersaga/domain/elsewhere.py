"""Whether a parcel whose provider fails it is sent from another location, from which, and why: for the same ship-by.

Asked only when something is wrong. The place must have all of the parcel's units, its provider's lane must be open, and
shipping from there may cost only so much more. Those that may are ranked as for a new order.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from typing import Final

from ordersaga.domain.breakers import Breaker, BreakerState
from ordersaga.domain.dispatch import SHIPPING
from ordersaga.domain.identifiers import Code
from ordersaga.domain.lanes import LanePause, provider_lane
from ordersaga.domain.orders import MoveCause, Order, ParcelPlan
from ordersaga.domain.routing import Moment, StockOffer, against, preference
from ordersaga.domain.routing_words import near
from ordersaga.domain.values import Message

PATIENCE_SHARE: Final = 0.25
"""The part of the time left until ship-by that a parcel waits for a provider that does not answer."""
FIRST_PATIENCE: Final = timedelta(minutes=10)
"""At most so long before the first look for another place; each further look is twice as far off."""
LEAST_PATIENCE: Final = timedelta(seconds=10)


class Elsewhere(Message):
    """Where a parcel can go. `location` None: it stays, and `why` says what keeps it.

    `automatic`: the seller's terms let it move without asking. `extra_cost`: estimated, in minor units.
    """

    location: Code | None = None
    provider: Code | None = None
    why: str
    automatic: bool = False
    extra_cost: int = 0


class Health(Message):
    """What keeps lanes from calling, by lane, in words; for how long a pause does; and providers with much to do."""

    trouble: dict[str, str]
    paused_for: dict[str, timedelta]
    busy: frozenset[str] = frozenset()

    @classmethod
    def of(
        cls, pauses: Sequence[LanePause], breakers: Sequence[Breaker], busy: AbstractSet[str] = frozenset()
    ) -> "Health":
        """From what is on record, and was seen."""
        paused = {pause.lane: f"paused by {pause.by}: {pause.reason}" for pause in pauses}
        broken = {
            breaker.lane: f"does not answer: {breaker.reason}"
            for breaker in breakers
            if breaker.state is not BreakerState.CLOSED
        }
        trouble, paused_for = {**paused, **broken}, _lasting(pauses, broken)
        return cls(trouble=trouble, paused_for=paused_for, busy=frozenset(busy))

    def of_provider(self, provider: str) -> str | None:
        """What is wrong with one; None: nothing known."""
        return self.trouble.get(provider_lane(provider))

    def too_long(self, provider: str, patience: timedelta) -> str | None:
        """What is wrong with one for longer than a parcel can wait; nobody knows how long a breaker stays open."""
        lane = provider_lane(provider)
        return None if self.paused_for.get(lane, patience) < patience else self.trouble.get(lane)


def _lasting(pauses: Sequence[LanePause], broken: Mapping[str, str]) -> dict[str, timedelta]:
    return {pause.lane: pause.remaining for pause in pauses if pause.lane not in broken}


def patience(now: datetime, ship_by: datetime, looks: int, most: timedelta) -> timedelta:
    """How long a hand-off is tried before the next look for another place. `looks`: those there were."""
    doubled: int = 1 << min(looks, 20)
    wait = min(FIRST_PATIENCE * doubled, most)
    slack = ship_by - now
    return max(min(wait, slack * PATIENCE_SHARE), LEAST_PATIENCE) if slack > timedelta(0) else wait


def look_elsewhere(
    order: Order,
    plan: ParcelPlan,
    offers: Sequence[StockOffer],
    health: Health,
    cause: MoveCause,
    tried: Sequence[str],
    slack: timedelta,
) -> Elsewhere:
    """Where the parcel goes, and why; or what keeps it. `tried`: locations it was moved away from."""
    if len(tried) >= order.terms.moves_at_most:
        return Elsewhere(why=f"it moved {len(tried)} times, which is all the seller allows")
    wrong = _wrong(plan, health, cause, max(slack, timedelta(0)) * PATIENCE_SHARE)
    if wrong is None:
        return Elsewhere(why=f"{plan.provider} may still answer in time")
    kept: dict[str, str] = {}
    for offer in _best_first(order, plan, offers, Moment(order.ship_by - slack, busy=health.busy)):
        if offer.location in (plan.location, *tried):
            continue
        if (against := _against(order, plan, offer, offers, health)) is None:
            extra = _extra_cost(order, plan, offer, offers)
            return _found(order, offer, wrong, cause, extra)
        kept[offer.location] = against
    told = "; ".join(f"{location} {why}" for location, why in kept.items())
    return Elsewhere(why=f"no other place can ship it{f' ({told})' if told else ''}")


def _best_first(order: Order, plan: ParcelPlan, offers: Sequence[StockOffer], moment: Moment) -> Sequence[StockOffer]:
    """What does not answer is no place at all, so only the other ranks count here."""
    units = {line.sku: line.quantity for line in plan.lines}
    return sorted(offers, key=lambda one: (*preference(order, (one, units), moment), one.location))


def _wrong(plan: ParcelPlan, health: Health, cause: MoveCause, wait: timedelta) -> str | None:
    if cause is MoveCause.REFUSED:
        return f"{plan.provider} does not ship it from {plan.location}"
    if cause is MoveCause.SHORT_PICK:
        return f"{plan.provider} does not have all of it at {plan.location}"
    if cause is MoveCause.MISSED_PICK:
        return f"{plan.provider} has not picked it, and most of the time to ship is over"
    trouble = health.too_long(plan.provider, wait)
    return f"{plan.provider} {trouble}" if trouble else None


def _against(
    order: Order, plan: ParcelPlan, offer: StockOffer, offers: Sequence[StockOffer], health: Health
) -> str | None:
    """Why this place is none; None: it is one."""
    short = [line.sku for line in plan.lines if offer.available.get(line.sku, 0) < line.quantity]
    if short:
        return f"has not enough of {', '.join(short)}"
    if (trouble := health.of_provider(offer.provider)) is not None:
        return f"is {offer.provider}'s, which is no better ({trouble})"
    if against(order, offer, ()) is not None:
        return f"does not ship to {order.ship_to.country}-{order.ship_to.region}"
    extra = _extra_cost(order, plan, offer, offers)
    if extra > order.terms.move_costs_at_most:
        return f"would cost about {extra} more, the seller allows {order.terms.move_costs_at_most}"
    return None


def _extra_cost(order: Order, plan: ParcelPlan, offer: StockOffer, offers: Sequence[StockOffer]) -> int:
    """Against where it is now; a place that is not known counts as one that ships for as little as any does."""
    here = next((one for one in offers if one.location == plan.location), None)
    units = sum(line.quantity for line in plan.lines)
    now = here.cost(order.ship_to, units) if here else SHIPPING[0]
    return max(0, offer.cost(order.ship_to, units) - now)


def _found(order: Order, offer: StockOffer, wrong: str, cause: MoveCause, extra: int) -> Elsewhere:
    where = near(offer.zone(order.ship_to))
    return Elsewhere(
        location=offer.location,
        provider=offer.provider,
        why=f"{wrong}; {offer.location} has all of it, {where}, for about {extra} more",
        automatic=cause in order.terms.moved_for,
        extra_cost=extra,
    )

"""Why an order ships from where it does, compact as it is kept with the order, and in words."""

from collections.abc import Sequence
from typing import Any, Final

from ordersaga.domain.amounts import format_amount
from ordersaga.domain.orders import Order, ParcelPlan, RouteRule
from ordersaga.domain.routing import NAME, REGION, SPLIT, STOP, Choice, Facts, Passed, StockOffer
from ordersaga.domain.values import Message

NAMED: Final = 10
"""Locations that were passed over and are named one by one; of more only the number is kept."""


class Why(Message):
    """What is kept of a choice: what was chosen, and what was passed over. `more`: others that were, not named."""

    chosen: tuple[Facts, ...]
    passed: tuple[Passed, ...]
    more: int = 0


def kept(choice: Choice) -> dict[str, Any] | None:
    """What is stored of a choice; None when there was nothing else to choose."""
    if not choice.passed:
        return None
    more = max(0, len(choice.passed) - NAMED)
    return {"chosen": choice.facts, "passed": choice.passed[:NAMED]} | ({"more": more} if more else {})


def near(zone: int) -> str:
    """How far a location is."""
    return f"in zone {zone}"


def told(plans: Sequence[ParcelPlan], why: Why, currency: str) -> list[str]:
    """Why those parcels ship from there that are still where the rules had put them; costs in the order's currency."""
    known = {facts.location: facts for facts in why.chosen}
    stay = [plan for plan in plans if plan.location in known]
    sentences = [_ships(plan, known[plan.location], currency) for plan in stay]
    return [*sentences, _not_from(why, currency)] if sentences else []


def told_briefly(order: Order, plan: ParcelPlan, offer: StockOffer) -> str:
    """Why a parcel ships from there, when nothing else was there to choose or nothing was kept of it."""
    return (
        f"Parcel {plan.parcel} ships from {plan.location} ({plan.provider}), {near(offer.zone(order.ship_to))}: "
        "the best place by the rules, with the fewest parcels."
    )


def _ships(plan: ParcelPlan, facts: Facts, currency: str) -> str:
    leaves = "leaves the same day" if facts.days == 0 else f"leaves in {facts.days} day{'s' * (facts.days > 1)}"
    where = f"{plan.location} ({plan.provider}), {near(facts.zone)}"
    cost = format_amount(facts.cost, currency)
    return f"Parcel {plan.parcel} ships from {where}: it costs about {cost} and {leaves}."


def _not_from(why: Why, currency: str) -> str:
    names = [f"{one.location} ({_fell(one, currency)})" for one in why.passed]
    more = [f"{why.more} more"] if why.more else []
    return f"Not from {', '.join([*names, *more])}."


def _fell(passed: Passed, currency: str) -> str:
    """The rule and what it saw. A measure of a plan of several parcels is the sum over them."""
    there, here = passed.measure, passed.best
    words = {
        STOP: "its provider is stopped for the order",
        REGION: "does not ship there",
        SPLIT: "has not all of it" if here == 1 else f"in none of the plans of {here} parcels that were compared",
        RouteRule.HEALTH: "its provider does not answer",
        RouteRule.BACKLOG: "its provider's lane is full for long",
        RouteRule.PROMISE: "would leave after the ship-by",
        RouteRule.ZONE: f"{there}, here {here}",
        RouteRule.CUT_OFF: f"leaves {there - here} day{'s' * (there - here > 1)} later",
        RouteRule.COST: f"about {format_amount(there - here, currency)} more",
        NAME: "as good, and the other comes first by name",
    }
    return f"{passed.rule}: {words.get(passed.rule, 'as told then')}"

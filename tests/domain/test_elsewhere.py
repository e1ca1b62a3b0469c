"""Where a parcel goes whose provider fails it, and what keeps it."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordersaga.domain.breakers import Breaker, BreakerState
from ordersaga.domain.dispatch import ABROAD, REGION, SHIPPING, Dispatch
from ordersaga.domain.elsewhere import (
    FIRST_PATIENCE,
    LEAST_PATIENCE,
    Health,
    look_elsewhere,
    patience,
)
from ordersaga.domain.lanes import LanePause
from ordersaga.domain.orders import MoveCause, ParcelPlan, RouteRule, SellerTerms
from ordersaga.domain.routing import StockOffer, route
from tests.domain.strategies import amounts, offers
from tests.fakes.samples import order

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
PLACED = order()
WELL = Health.of([], [])
USUAL = Dispatch()


def offer(
    location: str,
    units: int = 10,
    provider: str = "newegg",
    region: str = "NV",
    country: str = "US",
    dispatch: Dispatch = USUAL,
) -> StockOffer:
    """A place with so many units of everything in the order."""
    home = {"region": region, "country": country, "dispatch": dispatch}
    available = {line.sku: units for line in PLACED.lines}
    return StockOffer(location=location, provider=provider, available=available, **home)


def plan() -> ParcelPlan:
    """The parcel, at the only place there was."""
    found = route(PLACED, [offer("here", provider="shipbob")])
    assert found is not None
    return found[0]


def broken(provider: str) -> Breaker:
    """Its lane's."""
    return Breaker(lane=f"provider-{provider}", state=BreakerState.OPEN, since=NOW, reason="no answer", by="breaker")


def paused(provider: str, remaining: timedelta) -> LanePause:
    """Its lane, for so long."""
    until = NOW + remaining
    lane = f"provider-{provider}"
    return LanePause(lane=lane, paused_at=NOW, paused_until=until, reason="repairs", by="ada", remaining=remaining)


def test_it_goes_to_the_nearest_place_that_has_all_of_it() -> None:
    """Not back to where it is or was, and not where there is too little."""
    offers = [offer("here", provider="shipbob"), offer("was"), offer("far"), offer("short", 0, region="CA")]
    near = offer("near", region=PLACED.ship_to.region)
    found = look_elsewhere(PLACED, plan(), [*offers, near], WELL, MoveCause.REFUSED, ("was",), HOUR)
    assert (found.location, found.provider, found.automatic, found.extra_cost) == ("near", "newegg", True, 0)
    assert "shipbob does not ship it from here" in found.why
    found = look_elsewhere(PLACED, plan(), offers, WELL, MoveCause.REFUSED, ("was",), HOUR)
    assert found.location == "far"


def test_a_provider_that_is_no_better_is_no_place() -> None:
    """Its breaker is open, or its lane paused: then the parcel stays, and the reason says so."""
    health = Health.of([paused("newegg", HOUR)], [broken("shipbob")])
    offers = [offer("here", provider="shipbob"), offer("there")]
    found = look_elsewhere(PLACED, plan(), offers, health, MoveCause.UNAVAILABLE, (), HOUR)
    assert found.location is None
    assert "newegg's, which is no better" in found.why


@pytest.mark.parametrize(
    ("health", "moves"),
    [
        (WELL, False),
        (Health.of([], [broken("shipbob")]), True),
        (Health.of([paused("shipbob", HOUR / 5)], []), False),
        (Health.of([paused("shipbob", HOUR / 3)], []), True),
        (Health.of([paused("shipbob", HOUR / 5)], [broken("shipbob")]), True),
    ],
)
def test_silence_moves_it_only_when_the_lane_is_closed_for_too_long(health: Health, moves: bool) -> None:
    """A pause that leaves most of the time is waited for; nobody knows how long a breaker stays open."""
    found = look_elsewhere(PLACED, plan(), [offer("there")], health, MoveCause.UNAVAILABLE, (), HOUR)
    assert (found.location == "there") is moves


def test_the_sellers_terms_bound_it() -> None:
    """How often, for how much more, and for which causes by itself."""
    abroad = [offer("here", provider="shipbob", region=PLACED.ship_to.region), offer("abroad", country="CA")]
    found = look_elsewhere(PLACED, plan(), abroad, WELL, MoveCause.REFUSED, (), HOUR)
    assert found.location is None
    assert f"about {SHIPPING[ABROAD - 1] - SHIPPING[REGION - 1]} more" in found.why
    rich = PLACED.model_copy(update={"terms": SellerTerms(move_costs_at_most=5000, moved_for=())})
    found = look_elsewhere(rich, plan(), abroad, WELL, MoveCause.REFUSED, (), HOUR)
    assert (found.location, found.automatic) == ("abroad", False)
    found = look_elsewhere(rich, plan(), abroad, WELL, MoveCause.REFUSED, ("a", "b"), HOUR)
    assert found.location is None
    assert not look_elsewhere(PLACED, plan(), [offer("there")], WELL, MoveCause.MISSED_PICK, (), HOUR).automatic


def test_a_place_whose_provider_has_much_to_do_goes_behind_another() -> None:
    """However near it is; where there is no other, it is still a place."""
    here, near = offer("here", provider="shipbob"), PLACED.ship_to.region
    full, free = offer("full", provider="newegg", region=near), offer("free", provider="amazon_mcf")
    health = Health.of([], [], {"newegg"})
    found = look_elsewhere(PLACED, plan(), [here, full, free], health, MoveCause.REFUSED, (), HOUR)
    assert found.location == "free"
    found = look_elsewhere(PLACED, plan(), [here, full], health, MoveCause.REFUSED, (), HOUR)
    assert found.location == "full"


def test_patience_is_a_part_of_what_is_left_and_grows_with_each_look() -> None:
    """Never nothing, never more than there is without another place."""
    most = timedelta(hours=4)
    assert patience(NOW, NOW + timedelta(days=2), 0, most) == FIRST_PATIENCE
    assert patience(NOW, NOW + timedelta(minutes=20), 0, most) == timedelta(minutes=5)
    assert patience(NOW, NOW + timedelta(seconds=1), 0, most) == LEAST_PATIENCE
    assert patience(NOW, NOW - HOUR, 2, most) == 4 * FIRST_PATIENCE
    assert patience(NOW, NOW + timedelta(days=20), 9, most) == most


def test_places_are_ranked_as_for_a_new_order() -> None:
    """The seller's first rank counts first; a place that does not ship there, or asks too high a fee, is none."""
    here, near = offer("here", provider="shipbob"), PLACED.ship_to.region
    dear = offer("dear", region=near, dispatch=Dispatch(parcel_fee=300))
    never = offer("never", region=near, dispatch=Dispatch(zones="US:0"))
    fee = offer("fee", dispatch=Dispatch(unit_fee=501))
    cheap = offer("cheap", dispatch=Dispatch(shipping_by_zone=(0, 0, 0, 0)))
    found = look_elsewhere(PLACED, plan(), [here, cheap, dear, never], WELL, MoveCause.REFUSED, (), HOUR)
    assert found.location == "dear"
    by_cost = PLACED.model_copy(update={"terms": SellerTerms(route_by=(RouteRule.COST,))})
    found = look_elsewhere(by_cost, plan(), [here, cheap, dear, never], WELL, MoveCause.REFUSED, (), HOUR)
    assert found.location == "cheap"
    found = look_elsewhere(PLACED, plan(), [here, never, fee], WELL, MoveCause.REFUSED, (), HOUR)
    assert found.location is None
    assert "never does not ship to US-NY" in found.why
    assert "fee would cost about 501 more, the seller allows 500" in found.why


@given(offers(), amounts, st.integers(0, 10))
def test_a_move_never_costs_more_than_the_seller_allows(places: list[StockOffer], allowed: int, moves: int) -> None:
    """However places price their way: each move within the bound, and all of them within as many times that."""
    terms = SellerTerms(move_costs_at_most=allowed, moves_at_most=moves)
    placed = PLACED.model_copy(update={"terms": terms})
    parcels, tried, extra = route(placed, places), list[str](), 0
    known = {place.location: place for place in places}
    while parcels:
        found = look_elsewhere(placed, parcels[0], places, WELL, MoveCause.REFUSED, tried, HOUR)
        if found.location is None:
            break
        units = sum(line.quantity for line in parcels[0].lines)
        now, then = (known[name].cost(placed.ship_to, units) for name in (parcels[0].location, found.location))
        assert found.extra_cost == max(0, then - now) <= allowed
        tried, extra = [*tried, parcels[0].location], extra + found.extra_cost
        parcels = [parcels[0].model_copy(update={"location": found.location, "provider": found.provider})]
    assert len(tried) <= moves
    assert extra <= moves * allowed

"""The authorization clock: the cheapest way that is open, in time, and never one that is closed."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordersaga.domain.authorization_clock import (
    ASK_MARGIN,
    MARGIN,
    Clock,
    ClockAction,
    ReservationCosts,
    decide,
    reservation_wanted,
)
from ordersaga.domain.orders import SellerTerms

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
SOON, TOMORROW, LATER = NOW + 3 * HOUR, NOW + 20 * HOUR, NOW + 100 * HOUR
READY: dict[str, Any] = {"accepted": True, "early_capture": True}

CASES: dict[str, tuple[dict[str, Any], ClockAction, datetime | None]] = {
    "never lapses": ({"capture_before": None}, ClockAction.WAIT, None),
    "far away, only the buyer could help": ({"capture_before": LATER}, ClockAction.WAIT, LATER - ASK_MARGIN),
    "far away, the card is saved": (
        {"capture_before": LATER, "can_reauthorize": True},
        ClockAction.WAIT,
        LATER - MARGIN,
    ),
    "tomorrow, only the buyer could help": ({"capture_before": TOMORROW}, ClockAction.ASK_BUYER, None),
    "tomorrow, the card is saved": (
        {"capture_before": TOMORROW, "can_reauthorize": True},
        ClockAction.WAIT,
        TOMORROW - MARGIN,
    ),
    "tomorrow, capture allowed and accepted": (
        {"capture_before": TOMORROW, **READY},
        ClockAction.WAIT,
        TOMORROW - MARGIN,
    ),
    "tomorrow, capture allowed but not accepted": (
        {"capture_before": TOMORROW, "early_capture": True},
        ClockAction.ASK_BUYER,
        None,
    ),
    "soon, the account may extend": (
        {"capture_before": SOON, "can_extend_until": LATER, "can_reauthorize": True, **READY},
        ClockAction.EXTEND,
        None,
    ),
    "soon, extended already": (
        {"capture_before": SOON, "can_extend_until": SOON, "can_reauthorize": True},
        ClockAction.REAUTHORIZE,
        None,
    ),
    "soon, the card is saved and capture allowed": (
        {"capture_before": SOON, "can_reauthorize": True, **READY},
        ClockAction.REAUTHORIZE,
        None,
    ),
    "soon, capture allowed and accepted": ({"capture_before": SOON, **READY}, ClockAction.CAPTURE_EARLY, None),
    "soon, capture is the cheaper by the seller's costs": (
        {"capture_before": SOON, "can_reauthorize": True, "costs": ReservationCosts(capture_early=5), **READY},
        ClockAction.CAPTURE_EARLY,
        None,
    ),
    "soon, ship-by was missed": (
        {"capture_before": SOON, "ship_by": NOW - HOUR, **READY},
        ClockAction.ASK_BUYER,
        None,
    ),
    "soon, ship-by is later than a capture covers": (
        {"capture_before": SOON, "capture_covers_until": LATER - HOUR, **READY},
        ClockAction.ASK_BUYER,
        None,
    ),
    "soon, ship-by is the last moment a capture covers": (
        {"capture_before": SOON, "capture_covers_until": LATER, **READY},
        ClockAction.CAPTURE_EARLY,
        None,
    ),
    "lapsed, the card is saved": (
        {"capture_before": NOW - HOUR, "can_extend_until": LATER, "can_reauthorize": True, **READY},
        ClockAction.REAUTHORIZE,
        None,
    ),
    "lapsed, nothing saved": (
        {"capture_before": NOW, "can_extend_until": LATER, **READY},
        ClockAction.ASK_BUYER,
        None,
    ),
}

moments = st.integers(-200, 900).map(lambda hours: NOW + hours * HOUR)
costs = st.builds(ReservationCosts, **dict.fromkeys(ReservationCosts.model_fields, st.integers(0, 5)))
clocks = st.builds(
    Clock,
    now=st.just(NOW),
    capture_before=st.none() | moments,
    ship_by=moments,
    accepted=st.booleans(),
    can_reauthorize=st.booleans(),
    early_capture=st.booleans(),
    capture_covers_until=st.none() | moments,
    can_extend_until=st.none() | moments,
    costs=costs,
)


@pytest.mark.parametrize(("given_", "action", "at"), CASES.values(), ids=CASES.keys())
def test_each_case(given_: dict[str, Any], action: ClockAction, at: datetime | None) -> None:
    """The action, and for a wait the moment of the next look."""
    decision = decide(Clock(**{"now": NOW, "ship_by": LATER, **given_}))

    assert (decision.action, decision.at) == (action, at)
    assert decision.why


@given(clocks)
def test_only_a_wait_has_a_later_moment(clock: Clock) -> None:
    """A wait ends before the deadline, early enough to act; an action is for now."""
    decision = decide(clock)

    if decision.action is not ClockAction.WAIT or clock.capture_before is None:
        assert decision.at is None
    else:
        assert decision.at is not None
        assert clock.now < decision.at <= clock.capture_before - MARGIN


@given(clocks)
def test_a_closed_way_is_never_taken(clock: Clock) -> None:
    """Each action only where it can be done, and none on a reservation that is not there."""
    action, deadline = decide(clock).action, clock.capture_before
    if action is ClockAction.EXTEND:
        assert deadline is not None
        assert clock.can_extend_until is not None
        assert clock.now < deadline < clock.can_extend_until
    if action is ClockAction.REAUTHORIZE:
        assert clock.can_reauthorize
    if action is ClockAction.CAPTURE_EARLY:
        assert deadline is not None
        assert clock.accepted
        assert clock.early_capture
        assert clock.now < deadline
        assert clock.now <= clock.ship_by
    if deadline is None:
        assert action is ClockAction.WAIT


@given(clocks)
def test_looking_again_at_the_stated_moment_acts(clock: Clock) -> None:
    """Nothing changed meanwhile: no second wait, so no busy loop and no deadline slept through."""
    decision = decide(clock)
    if decision.at is not None:
        assert decide(clock.model_copy(update={"now": decision.at})).action is not ClockAction.WAIT


@given(clocks)
def test_the_buyer_is_asked_last_and_a_day_ahead(clock: Clock) -> None:
    """By the default costs: only when no other way is open, and no later than a day before where that is ahead."""
    clock = clock.model_copy(update={"costs": ReservationCosts()})
    decision, deadline = decide(clock), clock.capture_before
    if decision.action is ClockAction.ASK_BUYER:
        assert not clock.can_reauthorize
    helpless = not (clock.can_reauthorize or clock.can_extend_until or (clock.accepted and clock.early_capture))
    if helpless and deadline is not None and clock.now >= deadline - ASK_MARGIN:
        assert decision.action is ClockAction.ASK_BUYER


@given(clocks)
def test_a_way_that_costs_more_changes_nothing(clock: Clock) -> None:
    """Opening a dearer way beside the chosen one leaves the decision as it was."""
    dear = clock.model_copy(update={"costs": clock.costs.model_copy(update={"reauthorize": 1000, "ask_buyer": 0})})

    assert decide(dear.model_copy(update={"can_reauthorize": True})) == decide(
        dear.model_copy(update={"can_reauthorize": False})
    )


@pytest.mark.parametrize(
    ("allowed", "ship_within", "delay", "window", "wanted"),
    [
        (True, timedelta(days=2), timedelta(0), timedelta(0), False),
        (True, timedelta(days=4, hours=18), timedelta(0), timedelta(0), False),
        (True, timedelta(days=4, hours=18), HOUR, timedelta(0), True),
        (True, timedelta(days=10), timedelta(0), timedelta(0), True),
        (False, timedelta(days=10), timedelta(0), timedelta(0), False),
        (True, timedelta(days=2), timedelta(0), timedelta(days=3), True),
    ],
)
def test_a_longer_hold_is_asked_for_when_the_ordinary_one_is_too_short(
    allowed: bool, ship_within: timedelta, delay: timedelta, window: timedelta, wanted: bool
) -> None:
    """Only where the account may, and only beyond the shortest ordinary hold."""
    terms = SellerTerms(extended_authorization=allowed, ship_within=ship_within, hand_off_delay=delay)

    assert reservation_wanted(terms, window) is wanted

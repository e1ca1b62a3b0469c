"""What to do about a reservation whose deadline comes nearer than its goods: the cheapest way that is open.

The deadline is the one the bank states (`capture_before`), never one that is assumed. Costs are abstract points, set
beside each other by what each way risks; only their order decides.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from pydantic import AwareDatetime, NonNegativeInt

from ordersaga.domain.orders import SellerTerms
from ordersaga.domain.values import Value

MARGIN: Final = timedelta(hours=6)
"""How long before the deadline we act by ourselves: time for a bank that is down, and for a person."""

ASK_MARGIN: Final = timedelta(hours=24)
"""How long before the deadline a buyer is asked: people sleep."""

ORDINARY_HOLD: Final = timedelta(days=4, hours=18)
"""The shortest ordinary hold (Visa, merchant-initiated): only for what to ask for, before a deadline exists."""


class ClockAction(StrEnum):
    """What to do about a reservation, cheapest first by the default costs."""

    WAIT = "wait"
    EXTEND = "extend"
    REAUTHORIZE = "reauthorize"
    CAPTURE_EARLY = "capture_early"
    ASK_BUYER = "ask_buyer"


class ReservationCosts(Value):
    """What each way risks, in points.

    `extend`: nothing but a call. `reauthorize`: a decline, and two holds on the card for a while.
    `capture_early`: a refund's fee, and money taken before its goods left. `ask_buyer`: the sale.
    """

    extend: NonNegativeInt = 1
    reauthorize: NonNegativeInt = 10
    capture_early: NonNegativeInt = 25
    ask_buyer: NonNegativeInt = 100


class Clock(Value):
    """Where a reservation stands at `now`.

    `capture_before`: when it lapses; None: never. `ship_by`: when its goods are promised to leave.
    `accepted`: the provider has accepted the parcel. `can_reauthorize`: the card is saved for us.
    `early_capture`: the seller allows it. `capture_covers_until`: how late goods may follow a capture made now; None:
    without limit. `can_extend_until`: until when the account may have this hold extended; None: it may not.
    """

    now: AwareDatetime
    capture_before: AwareDatetime | None
    ship_by: AwareDatetime
    accepted: bool = False
    can_reauthorize: bool = False
    early_capture: bool = False
    capture_covers_until: AwareDatetime | None = None
    can_extend_until: AwareDatetime | None = None
    costs: ReservationCosts = ReservationCosts()


class ClockDecision(Value):
    """What to do: now, or for WAIT nothing until `at` (None: nothing will ever be due). `why` is for people."""

    action: ClockAction
    at: AwareDatetime | None = None
    why: str


_WHY: Final = {
    ClockAction.EXTEND: "the bank may hold the funds longer",
    ClockAction.REAUTHORIZE: "the card is saved, so a new reservation can replace this one",
    ClockAction.CAPTURE_EARLY: "the provider has the parcel, and the seller allows taking the money before it leaves",
    ClockAction.ASK_BUYER: "nothing else can keep the funds: the buyer must pay anew",
}


def decide(clock: Clock) -> ClockDecision:
    """The cheapest way that is open when its moment comes: WAIT before that moment, the way itself from then on.

    Asked again whenever something changes (accepted, extended, replaced). A hold that begins inside the margin is due
    at once: whoever renews in a loop must leave such a one to its capture.
    """
    deadline = clock.capture_before
    if deadline is None:
        return ClockDecision(action=ClockAction.WAIT, why="the reservation does not lapse")
    chosen = min(_open_ways(clock, deadline), key=lambda action: _cost(clock.costs, action))
    due = _due(chosen, deadline)
    if clock.now < due:
        return ClockDecision(action=ClockAction.WAIT, at=due, why=f"then: {_WHY[chosen]}")
    return ClockDecision(action=chosen, why=_WHY[chosen])


def reservation_wanted(terms: SellerTerms, order_window: timedelta = timedelta(0)) -> bool:
    """Whether to ask the bank, when authorizing, to hold the funds longer than usual.

    `order_window`: how much later than usual the seller's time begins (a pre-order, a wait for the shopper).
    """
    needed = order_window + terms.hand_off_delay + terms.ship_within
    return terms.extended_authorization and needed > ORDINARY_HOLD


def _due(action: ClockAction, deadline: datetime) -> datetime:
    return deadline - (ASK_MARGIN if action is ClockAction.ASK_BUYER else MARGIN)


def _cost(costs: ReservationCosts, action: ClockAction) -> int:
    return int(getattr(costs, action.value))


def _open_ways(clock: Clock, deadline: datetime) -> Iterator[ClockAction]:
    """What can be done at its moment. Not yet accepted is not open: hoping for it would leave the buyer no time."""
    moment = max(clock.now, _due(ClockAction.CAPTURE_EARLY, deadline))
    if moment < deadline and clock.can_extend_until is not None and clock.can_extend_until > deadline:
        yield ClockAction.EXTEND
    if clock.can_reauthorize:
        yield ClockAction.REAUTHORIZE
    if moment < deadline and clock.accepted and clock.early_capture and _covers(clock, moment):
        yield ClockAction.CAPTURE_EARLY
    yield ClockAction.ASK_BUYER


def _covers(clock: Clock, moment: datetime) -> bool:
    """Money is taken early only for a promise that still stands and that the capture covers."""
    until = clock.capture_covers_until
    return moment <= clock.ship_by and (until is None or clock.ship_by <= until)

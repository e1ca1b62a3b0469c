"""Lanes: one task queue per account at an outside company, what it may do a minute, and who goes first in it.

A lane's rate holds on the Temporal server, over any number of workers. It counts activities, and a company counts
calls: a label takes three, pollers and look-ups take theirs besides the lane. So a lane's activities get `SHARE` of
the calls that the company allows, divided by the calls of its usual activity.

When a company answers 429 all the same, its lane is paused for everybody until the moment the company named. The
record of that is one row for each lane (`LanePause`); whoever else has a reason to keep calls back uses the same.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Annotated, Final

from pydantic import AwareDatetime, Field, StringConstraints

from ordersaga.domain.values import Message

PAYMENTS: Final = "payments"
CARRIERS: Final = "carriers"
_NAMED_LANES: Final = {"easypost": CARRIERS}

SHARE: Final = 0.8
"""The part of a company's allowance that goes to the lane's activities; the rest is for pollers and second looks."""
LONGEST_PAUSE: Final = timedelta(minutes=10)
"""No company pauses a lane for longer by one answer, whatever it writes into its header."""
UNSTATED_PAUSE: Final = timedelta(seconds=5)
"""For a 429 that does not say how long; the next one begins another."""
LONGEST_BY_HAND: Final = timedelta(days=7)
"""A pause that a person forgot ends by itself."""

SHIPBOB_CALLS_PER_MINUTE: Final = 150
"""A sliding minute, for each user and application (https://developer.shipbob.com, "Rate limits")."""
EASYPOST_CALLS_PER_MINUTE: Final = 300
"""Five a second, published for listings; what else EasyPost takes follows its load, and is stated nowhere
(https://docs.easypost.com/guides/rate-limiting-guide). An account that was granted more has a setting for it."""
STRIPE_CALLS_PER_MINUTE: Final = 1500
"""Twenty-five a second on each endpoint, a hundred in all (https://docs.stripe.com/rate-limits)."""

LaneName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_.-]{1,100}$")]
Why = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300)]


def provider_lane(provider: str) -> str:
    """The lane of one provider."""
    return f"provider-{provider}"


def carrier_lane(account: str) -> str:
    """The lane of one carrier account; the first there was has kept its name."""
    return _NAMED_LANES.get(account, f"carrier-{account}")


def channel_lane(channel: str) -> str:
    """The lane of one shop at a marketplace."""
    return f"channel-{channel}"


def lane_story(lane: str) -> str:
    """The name under which what people did with a lane stands in the audit trail; no order can be called so."""
    return f"lane-{lane}"


@dataclass(frozen=True)
class Lane:
    """One task queue. `calls_per_minute`: what its company allows, None where nobody sets a limit (our own database).

    `calls_each`: of its usual activity.
    """

    name: str
    calls_per_minute: float | None = None
    calls_each: float = 1

    @property
    def rate(self) -> float | None:
        """Activities a second that its queue may hand out; None: as they come."""
        if self.calls_per_minute is None:
            return None
        return self.calls_per_minute * SHARE / self.calls_each / 60

    def wait(self, backlog: int, oldest: timedelta) -> timedelta:
        """How long what comes now waits: as long as its queue takes for the `backlog`, or as the `oldest` in it has."""
        takes = timedelta(seconds=backlog / self.rate) if self.rate else timedelta(0)
        return max(takes, oldest) if backlog else timedelta(0)


class LanePause(Message):
    """A lane that hands nothing out. `by`: `company` after a 429, else who asked for it."""

    lane: LaneName
    paused_at: AwareDatetime
    paused_until: AwareDatetime
    reason: Why
    by: str
    remaining: Annotated[timedelta, Field(ge=timedelta(0))]


def pause_after(asked: timedelta | None) -> timedelta:
    """How long a 429 pauses a lane. `asked`: what its header says, None where it says nothing."""
    wait = UNSTATED_PAUSE if asked is None else asked
    return min(max(wait, timedelta(0)), LONGEST_PAUSE)


class Urgency(IntEnum):
    """Who goes first in a lane; between equals, sellers take turns. The values are Temporal's priority keys."""

    UNDO = 1
    """Stop goods, give money back: later may be too late."""
    URGENT = 2
    """Overdue or nearly so; or somebody waits for the answer."""
    SOON = 3
    """Less than half of the time to ship is left."""
    IN_TIME = 4
    """There is time."""
    BACKGROUND = 5
    """Nobody waits: listings for reconciliation."""


_URGENT, _SOON = 0.25, 0.5


def urgency(now: datetime, ship_by: datetime, ship_within: timedelta) -> Urgency:
    """How much a parcel's call hurries: by its slack until `ship_by`, against the time the seller has for shipping."""
    slack = ship_by - now
    if slack <= _URGENT * ship_within:
        return Urgency.URGENT
    return Urgency.SOON if slack <= _SOON * ship_within else Urgency.IN_TIME

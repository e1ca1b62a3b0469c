"""Circuit breakers: an account at a company that fails is left alone, then tried with one call at a time.

| state | calls | until |
|---|---|---|
| closed | pass, and are counted | half of the last minute's failed |
| open | none passes | the delay is over; each further opening waits twice as long |
| half-open | one at a time, whichever process makes it | three in a row are answered, or one is not |

A call has failed when nobody answered it, or with a 5xx. A refusal is an answer, and so is a 429: that pauses the
lane. What is kept back was surely not sent. There is a breaker for each lane.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Final

from pydantic import AwareDatetime, Field

from ordersaga.domain.lanes import LaneName, Why
from ordersaga.domain.values import Message

WINDOW: Final = timedelta(minutes=1)
"""How far back calls count."""
LEAST_CALLS: Final = 8
"""Of fewer, no share says anything."""
FAILED_SHARE: Final = 0.5
"""Of the calls in the window: so many failed, and the breaker opens."""
FIRST_DELAY: Final = timedelta(seconds=5)
LONGEST_DELAY: Final = timedelta(minutes=5)
GOOD_PROBES: Final = 3
"""So many calls in a row must be answered before all may call again."""
PROBE_LEASE: Final = timedelta(seconds=60)
"""Longer than any call: a process that died with its probe keeps the next from it for no longer."""
PROBES_PER_MINUTE: Final = 60.0
"""What the lane's queue hands out meanwhile, in its own order: undoing first."""
BY_ITSELF: Final = "breaker"
_SLICE: Final = 5.0


class BreakerState(StrEnum):
    """Whether calls pass."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Breaker(Message):
    """One lane's breaker, by the database's clock.

    `next_probe`: from when one call at a time may pass, None while it is closed; `wait`: how long until then.
    `openings` in a row, and the `good` probes since the last. `forced_until`: a person set the state until then.
    """

    lane: LaneName
    state: BreakerState
    since: AwareDatetime
    reason: Why
    by: str
    openings: Annotated[int, Field(ge=0)] = 0
    good: Annotated[int, Field(ge=0)] = 0
    next_probe: AwareDatetime | None = None
    forced_until: AwareDatetime | None = None
    wait: Annotated[timedelta, Field(ge=timedelta(0))] = timedelta(0)

    def forced(self, now: datetime) -> bool:
        """Whether it stands as a person wants it."""
        return self.forced_until is not None and self.forced_until > now


def too_many_failed(calls: int, failed: int) -> bool:
    """Whether this opens a breaker."""
    return calls >= LEAST_CALLS and failed >= FAILED_SHARE * calls


def delay(openings: int) -> timedelta:
    """How long nothing passes after this many openings in a row."""
    doubled: int = 1 << min(max(openings, 1) - 1, 20)
    return min(FIRST_DELAY * doubled, LONGEST_DELAY)


def opened(standing: Breaker, now: datetime, reason: str) -> Breaker:
    """The breaker after too many calls failed; where a person has a say, or it is open already, as it is."""
    if standing.state is not BreakerState.CLOSED or standing.forced(now):
        return standing
    return _open(standing, now, reason, 1)


def probed(standing: Breaker, now: datetime, failure: str | None) -> Breaker:
    """The breaker after a probe. `failure`: why it was not answered, None for one that was."""
    if standing.state is BreakerState.CLOSED or standing.forced(now):
        return standing
    if failure is not None:
        return _open(standing, now, failure, standing.openings + 1, since=standing.since)
    if standing.good + 1 >= GOOD_PROBES:
        return _closed(standing, now, f"{GOOD_PROBES} calls in a row were answered", BY_ITSELF)
    return standing.model_copy(update={"good": standing.good + 1})


def forced(standing: Breaker, state: BreakerState, now: datetime, until: datetime, reason: str, by: str) -> Breaker:
    """The breaker as a person wants it until then: open passes nothing, closed everything."""
    if state is BreakerState.CLOSED:
        return _closed(standing, now, reason, by).model_copy(update={"forced_until": until})
    update = {"state": BreakerState.OPEN, "since": now, "reason": reason, "by": by, "good": 0}
    return standing.model_copy(update={**update, "next_probe": until, "forced_until": until})


def left_alone(standing: Breaker, now: datetime, reason: str, by: str) -> Breaker:
    """The same without a person's say: what was open is tried at once, what was closed counts again."""
    update: dict[str, object] = {"forced_until": None, "reason": reason, "by": by}
    if standing.state is not BreakerState.CLOSED:
        update |= {"next_probe": now, "good": 0}
    return standing.model_copy(update=update)


def _open(standing: Breaker, now: datetime, reason: str, openings: int, since: datetime | None = None) -> Breaker:
    update = {
        "state": BreakerState.OPEN,
        "since": since or now,
        "reason": reason,
        "by": BY_ITSELF,
        "openings": openings,
        "good": 0,
        "next_probe": now + delay(openings),
        "forced_until": None,
    }
    return standing.model_copy(update=update)


def _closed(standing: Breaker, now: datetime, reason: str, by: str) -> Breaker:
    update = {"state": BreakerState.CLOSED, "since": now, "reason": reason, "by": by, "openings": 0, "good": 0}
    return standing.model_copy(update={**update, "next_probe": None, "forced_until": None})


@dataclass
class Window:
    """The calls of one process on one lane in the last minute, in slices of five seconds."""

    clock: Callable[[], float]
    _slices: deque[list[float]] = field(default_factory=deque)

    def count(self, failed: bool) -> None:
        """One more call ended."""
        now = self.clock()
        if not self._slices or now - self._slices[-1][0] >= _SLICE:
            self._slices.append([now, 0, 0])
        self._slices[-1][1] += 1
        self._slices[-1][2] += failed

    def totals(self) -> tuple[int, int]:
        """Calls, and those of them that failed."""
        oldest = self.clock() - WINDOW.total_seconds()
        while self._slices and self._slices[0][0] <= oldest:
            self._slices.popleft()
        return int(sum(one[1] for one in self._slices)), int(sum(one[2] for one in self._slices))

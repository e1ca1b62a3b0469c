"""One clock for the whole simulation: the next event decides what time it is."""

import heapq
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

Action = Callable[[], None]
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def as_time(microseconds: int) -> datetime:
    """A point of virtual time as people write it."""
    return _EPOCH + microseconds * _MICROSECOND


def as_microseconds(time: datetime) -> int:
    """A time as the clock counts it: microseconds since 1970, UTC."""
    return (time - _EPOCH) // _MICROSECOND


def length(of: timedelta) -> int:
    """A duration in microseconds."""
    return of // _MICROSECOND


class VirtualClock:
    """Events in the order of their time; those of the same moment in the order they were set. `now`: microseconds."""

    def __init__(self, begins: datetime) -> None:
        self.now = as_microseconds(begins)
        self._set = 0
        self._events: list[tuple[int, int, Action]] = []

    @property
    def time(self) -> datetime:
        """Now, as people write it."""
        return as_time(self.now)

    def at(self, when: int, action: Action) -> None:
        """Have `action` done at `when` (microseconds); what is past is done now."""
        self._set += 1
        heapq.heappush(self._events, (max(when, self.now), self._set, action))

    def after(self, delay: int, action: Action) -> None:
        """The same, `delay` microseconds from now."""
        self.at(self.now + delay, action)

    def run(self, until: int | None = None) -> None:
        """Until nothing is left to happen, or nothing before `until`."""
        while self._events and (until is None or self._events[0][0] < until):
            self.now, _, action = heapq.heappop(self._events)
            action()

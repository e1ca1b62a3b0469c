"""A lane: calls wait for its rate, urgent ones first, sellers in turn, as Temporal's matching does it.

Within a priority every fairness key has a place of its own: a call stands behind the earlier ones of its key, and a key
that has waited for nothing yet starts where the lane is, so that it can neither save up nor lose turns.
"""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Generic, Protocol, TypeVar

from ordersaga.whatif.clock import VirtualClock

MINUTE: Final = 60_000_000


class Waiting(Protocol):
    """A call that waits. `priority`: 1 first. `gone`: it waits no more."""

    @property
    def priority(self) -> int: ...

    @property
    def fairness_key(self) -> str: ...

    @property
    def fairness_weight(self) -> float: ...

    @property
    def gone(self) -> bool: ...


W = TypeVar("W", bound=Waiting)


@dataclass
class _Turns:
    """Of one priority: where the lane is, and the place of each key's last call."""

    at: float = 0.0
    last: dict[str, float] = field(default_factory=dict)

    def next_of(self, call: Waiting) -> float:
        place = max(self.at, self.last.get(call.fairness_key, 0.0)) + 1.0 / (call.fairness_weight or 1.0)
        self.last[call.fairness_key] = place
        return place


class Lane(Generic[W]):
    """Hands calls to `serve`, at most `per_minute` of them (None: as they come; then it is not `limited`).

    `depths`: how many waited from when on, as (microseconds, calls).
    """

    def __init__(self, clock: VirtualClock, serve: Callable[[W], None], per_minute: float | None) -> None:
        self._clock = clock
        self._serve = serve
        self.limited = per_minute is not None
        self._every = MINUTE / per_minute if per_minute else 0.0
        self._free_at = float(clock.now)
        self._set = 0
        self._ringing = False
        self._turns: dict[int, _Turns] = {}
        self._calls: list[tuple[int, float, int, W]] = []
        self.depth = 0
        self.depths: list[tuple[int, int]] = []

    def add(self, call: W) -> None:
        """Take a place in it."""
        self._set += 1
        turns = self._turns.setdefault(call.priority, _Turns())
        heapq.heappush(self._calls, (call.priority, turns.next_of(call), self._set, call))
        self._changed(1)
        self._ring()

    def left(self) -> None:
        """A call that waited here waits no more."""
        self._changed(-1)

    def _changed(self, by: int) -> None:
        self.depth += by
        self.depths.append((self._clock.now, self.depth))

    def _ring(self) -> None:
        if not self._ringing:
            self._ringing = True
            self._clock.at(round(self._free_at), self._next)

    def _next(self) -> None:
        self._ringing = False
        while self._calls and self._calls[0][3].gone:
            heapq.heappop(self._calls)
        if not self._calls:
            return
        priority, place, _, call = heapq.heappop(self._calls)
        self._turns[priority].at = place
        self._free_at = max(self._free_at, self._clock.now) + self._every
        self._changed(-1)
        if self._calls:
            self._ring()
        self._serve(call)

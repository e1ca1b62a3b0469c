"""At most so many calls for each key, counted over a sliding window of real time."""

from collections import deque

from emulators.common.clock import Clock
from emulators.common.store import Store

_NAME = "rate_limit"


class SlidingLimit:
    """The number outlives a restart; the calls do not, as with a new process behind a balancer."""

    def __init__(self, store: Store, clock: Clock, limit: int, seconds: float) -> None:
        self._store, self._clock, self._seconds = store, clock, seconds
        self._calls: dict[str, deque[float]] = {}
        self.limit = int(store.value(_NAME) or limit)

    def set_limit(self, limit: int) -> None:
        """Change the limit and begin counting anew."""
        self.limit = limit
        self._store.set_value(_NAME, limit)
        self._calls.clear()

    def begin_anew(self) -> None:
        """Forget the calls and keep the limit, also when the store has been emptied."""
        self.set_limit(self.limit)

    def count(self, key: str) -> float | None:
        """Count a call; if there were too many, the seconds until one may be made again."""
        calls, now = self._recent(key), self._clock.now()
        if len(calls) >= self.limit:
            return calls[0] + self._seconds - now
        calls.append(now)
        return None

    def remaining(self, key: str) -> int:
        """How many calls the key may still make now."""
        return max(0, self.limit - len(self._recent(key)))

    def _recent(self, key: str) -> deque[float]:
        calls, edge = self._calls.setdefault(key, deque()), self._clock.now() - self._seconds
        while calls and calls[0] <= edge:
            calls.popleft()
        return calls

"""At most so many calls per minute and token, over a sliding minute of real time.

UPS publishes no number and sends no header with its 429: the default here is an assumption.
"""

from collections import deque
from typing import Final

from emulators.common import Answer, Clock, Store
from emulators.ups.errors import TOO_MANY, error_body

WINDOW_SECONDS: Final = 60.0
PER_MINUTE: Final = 600
_NAME: Final = "rate_limit"


class RateLimit:
    """Remembers recent calls in memory; the number outlives a restart."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._calls: dict[str, deque[float]] = {}
        self.per_minute = int(store.value(_NAME) or PER_MINUTE)

    def set_limit(self, per_minute: int) -> None:
        """Change the limit and begin counting anew."""
        self.per_minute = per_minute
        self._store.set_value(_NAME, per_minute)
        self._calls.clear()

    def take(self, token: str) -> Answer | None:
        """Count a call; the 429 answer when there were too many."""
        calls, edge = self._calls.setdefault(token, deque()), self._clock.now() - WINDOW_SECONDS
        while calls and calls[0] <= edge:
            calls.popleft()
        if len(calls) >= self.per_minute:
            return Answer.json(429, error_body(*TOO_MANY))
        calls.append(self._clock.now())
        return None

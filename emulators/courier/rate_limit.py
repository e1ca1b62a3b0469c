"""At most so many calls a minute and key, counted over a sliding minute of real time."""

import math
from collections import deque
from typing import Final

from emulators.common import Answer, Clock, Store
from emulators.courier.problems import problem

WINDOW_SECONDS: Final = 60.0
PER_MINUTE: Final = 600
_NAME: Final = "rate_limit"


class RateLimit:
    """Remembers recent calls in memory; the limit is kept in the store."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._calls: dict[str, deque[float]] = {}
        self.per_minute = int(store.value(_NAME) or PER_MINUTE)

    def set_limit(self, per_minute: int) -> None:
        """Change the limit and begin counting anew."""
        self.per_minute = per_minute
        self._store.set_value(_NAME, per_minute)
        self._calls.clear()

    def take(self, key: str) -> Answer | None:
        """Count a call; the 429 when there were too many."""
        calls, now = self._calls.setdefault(key, deque()), self._clock.now()
        while calls and calls[0] <= now - WINDOW_SECONDS:
            calls.popleft()
        if len(calls) < self.per_minute:
            calls.append(now)
            return None
        refused = problem("rate_limited", f"At most {self.per_minute} calls a minute.")
        wait = max(1, math.ceil(calls[0] + WINDOW_SECONDS - now))
        return Answer(refused.status, refused.body, {**refused.headers, "retry-after": str(wait)})

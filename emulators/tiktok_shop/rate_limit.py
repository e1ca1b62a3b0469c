"""At most so many calls a second for each shop, counted over a sliding second of real time.

TikTok sets the limit by load and publishes none; a 429 has the code 36009002, and `Retry-After` where it knows.
"""

from collections import deque
from typing import Final

from emulators.common import Answer, Clock, Store
from emulators.tiktok_shop import envelope

WINDOW_SECONDS: Final = 1.0
PER_SECOND: Final = 50
_NAME: Final = "rate_limit"


class RateLimit:
    """Remembers recent calls in memory: a restart forgets them."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._calls: dict[str, deque[float]] = {}
        self.per_second = int(store.value(_NAME) or PER_SECOND)

    def set_limit(self, per_second: int) -> None:
        """Change the limit and begin counting anew."""
        self.per_second = per_second
        self._store.set_value(_NAME, per_second)
        self._calls.clear()

    def begin_anew(self) -> None:
        """Forget the calls and keep the limit, also when the store has been emptied."""
        self.set_limit(self.per_second)

    def take(self, token: str) -> Answer | None:
        """Count a call; the 429 answer when there were too many."""
        calls, now = self._calls.setdefault(token, deque()), self._clock.now()
        while calls and calls[0] <= now - WINDOW_SECONDS:
            calls.popleft()
        if len(calls) < self.per_second:
            calls.append(now)
            return None
        return too_many()


def too_many() -> Answer:
    """Come back in a second."""
    return envelope.answer(429, envelope.TOO_MANY, "Too many requests.", {"retry-after": "1"})

"""At most so many calls a second for each shop.

TikTok sets the limit by load and publishes none; a 429 has the code 36009002, and `Retry-After` where it knows.
"""

from typing import Final

from emulators.common import Answer, Clock, Store
from emulators.common.rate_limit import SlidingLimit
from emulators.tiktok_shop import envelope

PER_SECOND: Final = 50


class RateLimit(SlidingLimit):
    """TikTok's answer to too many."""

    def __init__(self, store: Store, clock: Clock) -> None:
        super().__init__(store, clock, PER_SECOND, 1.0)

    def take(self, token: str) -> Answer | None:
        """Count a call; the 429 answer when there were too many."""
        return None if self.count(token) is None else too_many()


def too_many() -> Answer:
    """Come back in a second."""
    return envelope.answer(429, envelope.TOO_MANY, "Too many requests.", {"retry-after": "1"})

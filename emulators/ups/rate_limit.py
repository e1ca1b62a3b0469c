"""At most so many calls a minute and token.

UPS publishes no number and sends no header with its 429: the default here is an assumption.
"""

from typing import Final

from emulators.common import Answer, Clock, Store
from emulators.common.rate_limit import SlidingLimit
from emulators.ups.errors import TOO_MANY, error_body

PER_MINUTE: Final = 600


class RateLimit(SlidingLimit):
    """UPS's answer to too many."""

    def __init__(self, store: Store, clock: Clock) -> None:
        super().__init__(store, clock, PER_MINUTE, 60.0)

    def take(self, token: str) -> Answer | None:
        """Count a call; the 429 answer when there were too many."""
        return None if self.count(token) is None else Answer.json(429, error_body(*TOO_MANY))

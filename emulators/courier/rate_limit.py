"""At most so many calls a minute and key."""

import math
from typing import Final

from emulators.common import Answer, Clock, Store
from emulators.common.rate_limit import SlidingLimit
from emulators.courier.problems import problem

PER_MINUTE: Final = 600


class RateLimit(SlidingLimit):
    """The courier's own number."""

    def __init__(self, store: Store, clock: Clock) -> None:
        super().__init__(store, clock, PER_MINUTE, 60.0)

    def take(self, key: str) -> Answer | None:
        """Count a call; the 429 when there were too many."""
        if (wait := self.count(key)) is None:
            return None
        refused = problem("rate_limited", f"At most {self.limit} calls a minute.")
        return Answer(refused.status, refused.body, {**refused.headers, "retry-after": str(max(1, math.ceil(wait)))})

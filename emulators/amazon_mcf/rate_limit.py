"""A token bucket for each operation and access token: 2 requests a second, 30 at once, unless told otherwise.

Beyond it Amazon answers 429 QuotaExceeded; every other answer tells the rate as ``x-amzn-RateLimit-Limit`` ("Usage
Plans and Rate Limits in the Selling Partner API"). The inventory summaries have a burst of 2.
"""

from typing import Final

from emulators.common import Clock, Store

PER_SECOND: Final = 2.0
BURST: Final = 30
SMALL_BURSTS: Final = {"getInventorySummaries": 2}
_NAME: Final = "rate_limit"


class RateLimit:
    """Buckets in memory: a restart fills them, as a new process behind a balancer would."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._buckets: dict[tuple[str, str], tuple[float, float]] = {}
        told: tuple[float, int | None] = store.value(_NAME) or (PER_SECOND, None)
        self.per_second, self.burst = told

    def set_limit(self, per_second: float, burst: int | None) -> None:
        """Change the limit of every operation and fill the buckets."""
        self.per_second, self.burst = per_second, burst
        self._store.set_value(_NAME, (per_second, burst))
        self._buckets.clear()

    def begin_anew(self) -> None:
        """Fill the buckets and keep the limit, also when the store has been emptied."""
        self.set_limit(self.per_second, self.burst)

    def take(self, account: str, operation: str) -> bool:
        """Count a call; False when the bucket is empty."""
        most = self.burst or SMALL_BURSTS.get(operation, BURST)
        now = self._clock.now()
        left, at = self._buckets.get((account, operation), (float(most), now))
        left = min(float(most), left + (now - at) * self.per_second)
        taken = left >= 1
        self._buckets[account, operation] = (left - 1 if taken else left, now)
        return taken

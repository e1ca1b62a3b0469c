"""How often a key may ask: a bucket of tokens for each key, in the memory of each API process.

A bucket holds `burst` tokens and gets `per_second` new ones each second; a request takes one. Without a token the
answer is `429` with `Retry-After`. Several processes give a key as many times as much: what one takes in is bounded by
its overload limit in any case.
"""

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ordersaga.api.problems import Problem

MOST: Final = 50_000
"""Buckets that are kept; the one that was asked longest ago goes first, and is full when it comes back."""


@dataclass
class _Bucket:
    tokens: float
    at: float


class Rates:
    """The buckets of one process. `per_second` 0: nobody is held back."""

    def __init__(self, per_second: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_second, self._burst = per_second, burst
        self._clock = clock
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def take(self, name: str) -> None:
        """One request of whoever is called so. Problem 429 when that is more than it may."""
        if not self._per_second:
            return
        now = self._clock()
        bucket = self._bucket(name, now)
        bucket.tokens = min(self._burst, bucket.tokens + (now - bucket.at) * self._per_second)
        bucket.at = now
        if bucket.tokens < 1:
            wait = math.ceil((1 - bucket.tokens) / self._per_second)
            detail = f"this key asks more than {self._per_second:g} times a second; go on after Retry-After"
            raise Problem(429, "too_many_requests", detail, headers={"Retry-After": str(max(1, wait))})
        bucket.tokens -= 1

    def _bucket(self, name: str, now: float) -> _Bucket:
        found = self._buckets.get(name)
        if found is None:
            while len(self._buckets) >= MOST:
                self._buckets.popitem(last=False)
            found = self._buckets[name] = _Bucket(self._burst, now)
        self._buckets.move_to_end(name)
        return found

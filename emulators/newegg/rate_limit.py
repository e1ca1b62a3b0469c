"""Each function's own limit for a seller, counted over a sliding window of real time.

The numbers are those of each function's page ("Resource Information"); the 429, its body and its headers those of
"Throttling". The format of `X-RateLimit-ResetTime` is not published: the one of the messages on that page is used.
"""

import math
import re
from collections import deque
from datetime import datetime
from typing import Final

from emulators.common import Answer, Call, Clock, Store
from emulators.newegg.times import PACIFIC

HOUR: Final = 3600.0
LIMITS: Final[dict[str, tuple[str, str, int, float]]] = {
    "submitfeed": ("POST", r"/datafeedmgmt/feeds/submitfeed$", 1000, HOUR),
    "feed status": ("PUT", r"/datafeedmgmt/feeds/status$", 10_000, HOUR),
    "feed result": ("GET", r"/datafeedmgmt/feeds/result/", 10_000, HOUR),
    "order information": ("PUT", r"/ordermgmt/order/orderinfo$", 1000, HOUR),
    "order status": ("GET", r"/ordermgmt/orderstatus/orders/", 500, HOUR),
    "cancel order": ("PUT", r"/ordermgmt/orderstatus/orders/", 1000, HOUR),
    "cancellation result": ("GET", r"/ordermgmt/sbnorder/cancellationresult/", 1000, 60.0),
    "batch inventory": ("POST", r"/contentmgmt/item/international/inventorylist$", 10_000, HOUR),
}
TOO_MANY: Final = [{"Code": "429", "Message": "Too many request."}]
_NAME: Final = "per_hour"


class RateLimit:
    """Remembers recent calls in memory: a restart forgets them, as a new process behind a balancer would."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._calls: dict[tuple[str, str], deque[float]] = {}
        self._per_hour: int | None = store.value(_NAME)

    def set_limit(self, per_hour: int | None) -> None:
        """One limit for each function, or each its own; begin counting anew."""
        self._per_hour = per_hour
        self._store.set_value(_NAME, per_hour)
        self._calls.clear()

    def begin_anew(self) -> None:
        """Forget the calls and keep the limit, also when the store has been emptied."""
        self.set_limit(self._per_hour)

    def take(self, seller: str, call: Call) -> Answer | None:
        """Count a call; the 429 answer when there were too many."""
        function = _function(call)
        if function is None:
            return None
        limit, window = self._allowed(function)
        calls, now = self._recent(seller, function, window), self._clock.now()
        if len(calls) < limit:
            calls.append(now)
            return None
        return Answer.json(429, TOO_MANY, headers(limit, 0, calls[0] + window))

    def _allowed(self, function: str) -> tuple[int, float]:
        _, _, limit, window = LIMITS[function]
        return (limit, window) if self._per_hour is None else (self._per_hour, HOUR)

    def _recent(self, seller: str, function: str, window: float) -> deque[float]:
        calls, edge = self._calls.setdefault((seller, function), deque()), self._clock.now() - window
        while calls and calls[0] <= edge:
            calls.popleft()
        return calls


def headers(limit: int, remaining: int, reset_at: float) -> dict[str, str]:
    """What a limited answer tells of the limit."""
    reset = datetime.fromtimestamp(math.ceil(reset_at), PACIFIC)
    return {
        "X-RateLimit-Limit": str(limit),
        "X-RateLimit-Remaining": str(remaining),
        "X-RateLimit-ResetTime": f"{reset:%Y-%m-%d %H:%M:%S}",
    }


def _function(call: Call) -> str | None:
    return next(
        (name for name, (method, path, _, _) in LIMITS.items() if call.method == method and re.search(path, call.path)),
        None,
    )

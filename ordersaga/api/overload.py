"""Overload: more orders than can be answered in time are refused at once, before anything of them is stored.

| reason | when |
|---|---|
| `queue` | the seller's own queue is longer than `overload_wait`; other sellers' orders are taken |
| `lag` | the process itself cannot keep up; of callers with more than `FEW` orders under way, before the body is read |
| `line` | `JOINING` shoppers join the lines of sold-out SKUs at this moment; orders for what is left are taken |

Counted with them are orders refused with `409` by heart: `sold_out` (nothing is left, and the shopper does not wait or
cannot), and `stopped` (by an operator).

The answer to overload is `503` `overloaded` with `Retry-After`, spread over a few seconds: those who are told to come
back do not all come back at once. Once an order is accepted it is never answered so.
"""

import asyncio
import itertools
import math
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from typing import Final

from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Receive, Scope, Send

from ordersaga.api.problems import Problem
from ordersaga.beside import beside
from ordersaga.domain.live import LATELY

FEW: Final = 8
"""A caller with no more orders than this under way is not refused for the process's lag."""
JOINING: Final = 25
"""So many shoppers join lines at once: a quarter of a batch, so that who buys is not held up by who only waits."""
TICK: Final = 0.025
LAG_SHARE: Final = 0.25
"""How much of `overload_wait` one turn of the event loop may take: an order takes a few of them."""
SPREAD: Final = 4
"""Over how many seconds those who are refused come back."""


class Refusals(Collector):
    """Checkouts that were refused before anything of them was stored, by reason."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.counts: Counter[str] = Counter()
        self._clock = clock
        self._seconds: dict[int, Counter[tuple[str, str]]] = {}

    def add(self, reason: str, seller: str = "") -> None:
        """One more. `seller`: empty where it is not known."""
        self.counts[reason] += 1
        self._seconds.setdefault(self._now(), Counter())[seller, reason] += 1

    def lately(self) -> Mapping[str, Mapping[str, int]]:
        """Those of the last `LATELY` seconds, by seller and reason."""
        self._now()
        found: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for counts in self._seconds.values():
            for (seller, reason), count in counts.items():
                found[seller][reason] += count
        return found

    def _now(self) -> int:
        """The second it is; those that are over are forgotten."""
        now = int(self._clock())
        for second in [second for second in self._seconds if second <= now - LATELY]:
            del self._seconds[second]
        return now

    def collect(self) -> Iterable[CounterMetricFamily]:
        """The counter; a reason that never applied has no sample."""
        help_text = (
            "Checkouts refused by this process before anything was stored: "
            "503 overloaded (queue, lag, line), 409 by heart (sold_out, stopped)."
        )
        family = CounterMetricFamily("ordersaga_checkouts_refused", help_text, labels=("reason",))
        for reason, count in sorted(self.counts.items()):
            family.add_metric((reason,), count)
        yield family


class Overload:
    """Decides what is refused, and counts it. `lag`: seconds that the event loop is late, twice in a row."""

    def __init__(self, longest_wait: timedelta) -> None:
        self._longest = longest_wait.total_seconds()
        self._seconds = itertools.cycle(range(SPREAD))
        self._under_way: Counter[bytes] = Counter()
        self.refusals = Refusals()
        self.lag = self._late = 0.0
        self._joining = 0

    @contextmanager
    def joining(self) -> Iterator[None]:
        """Somebody joins a line until the block ends; problem 503 when too many do already."""
        if self._joining >= JOINING:
            raise self._problem("line", 1.0)
        self._joining += 1
        try:
            yield
        finally:
            self._joining -= 1

    def check(self, expected_wait: float, seller: str = "") -> None:
        """Problem 503 when an order of the seller would wait for longer than it may."""
        if expected_wait > self._longest:
            raise self._problem("queue", expected_wait, seller)

    def begin(self, caller: bytes) -> Problem | None:
        """Count an order of the caller as under way, until `end`; or the problem to answer instead."""
        if self.lag > self._longest * LAG_SHARE and self._under_way[caller] >= FEW:
            return self._problem("lag", self.lag)
        self._under_way[caller] += 1
        return None

    def end(self, caller: bytes) -> None:
        """The order is answered."""
        self._under_way[caller] -= 1
        if not self._under_way[caller]:
            del self._under_way[caller]

    def _problem(self, reason: str, wait: float, seller: str = "") -> Problem:
        self.refusals.add(reason, seller)
        seconds = math.ceil(min(wait, SPREAD)) + next(self._seconds)
        detail = "too many orders at once; nothing was stored: send the same request again after Retry-After"
        return Problem(503, "overloaded", detail, headers={"Retry-After": str(seconds)})

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Measure the event loop's lag until the block ends."""
        async with beside(self._watch()):
            yield

    async def _watch(self) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            due = clock() + TICK
            await asyncio.sleep(TICK)
            self.ticked(clock() - due)

    def ticked(self, late: float) -> None:
        """A tick was late by this many seconds. One late tick is a hiccup; two in a row are a lag."""
        self.lag, self._late = min(self._late, late), late


class OverloadLimit:
    """ASGI middleware: while the process lags, orders of busy callers are refused before their body is read."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] != "http" or scope["path"] != "/v1/orders" or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        overload: Overload = scope["app"].state.overload
        caller = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
        refused = overload.begin(caller)
        if refused is not None:
            await refused.response()(scope, receive, send)
            return
        try:
            await self._app(scope, receive, send)
        finally:
            overload.end(caller)

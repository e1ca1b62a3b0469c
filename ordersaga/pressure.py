"""Whether there is room to start an order's saga now and wait for it, or whether it is left to the starters.

pressure = Pressure(Window(64, timedelta(seconds=2)), services.starting.backlog)
if pressure.may_start(order.seller):
    with pressure.inline(order.seller) as trip:
        answer = await client.place(order, wait)
        trip.waited(decided=answer is not None)
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from typing import Final, Self

import structlog

from ordersaga.domain.errors import OrdersagaError, RetryError
from ordersaga.domain.starting import FEW, Backlog, Window

EVERY: Final = 0.5
"""Seconds between two looks at the backlog, while there are checkouts."""
STALE: Final = 2.0
"""Seconds after which a look says nothing any more."""
_SMOOTH: Final = 0.2

Reader = Callable[[], Awaitable[Backlog]]
log = structlog.get_logger(__name__)


class Pressure:
    """Decides for one process that accepts orders. Counters: `inline_total` and `left_total`, since it started."""

    def __init__(
        self, window: Window, read: Reader | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`read` is asked for the backlog now and then; without it somebody calls `saw`."""
        self.window = window
        self.inline_total = self.left_total = 0
        self.start_seconds = self.confirm_seconds = 0.0
        self._read = read
        self._clock = clock
        self._reading: asyncio.Task[None] | None = None
        self._next_look = 0.0
        self._mine: Counter[str] = Counter()
        self._begun = 0
        self._left: dict[str, deque[float]] = {}
        self._shut = False
        self._backlog, self._others, self._seen_at = Backlog(), 0, -STALE

    def may_start(self, seller: str) -> bool:
        """Whether an order of this seller may be started now: no queue of its own waits, and there is room.

        Beyond the window some room is kept for sellers without a queue, whatever one of them does.
        """
        self._look()
        size, reserve, mine = self.window.size, self.window.reserve, self._mine.total()
        if self._waits(seller) or mine >= size + reserve or self._mine[seller] >= size:
            return False
        granted = not self._full() or self._mine[seller] < reserve
        self.inline_total += granted
        return granted

    def leave(self, seller: str) -> None:
        """An order of this seller is left to the starters: those that come after it do not overtake it."""
        self.left_total += 1
        self._left.setdefault(seller, deque(maxlen=FEW)).append(self._clock())

    def inline(self, seller: str) -> "Trip":
        """An order that is started, or asked about, from here; it counts from now on, until its block ends."""
        return Trip(self, seller, self._clock())

    def saw(self, backlog: Backlog, began: float | None = None) -> None:
        """What a look at the database that began then has found."""
        self._seen_at = self._clock() if began is None else began
        self._backlog, self._begun = backlog, 0
        self._others = max(0, backlog.under_way - self._mine.total())
        since = self._seen_at - EVERY
        recent = {seller: deque((at for at in left if at > since), FEW) for seller, left in self._left.items()}
        self._left = {seller: left for seller, left in recent.items() if left}

    def under_way(self) -> int:
        """How many sagas are on their way, as far as is known here."""
        known = self._others + self._begun if self._fresh() else 0
        return known + self._mine.total()

    def _fresh(self) -> bool:
        return self._clock() - self._seen_at < STALE

    def _waits(self, seller: str) -> bool:
        known = self._fresh() and seller in self._backlog.sellers
        return known or sum(self._clock() - at < STALE for at in self._left.get(seller, ())) >= FEW

    def _full(self) -> bool:
        """Full once the window is; open again when a share of it is free, so that it does not flutter."""
        size = self.window.size
        enough = min(size - 1, size - self.window.share) if self._shut else size - 1
        self._shut = self.under_way() > enough
        return self._shut

    def _look(self) -> None:
        """See to it that the backlog is read, behind the back of this checkout; it is not read when nobody comes."""
        if self._read is None or self._reading or self._clock() < self._next_look:
            return
        self._reading = asyncio.create_task(self._see(self._read))

    async def _see(self, read: Reader) -> None:
        began = self._clock()
        try:
            self.saw(await read(), began)
        except OrdersagaError as error:
            log.warning("backlog_unknown", code=error.code, error=error.message)
        finally:
            ended = self._clock()
            self._next_look = ended + max(EVERY, 10 * (ended - began))
            self._reading = None

    def _heard(self, trip: "Trip", *, decided: bool, waited: bool) -> None:
        now, used = self._clock(), self.window.is_used(self.under_way())
        took = now - trip.began
        if not waited:
            self._begun += 1
            self.start_seconds = _smoothed(self.start_seconds, took)
            return
        if decided:
            self.confirm_seconds = _smoothed(self.confirm_seconds, took)
        if decided or self.window.is_late(took):  # who waited no longer than that and heard nothing knows nothing
            self.window.saw(trip.began, now, used=used)


class Trip:
    """One order on its way from here. A saga out of reach makes the window smaller."""

    def __init__(self, pressure: Pressure, seller: str, began: float) -> None:
        self._pressure = pressure
        self._seller = seller
        self.began = began
        pressure._mine[seller] += 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, RetryError):
            self._pressure.window.cut(self._pressure._clock())
        self._pressure._mine[self._seller] -= 1
        self._pressure._mine += Counter()  # forgets who has none left

    def started(self) -> None:
        """Its saga is started; nobody waits for the outcome."""
        self._pressure._heard(self, decided=False, waited=False)

    def waited(self, *, decided: bool) -> None:
        """Somebody has waited for the outcome, which is known now, or not yet."""
        self._pressure._heard(self, decided=decided, waited=True)


def _smoothed(known: float, newest: float) -> float:
    return known + (newest - known) * (_SMOOTH if known else 1.0)

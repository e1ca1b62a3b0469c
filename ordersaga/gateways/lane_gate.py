"""The gate before every call of a company: closed while its lane is paused or its breaker open, everywhere.

The lane's task queue hands out nothing then; the gate keeps back what had been handed out before, what runs inside a
workflow task, and the pollers. What is said here may be out of date by `FRESH`, where nobody listens to NOTIFY.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from ordersaga.breaker_ports import BreakerStore
from ordersaga.domain.errors import OrdersagaError, RateLimitedError, RetryError
from ordersaga.domain.lanes import LanePause, pause_after
from ordersaga.gateways.breakers import Breakers, Passage
from ordersaga.gateways.lane_calls import watched
from ordersaga.ports import LaneGate, LanePauses

COMPANY: Final = "company"
FRESH: Final = 1.0
"""Seconds for which one reading of the pauses is believed."""
WAITED_OUT: Final = timedelta(seconds=1)
"""A rest of a pause this short is waited for; a call that would wait longer is given back, to come again."""


class OpenGate:
    """A gate that nobody closes: for a gateway that belongs to no lane."""

    @asynccontextmanager
    async def passing(self) -> AsyncIterator[Passage]:
        """Always."""
        yield Passage("")


OPEN: Final[LaneGate] = OpenGate()


@dataclass(frozen=True)
class _Closed:
    until: float
    reason: str


class LaneGates:
    """The gates of one process, all of which know what one reading told.

    Args:
        pauses: where they are recorded.
        clock: seconds that only ever grow.
        breakers: where breakers are recorded; None: none ever opens.
    """

    def __init__(
        self,
        pauses: LanePauses,
        clock: Callable[[], float] = time.monotonic,
        breakers: BreakerStore | None = None,
    ) -> None:
        self._pauses, self._clock = pauses, clock
        self.breakers = Breakers(breakers, clock)
        self._closed: dict[str, _Closed] = {}
        self._read_at = self._told_at = float("-inf")
        self._telling = 0
        self._reading = asyncio.Lock()

    def of(self, lane: str) -> LaneGate:
        """The gate of one lane."""
        return _Gate(self, lane)

    async def refresh(self) -> Sequence[LanePause]:
        """Read pauses and breakers now. RetryError when the database does not answer: what was known stays."""
        await self.breakers.refresh()
        began = self._clock()
        told = await self._pauses.pauses()
        if self._telling or began < self._told_at:
            return told  # older than what we know ourselves; the next look reads again
        self._closed = {
            pause.lane: _Closed(began + pause.remaining.total_seconds(), f"{pause.by}: {pause.reason}")
            for pause in told
        }
        self._read_at = began
        return told

    async def wait_open(self, lane: str) -> None:
        """Return when the lane is open, or raises RetryError `lane_paused` where that is not soon."""
        await self._look()
        while (closed := self._closed.get(lane)) and (left := closed.until - self._clock()) > 0:
            if left > WAITED_OUT.total_seconds():
                why = f"{lane} is paused for {left:.0f} s ({closed.reason})"
                raise RetryError("lane_paused", why, retry_after=timedelta(seconds=left))
            await asyncio.sleep(left)

    async def _look(self) -> None:
        """Once for all who ask together; the database's silence closes no lane."""
        if self._is_fresh():
            return
        async with self._reading:
            if not self._is_fresh():
                with suppress(OrdersagaError):
                    await self.refresh()

    def _is_fresh(self) -> bool:
        return self._clock() - self._read_at < FRESH

    async def close(self, lane: str, error: RateLimitedError) -> None:
        """The company limits us: kept back here at once, and recorded for everybody."""
        wait, why = pause_after(error.retry_after), error.message
        if error.retry_after is not None and error.retry_after > wait:
            why = f"{why} for {error.retry_after}, of which we keep {wait}"
        until = self._clock() + wait.total_seconds()
        known = self._closed.get(lane)
        if known is None or known.until < until:
            self._closed[lane] = _Closed(until, why)
        self._telling += 1
        try:
            with suppress(OrdersagaError):  # the next 429 tells again
                await self._pauses.pause(lane, wait, why, COMPANY)
        finally:
            self._telling -= 1
            self._told_at = self._clock()


@dataclass(frozen=True)
class _Gate:
    gates: LaneGates
    lane: str

    @asynccontextmanager
    async def passing(self) -> AsyncIterator[Passage]:
        """Around one call."""
        with watched(self.lane) as call:
            await self.gates.wait_open(self.lane)
            passage = call.let_through(await self.gates.breakers.enter(self.lane))
            try:
                yield passage
            except BaseException as error:
                if isinstance(error, RateLimitedError):
                    await self.gates.close(self.lane, error)
                await self.gates.breakers.leave(passage, error)
                raise
            await self.gates.breakers.leave(passage)

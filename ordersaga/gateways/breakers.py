"""The breakers as one process sees them: what it counts and tells, what it keeps back, and the probes it makes."""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID, uuid4

from ordersaga.breaker_ports import BreakerStore
from ordersaga.domain.breakers import Breaker, BreakerState, Window
from ordersaga.domain.errors import OrdersagaError, RateLimitedError, RetryError

BREAKER_OPEN: Final = "breaker_open"
TELL_EVERY: Final = 5.0
"""Seconds between two tellings of calls that went well; one that failed is told at once."""
PROBE_AGAIN: Final = timedelta(seconds=2)
"""When a call comes again that met another one's probe."""


@dataclass
class Passage:
    """One call on its way. `probe`: it is the one that may try an open breaker."""

    lane: str
    probe: UUID | None = None
    failure: str | None = None

    def answered(self, status: int) -> None:
        """An HTTP answer that raises nothing here: a 5xx is none."""
        if status >= 500:
            self.failed(f"answered {status}")

    def failed(self, why: str) -> None:
        """Nobody answered."""
        self.failure = why


@dataclass(frozen=True)
class _Standing:
    """`until`: from when one may be tried, None while it is closed."""

    breaker: Breaker
    until: float | None


class Breakers:
    """The breakers of all lanes, in one process.

    Args:
        store: where they are recorded; None: none ever opens.
        clock: seconds that only ever grow.
    """

    def __init__(self, store: BreakerStore | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._store, self._clock = store, clock
        self._process = uuid4()
        self._standing: dict[str, _Standing] = {}
        self._windows: dict[str, Window] = {}
        self._told_at: dict[str, float] = {}

    def known(self) -> Mapping[str, Breaker]:
        """As they were read last, by lane."""
        return {lane: standing.breaker for lane, standing in self._standing.items()}

    async def refresh(self) -> None:
        """Read them now; what was counted before a change counts no more. RetryError while the database is away."""
        if self._store is None:
            return
        began, before = self._clock(), self._standing
        self._standing = {one.lane: _seen(one, began) for one in await self._store.breakers()}
        for lane, standing in self._standing.items():
            old = before.get(lane)
            if old is None or old.breaker.since != standing.breaker.since or standing.until is not None:
                self._windows.pop(lane, None)

    async def enter(self, lane: str) -> Passage:
        """Begin a call. Raises RetryError `breaker_open` where none may be made now: it was surely not sent."""
        standing = self._standing.get(lane)
        if self._store is None or standing is None or standing.until is None:
            return Passage(lane)
        left = standing.until - self._clock()
        if left <= 0:
            if (probe := await self._store.take_probe(lane)) is not None:
                return Passage(lane, probe)
            await self.refresh()  # it may have closed meanwhile
            standing = self._standing[lane]
            if standing.until is None:
                return Passage(lane)
        wait = timedelta(seconds=left) if left > 0 else PROBE_AGAIN
        why = f"{lane} is not called for now ({standing.breaker.by}: {standing.breaker.reason})"
        raise RetryError(BREAKER_OPEN, why, retry_after=wait)

    async def leave(self, passage: Passage, error: BaseException | None = None) -> None:
        """The call ended; `error` is what it raised. The database's silence keeps nobody from going on."""
        if self._store is None:
            return
        said = _said(passage, error)
        with suppress(OrdersagaError):
            if passage.probe is not None:
                await self._end_probe(self._store, passage, passage.probe, said)
            elif said is not None:
                await self._count(self._store, passage, failed=not said)

    async def _end_probe(self, store: BreakerStore, passage: Passage, probe: UUID, said: bool | None) -> None:
        if said is None:
            await store.drop_probe(passage.lane, probe)
        else:
            await store.end_probe(passage.lane, probe, None if said else passage.failure or "no answer")
            await self.refresh()

    async def _count(self, store: BreakerStore, passage: Passage, *, failed: bool) -> None:
        lane, now = passage.lane, self._clock()
        window = self._windows.setdefault(lane, Window(self._clock))
        window.count(failed)
        if not failed and now - self._told_at.get(lane, float("-inf")) < TELL_EVERY:
            return
        self._told_at[lane] = now
        if await store.count(lane, self._process, *window.totals(), passage.failure or "no answer"):
            await self.refresh()


def _seen(breaker: Breaker, now: float) -> _Standing:
    closed = breaker.state is BreakerState.CLOSED
    return _Standing(breaker, None if closed else now + breaker.wait.total_seconds())


def _said(passage: Passage, error: BaseException | None) -> bool | None:
    """Whether the call was answered; None: it tells nothing (given up by us, limited, a mistake of ours)."""
    if isinstance(error, RateLimitedError):
        return None
    if isinstance(error, RetryError):
        passage.failed(error.message)
        return False
    if passage.failure is not None:
        return False
    return True if error is None or isinstance(error, OrdersagaError) else None

"""Whether the system gets on: seen in its journal from outside, and by who places orders."""

import asyncio
import contextlib
import time
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import asyncpg

from tests.chaos.shop import Shop
from tests.chaos.strikes import Strike

LOOK_EVERY: Final = 0.2
_OUTAGES: Final = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
_WRITTEN: Final = "SELECT coalesce(max(seq), 0) FROM journal"


@dataclass
class Progress:
    """`looks`: pairs of times between which a saga wrote down that it advanced."""

    shop: Shop
    looks: list[tuple[float, float]] = field(default_factory=list)

    async def watch(self) -> None:
        """Look until canceled; an outage of the database is no progress."""
        while True:
            with contextlib.suppress(*_OUTAGES):
                await self._look()
            await asyncio.sleep(LOOK_EVERY)

    async def _look(self) -> None:
        connection = await asyncpg.connect(self.shop.database, timeout=2)
        try:
            known = await connection.fetchval(_WRITTEN, timeout=10)
            before = time.monotonic()
            while True:
                await asyncio.sleep(LOOK_EVERY)
                written = await connection.fetchval(_WRITTEN, timeout=10)
                now = time.monotonic()
                if written > known:
                    self.looks.append((before, now))
                known, before = written, now
        finally:
            connection.terminate()


@dataclass(frozen=True)
class Recovery:
    """How long after a fault, in seconds: a saga advanced; a new order was confirmed. None: never again."""

    strike: Strike
    advanced: float | None
    confirmed: float | None

    @property
    def seconds(self) -> float | None:
        """Until there was progress of either kind."""
        known = [each for each in (self.advanced, self.confirmed) if each is not None]
        return min(known) if known else None


def recoveries(
    strikes: Iterable[Strike], looks: Sequence[tuple[float, float]], confirmed: Sequence[tuple[float, float]]
) -> list[Recovery]:
    """Of each fault. `looks` and `confirmed`: (began, ended) of what got on; it must have begun after the fault."""
    advanced, placed = _First(looks), _First(confirmed)
    return [Recovery(strike, advanced.after(strike.ended), placed.after(strike.ended)) for strike in strikes]


class _First:
    def __init__(self, spans: Sequence[tuple[float, float]]) -> None:
        self._spans = sorted(spans)
        self._starts = [began for began, _ in self._spans]

    def after(self, moment: float) -> float | None:
        """Seconds from a moment to the earliest end of what began after it."""
        ends = [ended for _, ended in self._spans[bisect_left(self._starts, moment) :]]
        return round(min(ends) - moment, 2) if ends else None

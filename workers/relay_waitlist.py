"""Orders that wait in line: given what came back, in the order of their arrival; ended once they waited long enough."""

import time
from collections.abc import Callable
from typing import Final

import structlog

from ordersaga.bootstrap import Services

LOOK_AGAIN: Final = 3600.0
"""Seconds between two looks at those that were passed over. The first look is a process's first step."""

log = structlog.get_logger(__name__)


class Waitlist:
    """Looks after the lines; of several relays, one at a time gives."""

    def __init__(self, services: Services, clock: Callable[[], float] = time.monotonic) -> None:
        self._waitlist = services.waitlist
        self._clock = clock
        self._next_look = clock()

    async def step(self) -> bool:
        """End who waited too long, then give to who is next. True: there may be more."""
        if self._clock() >= self._next_look:
            await self._waitlist.look_again()
            self._next_look = self._clock() + LOOK_AGAIN
        overdue = await self._waitlist.end_overdue()
        if overdue:
            log.info("waited_in_vain", count=len(overdue))
        given = await self._waitlist.give()
        if given:
            log.info("waitlist_given", count=len(given))
        return bool(overdue or given)

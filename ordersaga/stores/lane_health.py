"""How providers' lanes stand, kept in memory for new orders: they are not sent there where they need not be."""

import time
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from datetime import timedelta
from typing import Final

from ordersaga.domain.lanes import Lane, provider_lane
from ordersaga.domain.routing import LanesNow
from ordersaga.stores.heard import Heard
from ordersaga.stores.lanes import CHANNEL
from ordersaga.stores.pools import Connection
from ordersaga.stores.remembered import Remembered

BUSY_FROM: Final = timedelta(hours=1)
"""A provider whose lane has so much to do goes behind another one."""
TOLD_WITHIN: Final = 60.0
"""Seconds; of a lane of which nothing was told for longer nothing is known."""

# A pause of seconds, as a 429 makes it, is over before the order is handed off.
_UNWELL: Final = """
SELECT lane FROM lane_breakers WHERE state = 'open'
UNION SELECT lane FROM lane_pauses WHERE paused_until > clock_timestamp() + interval '1 minute'
"""
_ALL: Final = "all"
_PREFIX: Final = provider_lane("")


class Backlogs:
    """How long lanes keep waiting what comes now, as this process saw it last at the Temporal server."""

    def __init__(self) -> None:
        self._waits: dict[str, tuple[timedelta, float]] = {}

    def saw(self, lane: Lane, backlog: int, oldest: timedelta) -> None:
        """So much waits in a lane, and its oldest for so long."""
        self._waits[lane.name] = lane.wait(backlog, oldest), time.monotonic()

    def busy(self) -> AbstractSet[str]:
        """Providers whose lanes have much to do."""
        since = time.monotonic() - TOLD_WITHIN
        return _providers(name for name, (wait, at) in self._waits.items() if wait >= BUSY_FROM and at >= since)


class LaneHealth:
    """The providers whose breaker is open, or whose lane is paused for a while; and those that have much to do."""

    def __init__(self, heard: Heard | None = None, backlogs: Backlogs | None = None) -> None:
        self._known: Remembered[str, AbstractSet[str]] = Remembered(heard, CHANNEL)
        self._backlogs = backlogs or Backlogs()

    async def now(self, work: Connection) -> LanesNow:
        """Their names; by heart, or read through `work`."""
        return LanesNow(await self._unwell(work), self._backlogs.busy())

    async def _unwell(self, work: Connection) -> AbstractSet[str]:
        known = self._known.get(_ALL)
        if known is not None:
            return known
        look = self._known.look()
        found = _providers([row["lane"] for row in await work.fetch(_UNWELL)])
        self._known.keep(look, _ALL, found)
        return found


def _providers(lanes: Iterable[str]) -> AbstractSet[str]:
    return frozenset(lane.removeprefix(_PREFIX) for lane in lanes if lane.startswith(_PREFIX))

"""Which providers do not answer now, kept in memory for new orders: they are not sent there where they need not be."""

from collections.abc import Set as AbstractSet
from typing import Final

from ordersaga.domain.lanes import provider_lane
from ordersaga.stores.heard import Heard
from ordersaga.stores.lanes import CHANNEL
from ordersaga.stores.pools import Connection
from ordersaga.stores.remembered import Remembered

# A pause of seconds, as a 429 makes it, is over before the order is handed off.
_UNWELL: Final = """
SELECT lane FROM lane_breakers WHERE state = 'open'
UNION SELECT lane FROM lane_pauses WHERE paused_until > clock_timestamp() + interval '1 minute'
"""
_ALL: Final = "all"
_PREFIX: Final = provider_lane("")


class LaneHealth:
    """The providers whose breaker is open, or whose lane is paused for a while."""

    def __init__(self, heard: Heard | None = None) -> None:
        self._known: Remembered[str, AbstractSet[str]] = Remembered(heard, CHANNEL)

    async def unwell(self, work: Connection) -> AbstractSet[str]:
        """Their names; by heart, or read through `work`."""
        known = self._known.get(_ALL)
        if known is not None:
            return known
        look = self._known.look()
        lanes = [row["lane"] for row in await work.fetch(_UNWELL)]
        found = frozenset(lane.removeprefix(_PREFIX) for lane in lanes if lane.startswith(_PREFIX))
        self._known.keep(look, _ALL, found)
        return found

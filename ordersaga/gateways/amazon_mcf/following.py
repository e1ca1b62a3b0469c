"""Parcels on their way: Amazon lists orders whose status changed, and a scan or a delivery changes no order's status.

So parcels seen as departed are remembered, and looked at again, a few in each round, taking turns. A process that has
just begun finds those of the last days in its first listing.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Final

from ordersaga.domain.shipping import ProviderOrder
from ordersaga.domain.statuses import ParcelStatus

LOOK_BACK: Final = timedelta(days=10)
"""How far a first listing reaches back."""
_ON_THEIR_WAY: Final = frozenset({ParcelStatus.LEFT_WAREHOUSE, ParcelStatus.IN_TRANSIT})
_MOST: Final = 5_000


class Following:
    """References of parcels on their way; who was looked at last comes last."""

    def __init__(self) -> None:
        self._references: dict[str, None] = {}
        self._began = False

    def reach(self, since: datetime, now: datetime) -> datetime:
        """From when on to list."""
        began, self._began = self._began, True
        return since if began else min(since, now - LOOK_BACK)

    def add(self, reference: str) -> None:
        """It has departed."""
        self._references.pop(reference, None)
        self._references[reference] = None
        if len(self._references) > _MOST:
            del self._references[next(iter(self._references))]

    def note(self, reference: str, order: ProviderOrder | None) -> None:
        """It was looked at, and could be read or not: its turn comes again, unless its way has ended."""
        if order is None or order.status in _ON_THEIR_WAY:
            self.add(reference)
        else:
            self._references.pop(reference, None)

    def turn(self, most: int, without: Collection[str]) -> Sequence[str]:
        """Whose turn it is, of those not looked at anyway."""
        return [reference for reference in self._references if reference not in without][:most]

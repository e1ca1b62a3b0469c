"""A provider's warehouse: it takes a parcel, picks it when its turn comes, and gives it to the carrier."""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import log
from random import Random
from typing import Final

from ordersaga.domain.statuses import ParcelStatus
from ordersaga.whatif.clock import VirtualClock, length
from ordersaga.whatif.lanes import MINUTE
from ordersaga.whatif.scenario import ProviderPlan

SPREAD: Final = 0.35
"""Of the log of a duration: nine of ten lie between half of the median and 1.8 times it."""
DAY: Final = 86_400_000_000

Moved = Callable[["Parcel", ParcelStatus], None]


@dataclass
class Parcel:
    """One hand-off. `at`: when it reached each status, in microseconds."""

    order_id: str
    number: int
    generation: int
    reference: str
    status: ParcelStatus = ParcelStatus.ACCEPTED
    at: dict[ParcelStatus, int] = field(default_factory=dict)


class Warehouse:
    """First come, first picked. `moved` hears each step of each parcel. Times are drawn by seed and reference.

    `stands_for`: how many orders one of the simulated ones stands for, so that it picks so much slower.
    """

    def __init__(
        self,
        clock: VirtualClock,
        plan: ProviderPlan,
        moved: Moved,
        *,
        seed: int,
        stands_for: float,
        delivery_days: tuple[int, int],
    ) -> None:
        self._clock = clock
        self._plan = plan
        self._moved = moved
        self._seed = seed
        self._delivery_days = delivery_days
        self._every = MINUTE / plan.parcels * stands_for if plan.parcels else 0.0
        self._free_at = float(clock.now)
        self._began = clock.now
        self.parcels: dict[str, Parcel] = {}

    @property
    def down(self) -> bool:
        """It answers nothing now."""
        since = self._clock.now - self._began
        return any(length(each.begins) <= since < length(each.ends) for each in self._plan.outages)

    def take(self, parcel: Parcel) -> Parcel:
        """Accept a parcel; the same reference is the same parcel. Where we buy the label, it waits for that."""
        known = self.parcels.setdefault(parcel.reference, parcel)
        if known is parcel:
            parcel.at[ParcelStatus.ACCEPTED] = self._clock.now
            if self._plan.books_carrier:
                self._plan_ahead(parcel)
        return known

    def labeled(self, reference: str) -> None:
        """Its label is bought: it may leave."""
        self._plan_ahead(self.parcels[reference])

    def _plan_ahead(self, parcel: Parcel) -> None:
        turn = max(self._free_at, float(self._clock.now))
        self._free_at = turn + self._every
        draw = Random(f"{self._seed}/{parcel.reference}")  # noqa: S311 - a simulation, no secret
        picked = round(turn + _around(draw, length(self._plan.pick)))
        scanned = round(picked + _around(draw, length(self._plan.scan)))
        least, most = self._delivery_days
        delivered = round(scanned + draw.uniform(least * DAY, most * DAY))
        for when, status in (
            (picked, ParcelStatus.PICKED),
            (scanned, ParcelStatus.IN_TRANSIT),
            (delivered, ParcelStatus.DELIVERED),
        ):
            self._clock.at(when, lambda step=status: self._step(parcel, step))  # type: ignore[misc]

    def _step(self, parcel: Parcel, status: ParcelStatus) -> None:
        if parcel.status is not ParcelStatus.CANCELED:
            parcel.status = status
            parcel.at[status] = self._clock.now
            self._moved(parcel, status)

    def stop(self, reference: str) -> bool:
        """Cancel a parcel; False: it is picked already."""
        parcel = self.parcels[reference]
        if parcel.status in (ParcelStatus.ACCEPTED, ParcelStatus.CANCELED):
            parcel.status = ParcelStatus.CANCELED
            return True
        return False


def _around(draw: Random, median: int) -> float:
    return draw.lognormvariate(log(median), SPREAD) if median else 0.0

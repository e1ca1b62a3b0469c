"""A world with several places, whose parcels may move when their provider fails them."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from activities.elsewhere import Moving
from ordersaga.domain.breakers import Breaker, BreakerState
from ordersaga.domain.lanes import LanePause, provider_lane
from ordersaga.domain.orders import Order, ParcelPlan
from ordersaga.domain.routing import StockOffer
from tests.workflows.world import World
from workers.activities import Ports

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Lanes:
    """Pauses and breakers, as a test sets them."""

    def __init__(self) -> None:
        self.broken: set[str] = set()

    async def breakers(self) -> Sequence[Breaker]:
        """Open ones."""
        told = {"since": NOW, "reason": "no answer", "by": "breaker", "state": BreakerState.OPEN}
        return [Breaker.model_validate({"lane": provider_lane(name), **told}) for name in sorted(self.broken)]

    async def pauses(self) -> Sequence[LanePause]:
        """None."""
        return []

    async def pause(self, lane: str, wait: timedelta, reason: str, by: str) -> bool:
        """Not here."""
        return False

    async def resume(self, lane: str, reason: str, by: str) -> bool:
        """Not here."""
        return False


class MovingWorld(World):
    """Ten of each at `ca-1`, which is ShipBob's and tried first, and at `nj-1`, the seller's own."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        self.lanes = Lanes()
        self.stopped: str | None = None
        super().__init__(*arguments, **named)
        own = {"provider": "seller_warehouse"}
        self.memory.locations["nj-1"] = self.memory.locations["nj-1"].model_copy(update=own)

    def ports(self) -> Ports:
        """With the activity that looks elsewhere."""
        known = super().ports()
        return replace(known, moving=self.looking(known.providers))

    def looking(self, providers: Collection[str]) -> Moving:
        """The activity that looks, among places of these providers."""
        return Moving(self, self.lanes, self.lanes, set(providers))

    async def offers(self, order: Order, plan: ParcelPlan) -> Sequence[StockOffer]:
        """What lies anywhere."""
        return self.stock.offers(order)

    async def forbidden(self, order: Order) -> str | None:
        """As a test says."""
        return self.stopped

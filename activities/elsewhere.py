"""Another location for a parcel whose provider fails it."""

from collections.abc import Collection, Sequence
from collections.abc import Set as AbstractSet
from datetime import timedelta
from typing import Protocol

from temporalio import activity

from activities.failures import translated
from ordersaga.domain.breakers import Breaker
from ordersaga.domain.elsewhere import Elsewhere, Health, look_elsewhere
from ordersaga.domain.orders import MoveCause, Order, ParcelPlan
from ordersaga.domain.routing import StockOffer
from ordersaga.domain.values import Message
from ordersaga.ports import LanePauses


class Places(Protocol):
    """Where units lie."""

    async def offers(self, order: Order, plan: ParcelPlan) -> Sequence[StockOffer]:
        """Every location with units of the parcel's SKUs, and the one it is at."""
        ...

    async def forbidden(self, order: Order) -> str | None:
        """Why nothing of the order may be sent anew from anywhere; None: nothing forbids it."""
        ...


class BreakersOnRecord(Protocol):
    """How the lanes' breakers stand."""

    async def breakers(self) -> Sequence[Breaker]:
        """Every breaker that ever opened or was set."""
        ...


class BusyProviders(Protocol):
    """Which providers have much to do."""

    def busy(self) -> AbstractSet[str]:
        """Those behind whose lanes a parcel would wait for long."""
        ...


class LookElsewhere(Message):
    """A parcel, why it should move, the locations it was moved away from, and the time left until its ship-by."""

    order: Order
    plan: ParcelPlan
    cause: MoveCause
    tried: tuple[str, ...] = ()
    slack: timedelta


class Moving:
    """The activity that looks. It changes nothing. `providers`: those that parcels can be handed to."""

    def __init__(
        self,
        places: Places,
        pauses: LanePauses,
        breakers: BreakersOnRecord,
        providers: Collection[str],
        backlogs: BusyProviders | None = None,
    ) -> None:
        self._places, self._pauses, self._breakers = places, pauses, breakers
        self._providers, self._backlogs = providers, backlogs

    @activity.defn
    @translated
    async def look_elsewhere(self, request: LookElsewhere) -> Elsewhere:
        """The location it moves to, and why; or why it stays, as where a stop lets nothing be sent anew."""
        if (why := await self._places.forbidden(request.order)) is not None:
            return Elsewhere(why=why)
        busy = self._backlogs.busy() if self._backlogs else frozenset()
        health = Health.of(await self._pauses.pauses(), await self._breakers.breakers(), busy)
        offers = await self._places.offers(request.order, request.plan)
        known = [one for one in offers if one.provider in self._providers]
        return look_elsewhere(request.order, request.plan, known, health, request.cause, request.tried, request.slack)

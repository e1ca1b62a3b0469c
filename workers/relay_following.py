"""Parcels of providers that tell no delivery: a carrier account of ours is asked what becomes of their packages.

A parcel is as far as the package that is least far; what is lost or comes back is news for all of it. Carriers give
numbers out again: what happened before the parcel was handed over is not its news.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import structlog

from ordersaga.bootstrap import Services
from ordersaga.domain.carriers import EASYPOST
from ordersaga.domain.effects import EffectStatus
from ordersaga.domain.errors import OrdersagaError
from ordersaga.domain.journal import OrderRecord
from ordersaga.domain.orders import ParcelPlan
from ordersaga.domain.shipping import ParcelEvent
from ordersaga.domain.statuses import OrderStatus, ParcelStatus
from ordersaga.polled import from_carrier
from ordersaga.ports import FollowingCarrier
from workers.relay_pollers import LABELS_PER_ROUND, Patience, store

_ON_THEIR_WAY: Final = (
    OrderStatus.FULFILLING,
    OrderStatus.PARTIALLY_SHIPPED,
    OrderStatus.SHIPPED,
    OrderStatus.DELIVERED,
    OrderStatus.NEEDS_ATTENTION,
    OrderStatus.CANCELING,
    OrderStatus.RETURNING,
)
_NEWS_FOR_ALL: Final = (ParcelStatus.LOST, ParcelStatus.RETURNED_TO_SENDER)
_WAY: Final = (ParcelStatus.IN_TRANSIT, ParcelStatus.DELIVERED)

log = structlog.get_logger(__name__)


class Follower:
    """Asks `carrier` about the parcels of one provider, a few orders each round, taking turns."""

    def __init__(self, services: Services, provider: str, carrier: FollowingCarrier) -> None:
        self._services, self._name, self._carrier = services, provider, carrier
        self._cursors: dict[OrderStatus, str | None] = dict.fromkeys(_ON_THEIR_WAY)
        self._patience = Patience()

    async def step(self) -> bool:
        """Ask about the next ones; a parcel nobody will talk about keeps nobody from the others.

        Raises RetryError when several in a row brought no answer: then somebody is away.
        """
        self._patience.again()
        for status in _ON_THEIR_WAY:
            page = await self._services.journal.list_orders(
                status=status, cursor=self._cursors[status], limit=LABELS_PER_ROUND
            )
            self._cursors[status] = page.next_cursor
            for record in page.orders:
                await self._look_at(record)
        return False

    async def _look_at(self, record: OrderRecord) -> None:
        for plan in record.parcels:
            if plan.provider == self._name:
                await self._try(record.order.order_id, plan)

    async def _try(self, order_id: str, plan: ParcelPlan) -> None:
        try:
            await self._look(order_id, plan)
            self._patience.again()
        except OrdersagaError as error:
            log.warning("package_not_followed", order_id=order_id, code=error.code, why=error.message)
            if self._patience.over(error):
                raise

    async def _look(self, order_id: str, plan: ParcelPlan) -> None:
        handed = await self._services.effects.find(order_id, "hand_off", plan.parcel)
        if handed is None or handed.status is not EffectStatus.DONE:
            return
        reference = plan.reference(order_id, handed.generation)
        order = await self._services.providers[self._name].inquire(reference)
        if order is None or not order.packages:
            return
        news = [await self._carrier.follow(number, reference) for number in order.packages]
        told = as_one([event if event and event.occurred_at >= handed.intended_at else None for event in news])
        if told is not None and await store(self._services, from_carrier(reference, told)):
            log.info("poll_found", order_id=order_id, reference=reference, status=told.status)


def followers(services: Services) -> Iterator[tuple[str, Follower]]:
    """One for each provider that wants it, where the first carrier account follows what others sold."""
    carrier = services.carriers.get(EASYPOST)
    for name, provider in services.providers.items():
        if provider.capabilities.followed and isinstance(carrier, FollowingCarrier):
            yield name, Follower(services, name, carrier)


def as_one(packages: Sequence[ParcelEvent | None]) -> ParcelEvent | None:
    """What the news of all its packages is for the parcel; None: nothing yet."""
    known = [event for event in packages if event is not None]
    ended = next((event for event in known if event.status in _NEWS_FOR_ALL), None)
    if ended is not None:
        return ended
    if len(known) < len(packages) or not all(event.status in _WAY for event in known):
        return None
    return min(known, key=lambda event: (_WAY.index(event.status), -event.occurred_at.timestamp()), default=None)

"""What webhooks missed: providers and carriers are asked, and what they say goes through the inbox like any message."""

from datetime import UTC, datetime, timedelta
from typing import Final

import structlog

from ordersaga.bootstrap import Services
from ordersaga.domain.effects import EffectStatus
from ordersaga.domain.journal import OrderRecord
from ordersaga.domain.messages_in import Incoming
from ordersaga.domain.orders import ParcelPlan
from ordersaga.domain.statuses import OrderStatus
from ordersaga.polled import from_carrier, from_provider

FIRST_LOOK_BACK: Final = timedelta(hours=24)
OVERLAP: Final = timedelta(minutes=2)
LABELS_PER_ROUND: Final = 50
LABEL_STEP: Final = "book_label"

# Also while a person is asked, a cancellation waits or a parcel turned around: the answer may be what comes next.
_MOVING: Final = (
    OrderStatus.FULFILLING,
    OrderStatus.PARTIALLY_SHIPPED,
    OrderStatus.SHIPPED,
    OrderStatus.NEEDS_ATTENTION,
    OrderStatus.CANCELING,
    OrderStatus.RETURNING,
    OrderStatus.DELIVERED,
)
log = structlog.get_logger(__name__)


async def expire_holds(services: Services) -> bool:
    """Release holds whose order never got a saga in time. True: there may be more."""
    expired = await services.intake.expire_holds()
    if expired:
        log.info("holds_expired", orders=len(expired))
    return len(expired) >= 200


async def store(services: Services, incoming: Incoming | None) -> bool:
    """Put a message into the inbox; False when it was there before or is not ours."""
    if incoming is None:
        return False
    body = incoming.model_dump(mode="json")
    return await services.inbox.store(incoming.source, incoming.source_id, incoming.order_id, body)


class ProviderPoller:
    """Asks one provider what changed since the last time, with some overlap: clocks differ.

    Where it stopped is kept in PostgreSQL: a relay that was away asks about the whole time.
    """

    def __init__(self, services: Services, provider: str) -> None:
        self._services = services
        self._name = provider
        self._provider = services.providers[provider]

    async def step(self) -> bool:
        """Ask once."""
        asked_at = datetime.now(UTC)
        since = await self._services.poll_cursors.get(self._name) or asked_at - FIRST_LOOK_BACK
        changed = await self._provider.changes_since(since)
        messages = [from_provider(self._name, order, asked_at) for order in changed]
        new = sum([await store(self._services, message) for message in messages])
        await self._services.poll_cursors.move(self._name, asked_at - OVERLAP)
        if new:
            log.info("poll_found", provider=self._name, new=new)
        return False


class CarrierPoller:
    """Asks the carrier about the labels of parcels on their way, a few each round, taking turns."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._cursors: dict[OrderStatus, str | None] = dict.fromkeys(_MOVING)

    async def step(self) -> bool:
        """Ask about the next labels."""
        for status in _MOVING:
            page = await self._services.journal.list_orders(
                status=status, cursor=self._cursors[status], limit=LABELS_PER_ROUND
            )
            self._cursors[status] = page.next_cursor
            for record in page.orders:
                await self._look(record)
        return False

    async def _look(self, record: OrderRecord) -> None:
        for plan in record.parcels:
            reference = await self._label_reference(record.order.order_id, plan)
            if reference is None:
                continue
            for event in await self._services.carrier.changes([reference]):
                if await store(self._services, from_carrier(reference, event)):
                    log.info("poll_found", reference=reference, status=event.status)

    async def _label_reference(self, order_id: str, plan: ParcelPlan) -> str | None:
        """What the carrier knows the parcel's label by; None when we bought none."""
        bought = await self._services.effects.find(order_id, LABEL_STEP, plan.parcel)
        if bought is None or bought.status is not EffectStatus.DONE:
            return None
        return plan.reference(order_id, bought.generation)

"""What webhooks missed: providers and carriers are asked, and what they say goes through the inbox like any message."""

from datetime import UTC, datetime, timedelta
from typing import Final

import structlog

from ordersaga.bootstrap import Services
from ordersaga.domain.carriers import EASYPOST
from ordersaga.domain.effects import EffectStatus
from ordersaga.domain.errors import OrdersagaError, RetryError
from ordersaga.domain.journal import OrderRecord
from ordersaga.domain.messages_in import Incoming
from ordersaga.domain.orders import ParcelPlan
from ordersaga.domain.statuses import OrderStatus
from ordersaga.polled import from_carrier, from_provider

FIRST_LOOK_BACK: Final = timedelta(hours=24)
OVERLAP: Final = timedelta(minutes=2)
LABELS_PER_ROUND: Final = 50
SWEPT_AT_ONCE: Final = 200
LABEL_STEP: Final = "book_label"
_AWAY: Final = 3

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
    """Release holds whose order never got a saga in time, prolong those that wait for one. True: there may be more."""
    settings = services.settings
    swept = await services.intake.expire_holds(
        prolong=settings.hold_ttl, longest=settings.hold_longest, limit=SWEPT_AT_ONCE
    )
    if swept.released:
        log.warning("holds_expired", orders=len(swept.released))
    if swept.prolonged:
        log.info("holds_prolonged", orders=len(swept.prolonged))
    return len(swept.released) + len(swept.prolonged) >= SWEPT_AT_ONCE


async def store(services: Services, incoming: Incoming | None) -> bool:
    """Put a message into the inbox; False when it was there before or is not ours."""
    if incoming is None:
        return False
    body = incoming.model_dump(mode="json")
    return await services.inbox.store(incoming.source, incoming.source_id, incoming.order_id, body)


class Patience:
    """Several silences in a row end a round: then a company is away. One may be about one thing only."""

    def __init__(self) -> None:
        self._silent = 0

    def again(self) -> None:
        """A round begins, or something was answered."""
        self._silent = 0

    def over(self, error: OrdersagaError) -> bool:
        """Whether this failure ends the round."""
        self._silent += isinstance(error, RetryError)
        return self._silent >= _AWAY


class ProviderPoller:
    """Asks one provider what changed since the last time, with some overlap: clocks differ.

    Where it stopped is kept in PostgreSQL: a relay that was away asks about the whole time.
    """

    def __init__(self, services: Services, provider: str) -> None:
        self._services = services
        self._name = provider

    async def step(self) -> bool:
        """Ask once."""
        asked_at = datetime.now(UTC)
        since = await self._services.poll_cursors.get(self._name) or asked_at - FIRST_LOOK_BACK
        changed = await self._services.providers[self._name].changes_since(since)
        messages = [from_provider(self._name, order, asked_at) for order in changed]
        new = sum([await store(self._services, message) for message in messages])
        await self._services.poll_cursors.move(self._name, asked_at - OVERLAP)
        if new:
            log.info("poll_found", provider=self._name, new=new)
        return False


class CarrierPoller:
    """Asks a carrier account about the labels of parcels on their way, a few each round, taking turns.

    Each account has its own: one that is away keeps nobody from the others.
    """

    def __init__(self, services: Services, account: str = EASYPOST) -> None:
        self._services = services
        self._account = account
        self._cursors: dict[OrderStatus, str | None] = dict.fromkeys(_MOVING)
        self._patience = Patience()

    async def step(self) -> bool:
        """Ask about the next labels; one the carrier will not talk about keeps nobody from the others."""
        self._patience.again()
        for status in _MOVING:
            page = await self._services.journal.list_orders(
                status=status, cursor=self._cursors[status], limit=LABELS_PER_ROUND
            )
            self._cursors[status] = page.next_cursor
            for record in page.orders:
                await self._try(record)
        return False

    async def _try(self, record: OrderRecord) -> None:
        try:
            await self._look(record)
            self._patience.again()
        except OrdersagaError as error:
            log.error("label_not_told", order_id=record.order.order_id, code=error.code, error=error.message)
            if self._patience.over(error):
                raise

    async def _look(self, record: OrderRecord) -> None:
        for plan in record.parcels:
            reference = await self._label_reference(record.order.order_id, plan)
            if reference is None:
                continue
            for event in await self._services.carriers[self._account].changes([reference]):
                if await store(self._services, from_carrier(reference, event)):
                    order_id = record.order.order_id
                    log.info("poll_found", order_id=order_id, reference=reference, status=event.status)

    async def _label_reference(self, order_id: str, plan: ParcelPlan) -> str | None:
        """What the carrier knows the parcel's label by; None when we bought none here."""
        bought = await self._services.effects.find(order_id, LABEL_STEP, plan.parcel)
        if bought is None or bought.status is not EffectStatus.DONE or (bought.account or EASYPOST) != self._account:
            return None
        return plan.reference(order_id, bought.generation)

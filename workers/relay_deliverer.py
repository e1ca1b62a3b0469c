"""Inbox messages to their order's saga. A message is delivered, ignored with a reason, or tried again later."""

import asyncio
from collections import defaultdict
from typing import Final

import structlog
from pydantic import ValidationError

from ordersaga.bootstrap import InboxMessage, Services
from ordersaga.client_errors import OrderClosedError, OrderNotFoundError, SagaUnreachableError
from ordersaga.domain.errors import OrdersagaError
from ordersaga.domain.messages_in import Incoming
from ordersaga.domain.shipping import ParcelEvent, PaymentEvent
from workers.relay_echoes import is_echo

BATCH: Final = 50
AT_ONCE: Final = 16

log = structlog.get_logger(__name__)


class SagaNotStartedError(Exception):
    """The order is accepted and its saga not started yet: its messages wait until their lease ends."""


class Deliverer:
    """Delivers messages: those of one order one after the other, those of different orders side by side."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._places = asyncio.Semaphore(AT_ONCE)

    async def step(self) -> bool:
        """Deliver a batch. True: there may be more.

        Raises RetryError when Temporal or the database does not answer: undelivered messages come again when their
        lease ends, and no such attempt counts against them.
        """
        messages = await self._services.inbox.claim(BATCH)
        by_order: defaultdict[str, list[InboxMessage]] = defaultdict(list)
        for message in messages:
            by_order[message.order_id or f"#{message.id}"].append(message)
        results = await asyncio.gather(*map(self._deliver_all, by_order.values()), return_exceptions=True)
        for result in results:
            if result is not None:
                raise result
        return len(messages) == BATCH

    async def _deliver_all(self, messages: list[InboxMessage]) -> None:
        async with self._places:
            try:
                for message in messages:
                    await self._deliver(message)
            except SagaNotStartedError as error:
                log.info("messages_wait", reason=str(error))

    async def _deliver(self, message: InboxMessage) -> None:
        inbox = self._services.inbox
        try:
            reason = await self._try(message)
        except (SagaUnreachableError, SagaNotStartedError):
            raise
        except ValidationError as error:
            await self._fail(message, f"unreadable: {error.error_count()} fields")
        except OrdersagaError as error:
            await self._fail(message, str(error))
        else:
            if reason:
                await inbox.mark_ignored(message.id, reason)
                log.info("message_ignored", source=message.source, source_id=message.source_id, reason=reason)

    async def _try(self, message: InboxMessage) -> str | None:
        """Deliver; answers why it was ignored instead, or None when it was delivered."""
        incoming = await self._read(message)
        if incoming.ignored:
            return "nothing of ours, or of a kind that changes nothing"
        if incoming.order_id is None:
            return "names no order"
        events = [event for event in incoming.events if not await self._known(incoming.order_id, event)]
        if not events:
            return "an echo of our own call"
        try:
            for event in events:
                await self._signal(incoming.order_id, event)
        except OrderClosedError:
            return "the order has ended"
        except OrderNotFoundError:
            return await self._why_not_found(incoming.order_id)
        await self._services.inbox.mark_delivered(message.id, order_id=incoming.order_id)
        return None

    async def _read(self, message: InboxMessage) -> Incoming:
        incoming = Incoming.model_validate(message.body)
        return await self._services.carrier.resolve(incoming) if incoming.lookup else incoming

    async def _known(self, order_id: str, event: ParcelEvent | PaymentEvent) -> bool:
        return isinstance(event, PaymentEvent) and await is_echo(self._services.effects, order_id, event)

    async def _signal(self, order_id: str, event: ParcelEvent | PaymentEvent) -> None:
        if isinstance(event, ParcelEvent):
            await self._services.orders.parcel_event(order_id, event)
        else:
            await self._services.orders.payment_event(order_id, event)

    async def _why_not_found(self, order_id: str) -> str:
        record = await self._services.journal.get(order_id)
        if record is None:
            return "unknown order"
        if not record.started and record.outcome is None:
            raise SagaNotStartedError(f"the saga of {order_id} is not started yet")
        return "the order's saga is gone"

    async def _fail(self, message: InboxMessage, why: str) -> None:
        again = await self._services.inbox.mark_failed(message.id, why)
        tell = log.warning if again else log.error
        tell("message_not_delivered", source=message.source, source_id=message.source_id, error=why, again=again)

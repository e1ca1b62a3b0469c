"""Inbox messages to their order's saga. A message is delivered, ignored with a reason, or tried again later.

Whatever goes wrong with one concerns it alone: it is counted against it, and given up for a person to look at.
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog
from opentelemetry.trace import SpanKind
from pydantic import ValidationError

from ordersaga.bootstrap import InboxMessage, Services
from ordersaga.client_errors import OrderClosedError, OrderNotFoundError, SagaUnreachableError
from ordersaga.domain.channels import ChannelNews
from ordersaga.domain.errors import OrdersagaError, RetryError
from ordersaga.domain.messages_in import Incoming
from ordersaga.domain.shipping import ParcelEvent, PaymentEvent
from ordersaga.tracing import about_order, span
from workers.channel_news import ChannelDesk
from workers.relay_echoes import is_echo
from workers.relay_late_news import park
from workers.relay_lookups import resolved
from workers.relay_notices import write_notice
from workers.relay_returns import to_return
from workers.relay_senders import why_unheard

BATCH: Final = 50
AT_ONCE: Final = 16
SOON: Final = timedelta(seconds=1)
LATEST: Final = timedelta(minutes=5)

log = structlog.get_logger(__name__)


class SagaNotStartedError(Exception):
    """The order is accepted and its saga not started yet: its messages wait a moment."""


class Deliverer:
    """Delivers messages: those of one order one after the other, those of different orders side by side."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._places = asyncio.Semaphore(AT_ONCE)
        self._channels = ChannelDesk(services)

    async def step(self) -> bool:
        """Deliver a batch. True: there may be more.

        Raises RetryError when Temporal or the database does not answer: undelivered messages come again soon, at the
        latest when their lease ends, and an attempt Temporal did not answer does not count against them.
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
        """One after the other: when one fails, those behind it wait a moment, so as not to overtake it."""
        async with self._places:
            done = 0
            try:
                while done < len(messages) and await self._deliver(messages[done]):
                    done += 1
            except SagaUnreachableError:
                await self._postpone(messages[done:], SOON)
                raise
            await self._postpone(messages[done + 1 :], SOON)

    async def _deliver(self, message: InboxMessage) -> bool:
        """True when it is settled: delivered, or ignored for good. Its trace and its lines name the order."""
        with span("deliver message", SpanKind.CONSUMER):
            _about(message.order_id)
            return await self._settle(message)

    async def _settle(self, message: InboxMessage) -> bool:
        try:
            reason = await self._try(message)
        except SagaUnreachableError:
            raise
        except SagaNotStartedError as error:
            log.info("messages_wait", reason=str(error))
            await self._postpone([message], SOON)
        except RetryError as error:
            await self._postpone([message], error.retry_after or _patience(message), str(error))
        except ValidationError as error:
            await self._fail(message, f"unreadable: {error.error_count()} fields")
        except OrdersagaError as error:
            await self._fail(message, str(error))
        except Exception as error:
            log.exception("message_broke", source=message.source, source_id=message.source_id)
            await self._fail(message, f"unforeseen: {type(error).__name__}")
        else:
            await self._ignore(message, reason)
            return True
        return False

    async def _ignore(self, message: InboxMessage, reason: str | None) -> None:
        if reason:
            await self._services.inbox.mark_ignored(message.id, reason)
            log.info("message_ignored", source=message.source, source_id=message.source_id, reason=reason)

    async def _postpone(self, messages: Sequence[InboxMessage], delay: timedelta, why: str | None = None) -> None:
        if messages:
            await self._services.inbox.postpone([message.id for message in messages], delay, why)
        if why:
            log.warning("message_postponed", source_id=messages[0].source_id, error=why, seconds=delay.total_seconds())

    async def _try(self, message: InboxMessage) -> str | None:
        """Deliver; answers why it was ignored instead, or None when it was delivered."""
        told = Incoming.model_validate(message.body)
        incoming = await resolved(self._services, told)
        _about(incoming.order_id)
        if incoming.ignored:
            return "nothing of ours, or of a kind that changes nothing"
        if incoming.news is not None:
            return await self._look_there(message, incoming.news)
        if incoming.order_id is None:
            return "names no order"
        if (why := await why_unheard(self._services, told.account, message.source, incoming)) is not None:
            return why
        events = [event for event in incoming.events if not await self._known(incoming.order_id, event)]
        if not events:
            return "an echo of our own call"
        news = [event for event in events if not await write_notice(self._services, incoming.order_id, event)]
        why = await self._hand_over(incoming.order_id, news)
        if why is None:
            await self._services.inbox.mark_delivered(message.id, order_id=incoming.order_id)
        return why

    async def _look_there(self, message: InboxMessage, news: ChannelNews) -> str | None:
        """A marketplace's orders are looked at as they stand now."""
        why = await self._channels.hear(news, message.source, message.received_at)
        if why is None:
            await self._services.inbox.mark_delivered(message.id)
        return why

    async def _hand_over(self, order_id: str, events: Sequence[ParcelEvent | PaymentEvent]) -> str | None:
        """To the saga; once that has ended, to a person where one must know. Else the reason why nobody gets it."""
        if back := [event for event in events if isinstance(event, ParcelEvent) and event.returning]:
            return await to_return(self._services, order_id, back)
        try:
            for event in events:
                await self._signal(order_id, event)
        except OrderClosedError:
            why = "the order has ended"
        except OrderNotFoundError:
            why = await self._why_not_found(order_id)
        else:
            return None
        asked = [kind for event in events if (kind := await park(self._services, order_id, event))]
        if asked:
            log.warning("person_asked", order_id=order_id, kinds=asked)
        return None if asked else why

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


def _about(order_id: str | None) -> None:
    """One order's messages have a task of their own: every further line in it, and the span, name the order."""
    if order_id:
        structlog.contextvars.bind_contextvars(order_id=order_id)
        about_order(order_id)


def _patience(message: InboxMessage) -> timedelta:
    """As long again as it has waited already, from a second to five minutes: nobody gives up on an outage."""
    return min(max(SOON, datetime.now(UTC) - message.received_at), LATEST)

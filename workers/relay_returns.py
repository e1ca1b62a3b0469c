"""Returns: their workflows started, their labels watched, news of the way back handed to them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog

from ordersaga.bootstrap import Services
from ordersaga.client_errors import OrderClosedError, OrderNotFoundError
from ordersaga.client_returns import ReturnClient
from ordersaga.domain.carriers import EASYPOST
from ordersaga.domain.errors import RetryError
from ordersaga.domain.journal import AttentionItem
from ordersaga.domain.returns import ReturnRecord
from ordersaga.domain.shipping import ParcelEvent
from ordersaga.polled import from_carrier
from workers.relay_pollers import store

GRACE: Final = timedelta(seconds=2)
BATCH: Final = 100
LABELS_PER_ROUND: Final = 50
SENT_AFTER_END: Final = "sent_back_after_end"
"""The question about goods that came although their return had ended without them."""

log = structlog.get_logger(__name__)


class ReturnStarter:
    """Starts the workflows of accepted returns that nobody started: the API died in between, or Temporal was down."""

    def __init__(self, services: Services, grace: timedelta = GRACE) -> None:
        self._services = services
        self._grace = grace

    async def step(self) -> bool:
        """Start a batch. True: there may be more. Raises RetryError when Temporal or the database does not answer."""
        cases = await self._services.returns.unstarted(older_than=self._grace, limit=BATCH)
        for case in cases:
            await ReturnClient(self._services.orders).start(case)
            await self._services.returns.mark_started(case)
            log.info("return_started", return_id=case.return_id)
        return len(cases) == BATCH


class ReturnPoller:
    """Asks a carrier account about the labels of open returns, a few each round, taking turns."""

    def __init__(self, services: Services, account: str = EASYPOST) -> None:
        self._services = services
        self._account = account
        self._after: tuple[str, int] = ("", 0)

    async def step(self) -> bool:
        """Ask about the next labels."""
        records = await self._services.returns.with_label(after=self._after, limit=LABELS_PER_ROUND)
        for record in records:
            if (record.case.account or EASYPOST) == self._account:
                await self._look(record.case.reference)
        last = records[-1].case if len(records) == LABELS_PER_ROUND else None
        self._after = (last.order_id, last.number) if last else ("", 0)
        return False

    async def _look(self, reference: str) -> None:
        for event in await self._services.carriers[self._account].changes([reference]):
            if await store(self._services, from_carrier(reference, event)):
                log.info("poll_found", reference=reference, status=event.status)


async def to_return(services: Services, order_id: str, events: Sequence[ParcelEvent]) -> str | None:
    """Hand news of a way back to its return; answers why nobody gets it, or None.

    Giving its label back is the last a return does: what became of that is for a person, in either case.
    Raises RetryError while the return is accepted and its workflow not started yet.
    """
    notices = [event for event in events if event.notice is not None]
    why = [await _about_label(services, order_id, event) for event in notices]
    news = [event for event in events if event.notice is None]
    return await _to_workflow(services, order_id, news) if news else next(iter(why), None)


async def _to_workflow(services: Services, order_id: str, events: Sequence[ParcelEvent]) -> str | None:
    try:
        for event in events:
            await ReturnClient(services.orders).parcel_event(order_id, event)
    except OrderClosedError:
        return await _after_its_end(services, order_id, events[-1])
    except OrderNotFoundError:
        record = await services.returns.get(order_id, events[0].returning)
        if record is not None and not record.started:
            wait = timedelta(seconds=1)
            raise RetryError("return_not_started", "the return is not started yet", retry_after=wait) from None
        return "unknown return" if record is None else "the return's workflow is gone"
    return None


async def _after_its_end(services: Services, order_id: str, event: ParcelEvent) -> str | None:
    """Goods that come back although nobody waits for them any more are asked about, once."""
    record = await services.returns.get(order_id, event.returning)
    if record is None or record.inspection is not None:
        return "the return has ended"
    said = f"{event.source} says {event.status}" + (f" ({event.detail})" if event.detail else "")
    text = f"Return {record.case.return_id} had ended as {record.status}, but its goods are moving: {said}."
    return await _ask(services, record, SENT_AFTER_END, text)


async def _about_label(services: Services, order_id: str, event: ParcelEvent) -> str | None:
    """A label that was given back is paid for after all: somebody claims it from the carrier, asked once."""
    record = await services.returns.get(order_id, event.returning)
    if record is None or event.notice is None:
        return "unknown return"
    text = f"Return {record.case.return_id}: {event.source} says {event.detail or event.notice}."
    return await _ask(services, record, event.notice, text)


async def _ask(services: Services, record: ReturnRecord, kind: str, text: str) -> str | None:
    if not await services.journal.open_question(_item(record, kind, text)):
        return "a person was asked before"
    log.warning("person_asked", order_id=record.case.order_id, kinds=[kind])
    return None


def _item(record: ReturnRecord, kind: str, text: str) -> AttentionItem:
    case = record.case
    return AttentionItem(
        item_id=f"{case.return_id}-late-{kind}",
        order_id=case.order_id,
        parcel=case.plan.parcel,
        kind=kind,
        question=text,
        choices=("acknowledge",),
        opened_at=datetime.now(UTC),
    )

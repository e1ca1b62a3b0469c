"""Goodwill asked for once the order has ended: a return in which nothing comes back, answered like a change."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Final

from ordersaga.api.returns import start_return
from ordersaga.bootstrap import Services
from ordersaga.client_changes import answered_before
from ordersaga.client_returns import CALL_TIMEOUT
from ordersaga.domain.journal import OrderRecord
from ordersaga.domain.return_rules import wanted
from ordersaga.domain.returns import (
    Refusal,
    ReturnAsk,
    ReturnReason,
    ReturnRecord,
    ReturnRequest,
    ReturnStatus,
    ReturnWish,
)
from workflows.messages import NO_REASON, ChangeAnswer, ChangeOutcome, GoodwillRefund

APPROVAL: Final = "refund_approval"
"""The question that a second person answers."""
_LOOK_AGAIN: Final = timedelta(minutes=1)
_PAUSE: Final = 0.1


async def give(
    services: Services, record: OrderRecord, asked: GoodwillRefund, wait: timedelta | None, *, look_back: bool
) -> ChangeAnswer:
    """Open it, once per request, and wait for what becomes of it.

    `look_back`: the saga may have heard the request while it ran; what it answered, stands.
    """
    before = await answered_before(services.orders.temporal, record.order.order_id, asked) if look_back else None
    if before is not None:
        return before
    key = f"refund/{asked.request_id}" if asked.request_id else None
    opened = await services.returns.open(record.order.order_id, ReturnAsk(request_of(asked), key), datetime.now(UTC))
    if isinstance(opened, Refusal):
        return _refused(record, opened)
    await start_return(services, opened.record)
    return await _heard(services, record, opened.record, wait or CALL_TIMEOUT)


def request_of(asked: GoodwillRefund) -> ReturnRequest:
    return ReturnRequest(
        reason=ReturnReason.GOODWILL,
        wish=ReturnWish.KEEP,
        parcel=asked.parcel,
        amount=asked.amount,
        by=asked.by,
        note=None if asked.reason == NO_REASON else asked.reason,
    )


def _refused(record: OrderRecord, refusal: Refusal) -> ChangeAnswer:
    message = f"{refusal.field or 'amount'}: {refusal.reason}; {refusal.alternative}"
    return ChangeAnswer(
        order_id=record.order.order_id, change_id="", outcome="refused", status=record.status, message=message
    )


async def _heard(services: Services, order: OrderRecord, opened: ReturnRecord, wait: timedelta) -> ChangeAnswer:
    """Look until it is decided, or waits for a second person, or the caller does not want to wait any longer."""
    until = asyncio.get_running_loop().time() + wait.total_seconds()
    while True:
        found = await services.returns.get(order.order.order_id, opened.case.number) or opened
        outcome = await _outcome(services, found)
        if outcome != "pending" or asyncio.get_running_loop().time() >= until:
            return _told(order, found, outcome)
        await asyncio.sleep(_PAUSE)


async def _outcome(services: Services, found: ReturnRecord) -> ChangeOutcome:
    if not found.open:
        return "done" if found.status is ReturnStatus.REFUNDED else "refused"
    open_items = await services.journal.open_attention(order_id=found.case.order_id, kind=APPROVAL)
    asked = any(item.item_id.startswith(f"{found.case.return_id}-") for item in open_items)
    return "awaiting_approval" if asked else "pending"


def _told(order: OrderRecord, found: ReturnRecord, outcome: ChangeOutcome) -> ChangeAnswer:
    waits = outcome in ("pending", "awaiting_approval")
    why = f": {found.case.request.note}" if found.case.request.note else ""
    said = {"done": f"{wanted(found.case)}{why}", "refused": found.reason or found.status.value}
    words = {"pending": f"not decided yet: {wanted(found.case)}", "awaiting_approval": "waits for a second person"}
    return ChangeAnswer(
        order_id=found.case.order_id,
        change_id=found.case.return_id,
        outcome=outcome,
        status=order.status,
        message={**said, **words}[outcome],
        parcel=found.case.plan.parcel,
        answer_by=datetime.now(UTC) + _LOOK_AGAIN if waits else None,
    )

"""Routes: what support does to an order: cancel it, see what that would come to, hold it, release it."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Query, Response

from ordersaga.api.access import Agent, Canceler, ServicesDep, acting, find_cancelable, find_order
from ordersaga.api.cancel_answers import ended, not_started
from ordersaga.api.change_shapes import CancelBody
from ordersaga.api.idempotency import RepeatKey, request_id
from ordersaga.api.prefer import Wait, applied
from ordersaga.api.shapes import HoldBody
from ordersaga.api.started import ask_started, check_lines
from ordersaga.api.waiting import leave_line, refuse_if_waiting, would_leave
from ordersaga.bootstrap import ApiKey, Services
from ordersaga.client_errors import OrderClosedError, OrderNotFoundError, SagaUnreachableError
from ordersaga.domain.identifiers import OrderId
from ordersaga.domain.journal import OrderRecord
from ordersaga.domain.orders import LineQuantity
from ordersaga.domain.statuses import FINAL_STATUSES, OrderStatus
from workflows.messages import CancelAnswer, CancelRequest, HoldRequest, OrderView, Word

router = APIRouter(prefix="/v1/orders/{order_id}", tags=["order actions"])

_LOOK_AGAIN: Final = timedelta(minutes=1)
_REPEAT: Final = "ask again by the time named"
_LOOK: Final = "look at the order by the time named; asked again without an Idempotency-Key, more units are canceled"


@router.post("/cancel", responses={202: {"model": CancelAnswer, "description": "Asked; not answered in time."}})
async def cancel(
    order_id: OrderId,
    services: ServicesDep,
    key: Canceler,
    wait: Wait,
    repeat: RepeatKey,
    response: Response,
    body: CancelBody | None = None,
) -> CancelAnswer:
    """Cancel the order, or `lines` of it. Answers what could be undone; 202 when the saga did not answer in time."""
    record, body = await find_cancelable(services, key, order_id), body or CancelBody()
    check_lines(record, body.lines)
    request = _request(key, body, await request_id(services, key, repeat, order_id, body, "cancel"))
    response.headers.update(applied(wait))
    if record.status in FINAL_STATUSES:
        return await ended(services, record)
    if record.status is OrderStatus.WAITLISTED:
        left = await leave_line(services, record, request)
        if left is not None:
            return left
        record = await find_order(services, key, order_id)
    try:
        return await ask_started(services, record, lambda: services.orders.cancel(order_id, request, wait))
    except OrderClosedError:
        return await ended(services, await find_order(services, key, order_id))
    except SagaUnreachableError:
        next_step = _LOOK if body.lines and repeat is None else _REPEAT
        return await _cancel_later(services, key, record, request, next_step, response)


@router.post("/cancel-preview")
async def preview(
    order_id: OrderId, services: ServicesDep, key: Canceler, body: CancelBody | None = None
) -> CancelAnswer:
    """What `cancel` with the same body would answer now; nothing is done. `cancel` with its `digest` does just that."""
    answer = await _foretold(order_id, services, key, body or CancelBody())
    lines = body.lines if body else ()
    return answer.model_copy(update={"digest": answer.digest_for(lines)})


async def _foretold(order_id: str, services: Services, key: ApiKey, body: CancelBody) -> CancelAnswer:
    record = await find_cancelable(services, key, order_id)
    check_lines(record, body.lines)
    request = _request(key, body, None)
    if record.status in FINAL_STATUSES:
        return await ended(services, record)
    if record.status is OrderStatus.WAITLISTED:
        return would_leave(record, request)
    try:
        return await services.orders.preview_cancel(order_id, request)
    except OrderNotFoundError:
        if record.started:
            raise
        return not_started(record, request.lines)


def _request(key: ApiKey, body: CancelBody, known: str | None) -> CancelRequest:
    lines = tuple(LineQuantity(sku=line.sku, quantity=line.quantity) for line in body.lines)
    by = acting(key, body.by)
    return CancelRequest(by=by, reason=body.reason, lines=lines, request_id=known, digest=body.digest)


async def _cancel_later(
    services: Services, key: ApiKey, record: OrderRecord, request: CancelRequest, next_step: str, response: Response
) -> CancelAnswer:
    """The update may have been lost: a signal is kept by Temporal even while no worker runs. Both are one request.

    A signal is taken as it is, so nothing is signaled that rests on a preview: it is asked again instead.
    Raises SagaUnreachableError (503) if Temporal itself does not answer.
    """
    try:
        if request.digest is None:
            await services.orders.request_cancel(record.order.order_id, request)
    except OrderClosedError:
        return await ended(services, await find_order(services, key, record.order.order_id))
    response.status_code = 202
    return _asked(record, next_step)


def _asked(record: OrderRecord, next_step: str) -> CancelAnswer:
    return CancelAnswer(
        order_id=record.order.order_id,
        outcome="pending",
        status=record.status,
        currency=record.order.currency,
        message="cancellation was asked for; its outcome is not known yet",
        next_step=next_step,
        answer_by=datetime.now(UTC) + _LOOK_AGAIN,
    )


@router.post("/holds")
async def place_hold(order_id: OrderId, body: HoldBody, services: ServicesDep, key: Agent) -> OrderView:
    """Place a typed hold: nothing is handed over until the last hold is released."""
    refuse_if_waiting(await find_order(services, key, order_id))
    return await services.orders.place_hold(order_id, _hold(body, key))


@router.delete("/holds")
async def release_hold(
    order_id: OrderId,
    services: ServicesDep,
    key: Agent,
    kind: Annotated[str, Query(pattern=r"^[a-z][a-z0-9_]{0,40}$")],
    reason: Annotated[Word, Query()] = "not given",
) -> OrderView:
    """Release a hold."""
    refuse_if_waiting(await find_order(services, key, order_id))
    return await services.orders.release_hold(order_id, HoldRequest(kind=kind, by=acting(key, None), reason=reason))


def _hold(body: HoldBody, key: ApiKey) -> HoldRequest:
    return HoldRequest(kind=body.kind, by=acting(key, body.by), reason=body.reason)

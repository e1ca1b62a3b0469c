"""Routes: what support does to an order: cancel it, hold it, release it."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Query, Response

from ordersaga.api.access import Agent, ServicesDep, find_order
from ordersaga.api.prefer import Wait, applied
from ordersaga.api.shapes import CancelBody, HoldBody
from ordersaga.bootstrap import ApiKey, Services
from ordersaga.client_errors import OrderClosedError, OrderNotFoundError, SagaUnreachableError
from ordersaga.domain.identifiers import OrderId
from ordersaga.domain.journal import OrderRecord
from ordersaga.domain.statuses import FINAL_STATUSES, OrderStatus
from workflows.messages import CancelAnswer, CancelRequest, HoldRequest, OrderView, Word

router = APIRouter(prefix="/v1/orders/{order_id}", tags=["order actions"])

_UNDONE: Final = frozenset({OrderStatus.CANCELED, OrderStatus.REJECTED})
_LOOK_AGAIN: Final = timedelta(minutes=1)


@router.post("/cancel", responses={202: {"model": CancelAnswer, "description": "Asked; not answered in time."}})
async def cancel(
    order_id: OrderId, services: ServicesDep, key: Agent, wait: Wait, response: Response, body: CancelBody | None = None
) -> CancelAnswer:
    """Ask for cancellation. Answers what could be undone; 202 when the saga took the request but did not answer yet."""
    record = await find_order(services, key, order_id)
    response.headers.update(applied(wait))
    if record.status in FINAL_STATUSES:
        return ended(record)
    body = body or CancelBody()
    request = CancelRequest(by=body.by or key.name, reason=body.reason)
    try:
        return await _cancel(services, record, request, wait)
    except OrderClosedError:
        return ended(await find_order(services, key, order_id))
    except SagaUnreachableError:
        return await _cancel_later(services, key, record, request, response)


async def _cancel_later(
    services: Services, key: ApiKey, record: OrderRecord, request: CancelRequest, response: Response
) -> CancelAnswer:
    """The update may have been lost: a signal is kept by Temporal even while no worker runs.

    Raises SagaUnreachableError (503) if Temporal itself does not answer.
    """
    try:
        await services.orders.request_cancel(record.order.order_id, request)
    except OrderClosedError:
        return ended(await find_order(services, key, record.order.order_id))
    response.status_code = 202
    return _asked(record)


async def _cancel(
    services: Services, record: OrderRecord, request: CancelRequest, wait: timedelta | None
) -> CancelAnswer:
    """Cancel; an order whose saga was not started yet is started first, so that one path undoes everything."""
    order_id = record.order.order_id
    try:
        return await services.orders.cancel(order_id, request, wait)
    except OrderNotFoundError:
        await services.orders.start(record.order)
        return await services.orders.cancel(order_id, request, wait)


def ended(record: OrderRecord) -> CancelAnswer:
    """The answer for an order that has ended: nothing is left to cancel."""
    undone = record.status in _UNDONE
    message = "it is undone already" if undone else f"it has ended: {record.status}"
    return CancelAnswer(
        order_id=record.order.order_id,
        outcome="canceled" if undone else "too_late",
        status=record.status,
        currency=record.order.currency,
        message=message,
    )


def _asked(record: OrderRecord) -> CancelAnswer:
    return CancelAnswer(
        order_id=record.order.order_id,
        outcome="pending",
        status=record.status,
        currency=record.order.currency,
        message="cancellation was asked for; its outcome is not known yet",
        answer_by=datetime.now(UTC) + _LOOK_AGAIN,
    )


@router.post("/holds")
async def place_hold(order_id: OrderId, body: HoldBody, services: ServicesDep, key: Agent) -> OrderView:
    """Place a typed hold: nothing is handed over until the last hold is released."""
    await find_order(services, key, order_id)
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
    await find_order(services, key, order_id)
    return await services.orders.release_hold(order_id, HoldRequest(kind=kind, by=key.name, reason=reason))


def _hold(body: HoldBody, key: ApiKey) -> HoldRequest:
    return HoldRequest(kind=body.kind, by=body.by or key.name, reason=body.reason)

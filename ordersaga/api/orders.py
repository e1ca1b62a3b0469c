"""Routes: place orders, read them."""

from typing import Annotated

import structlog
from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response

from ordersaga.api.access import PLACER, Placer, Reader, ServicesDep, bearer, find_order, seller_scope
from ordersaga.api.explaining import order_explained
from ordersaga.api.idempotency import RepeatKey, checked_key
from ordersaga.api.lean_route import lean
from ordersaga.api.placing import Placing
from ordersaga.api.prefer import Wait, parse_wait
from ordersaga.api.shapes import Explanation, NewOrder, OrderDocument, OrderPage, OrderSummary, PlacedOrder, Timeline
from ordersaga.api.waiting import places_in_line
from ordersaga.bootstrap import Services
from ordersaga.domain.errors import OrdersagaError
from ordersaga.domain.identifiers import OrderId
from ordersaga.domain.statuses import OrderStatus
from workflows.messages import OrderView

router = APIRouter(prefix="/v1/orders", tags=["orders"])
log = structlog.get_logger(__name__)

Filter = Annotated[str | None, Query(max_length=64, pattern=r"^[a-z0-9][a-z0-9_\-]*$")]


async def _place_ordinary(request: Request, body: NewOrder) -> Response:
    key = await PLACER(request, request.app.state.services, await bearer(request))
    headers = request.headers
    repeat = await checked_key(headers.get("idempotency-key"))
    return await place_order(body, request, key, parse_wait(headers.get("prefer")), repeat)


placing_router = APIRouter(prefix="/v1/orders", tags=["orders"], route_class=lean(_place_ordinary))


@placing_router.post(
    "",
    status_code=201,
    response_model=PlacedOrder,
    responses={
        202: {"model": PlacedOrder, "description": "Accepted: the outcome will be at Location; or it waits in line."},
        402: {"description": "The payment was declined; `decline_code` says why."},
        409: {
            "description": "Too few units left (`skus`; without `Location` nothing is kept), the buyer's limit reached "
            "(`sku`, `limit`, `has`), no day with room to ship (`lacking`), or order_id taken."
        },
        503: {"description": "Too many orders at once; nothing was stored: send it again after `Retry-After`."},
    },
)
async def place_order(
    body: NewOrder,
    request: Request,
    key: Placer,
    wait: Wait,
    repeat: RepeatKey,
) -> JSONResponse:
    """Place an order. 201 with its outcome (`Prefer: wait=N`), 202 while that is not known; 402, 409, 422 refuse it."""
    placing: Placing = request.app.state.placing
    return await placing.place(body, key, repeat, wait)


@router.get("")
async def list_orders(
    services: ServicesDep,
    key: Reader,
    status: OrderStatus | None = None,
    seller: Filter = None,
    channel: Filter = None,
    cursor: Annotated[str | None, Query(max_length=300)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> OrderPage:
    """Orders, newest first."""
    page = await services.journal.list_orders(
        seller=seller_scope(key, seller), status=status, channel=channel, cursor=cursor, limit=limit
    )
    waiting = await places_in_line(services, page.orders)
    orders = (OrderSummary.of(record, waiting.get(record.order.order_id)) for record in page.orders)
    return OrderPage(orders=tuple(orders), next_cursor=page.next_cursor)


@router.get("/{order_id}")
async def show_order(order_id: OrderId, services: ServicesDep, key: Reader, live: bool = False) -> OrderDocument:
    """One order, from the journal; `live=true` asks its saga as well (null if it does not answer)."""
    record = await find_order(services, key, order_id)
    waiting = await places_in_line(services, [record])
    return OrderDocument.of(record, waiting.get(order_id), live=await _live(services, order_id) if live else None)


async def _live(services: Services, order_id: str) -> OrderView | None:
    try:
        return await services.orders.state(order_id)
    except OrdersagaError as error:
        log.info("saga_not_asked", code=error.code)
        return None


@router.get("/{order_id}/timeline")
async def timeline(order_id: OrderId, services: ServicesDep, key: Reader) -> Timeline:
    """The order's whole story: journal, effects and messages, in the order they happened."""
    await find_order(services, key, order_id)
    return Timeline(order_id=order_id, entries=tuple(await services.journal.timeline(order_id)))


@router.get("/{order_id}/explain")
async def explain(order_id: OrderId, services: ServicesDep, key: Reader) -> Explanation:
    """Why the order is where it is, in words."""
    return await order_explained(services, await find_order(services, key, order_id), key)

"""Routes: what shoppers send back. A request the policy refuses is a problem with `reason` and `alternative`.

| refused because | status |
|---|---|
| a value names nothing of the order (`lines[0].sku`, ...) | 422 |
| the order, the window, the units or the return itself do not allow it | 409 |
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Final, TypeVar

import structlog
from fastapi import APIRouter, Depends, Path, Response
from pydantic import ValidationError

from ordersaga.api.access import Agent, Asker, Reader, Role, ServicesDep, acting, find_order, require
from ordersaga.api.explaining import return_explained
from ordersaga.api.idempotency import RepeatKey
from ordersaga.api.place_answers import unknown_skus
from ordersaga.api.problems import FieldError, Problem, from_validation, invalid
from ordersaga.api.request_log import bind_order
from ordersaga.api.return_shapes import (
    CancelReturnBody,
    ReceiptBody,
    ReturnBody,
    ReturnDocument,
    ReturnExplanation,
    ReturnList,
    WishBody,
)
from ordersaga.bootstrap import ApiKey, Services
from ordersaga.client_errors import OrderClosedError, OrderNotFoundError
from ordersaga.client_returns import ReturnClient
from ordersaga.domain.errors import OrdersagaError
from ordersaga.domain.identifiers import OrderId, parse_return_id
from ordersaga.domain.return_rules import refundable, returnable, wrong_inspection
from ordersaga.domain.returns import (
    FINAL_RETURNS,
    InspectedLine,
    Inspection,
    Refusal,
    ReturnAsk,
    ReturnCase,
    ReturnRecord,
    ReturnRequest,
    ReturnWish,
    WishedLine,
)
from ordersaga.remedies import listed_at
from workflows.return_state import CancelReturn, ReturnView

router = APIRouter(tags=["returns"])
log = structlog.get_logger(__name__)

ReturnId = Annotated[str, Path(max_length=80)]
T = TypeVar("T")
_ENDS_WITHIN: Final = 3.0
"""How long a cancellation is waited for, in seconds."""
_PAUSE: Final = 0.1


@router.post(
    "/v1/orders/{order_id}/returns",
    status_code=201,
    responses={200: {"model": ReturnDocument, "description": "The same request again: the return that stands."}},
)
async def request_return(
    order_id: OrderId, body: ReturnBody, services: ServicesDep, key: Asker, repeat: RepeatKey, response: Response
) -> ReturnDocument:
    """Ask to return goods. 201 with what the shopper is to do at its URL; repeated with its key or number, 200.

    With the wish `keep` nothing comes back and `amount` is given back: for the roles that may refund.
    """
    if body.wish is ReturnWish.KEEP:
        require(key, Role.SUPPORT, Role.OPERATOR)
    found = await find_order(services, key, order_id)
    await check_sold(services, found.order.seller, body.exchange_for)
    own_key = f"{key.id}/{repeat}" if repeat else None
    ask = ReturnAsk(request_of(body, key), own_key, body.number)
    answer = await services.returns.open(order_id, ask, datetime.now(UTC))
    if isinstance(answer, Refusal):
        raise refused(order_id, answer)
    response.status_code = 200 if answer.repeated else 201
    response.headers["Location"] = f"/v1/returns/{answer.record.case.return_id}"
    await start_return(services, answer.record)
    return ReturnDocument.of(answer.record)


@router.get("/v1/orders/{order_id}/returns")
async def list_returns(order_id: OrderId, services: ServicesDep, key: Reader) -> ReturnList:
    """The order's returns, by number, and what else may come back or be given back."""
    await find_order(services, key, order_id)
    facts = await services.returns.facts(order_id)
    return ReturnList(
        returns=tuple(map(ReturnDocument.of, facts.returns)),
        returnable=returnable(facts, datetime.now(UTC)),
        refundable=refundable(facts),
    )


async def _found(return_id: ReturnId, services: ServicesDep, key: Reader) -> ReturnRecord:
    """The return, or problem 404 when there is none that this key may see."""
    owner = parse_return_id(return_id)
    record = await services.returns.get(*owner) if owner else None
    if record is None or (key.seller and record.case.order.seller != key.seller):
        listed = listed_at("/v1/orders/ORDER_ID/returns", "return list ORDER_ID")
        detail = f"there is no return {return_id}; {listed}"
        raise Problem(404, "return_not_found", detail, return_id=return_id)
    bind_order(record.case.order_id)
    return record


Found = Annotated[ReturnRecord, Depends(_found)]


@router.get("/v1/returns/{return_id}")
async def show_return(record: Found, services: ServicesDep, live: bool = False) -> ReturnDocument:
    """One return; `live=true` asks its workflow as well (null if it does not answer)."""
    case, view = record.case, None
    if live:
        try:
            view = await ReturnClient(services.orders).state(case.order_id, case.number)
        except OrdersagaError as error:
            log.info("return_not_asked", code=error.code)
    return ReturnDocument.of(record, view)


@router.post("/v1/returns/{return_id}/receipt")
async def receive(key: Agent, record: Found, body: ReceiptBody, services: ServicesDep) -> ReturnDocument:
    """Say what the warehouse found: goods are booked and the shopper refunded by it. The same again changes nothing."""
    case, found = record.case, inspection_of(record.case, body, key)
    if record.inspection is not None and (record.inspection.lines, record.inspection.reason) == (
        found.lines,
        body.reason,
    ):
        return ReturnDocument.of(record)
    await _told(services, case, lambda running: running.receive(case.order_id, case.number, found))
    return await _now(services, case)


@router.post("/v1/returns/{return_id}/cancel")
async def cancel(
    key: Agent, record: Found, services: ServicesDep, body: CancelReturnBody | None = None
) -> ReturnDocument:
    """The shopper keeps the goods: possible until the carrier has them.

    Answers once it took effect; where that takes longer than 3 seconds, `live.awaiting` says that it is being canceled.
    """
    case, body = record.case, body or CancelReturnBody()
    asked = CancelReturn(by=acting(key, body.by), reason=body.reason)
    view = await _told(services, case, lambda running: running.cancel(case.order_id, case.number, asked))
    return await _ended(services, case, view)


@router.get("/v1/returns/{return_id}/explain")
async def explain(record: Found, services: ServicesDep) -> ReturnExplanation:
    """Why the return is where it is, in words."""
    return await return_explained(services, record)


def refused(order_id: str, refusal: Refusal) -> Problem:
    """A request the policy refuses, with what can be done instead."""
    if refusal.field is not None:
        return invalid([FieldError(field=refusal.field, message=refusal.reason, remedy=refusal.alternative)])
    detail = f"{refusal.reason}; {refusal.alternative}"
    return Problem(409, refusal.code, detail, order_id=order_id, reason=refusal.reason, alternative=refusal.alternative)


async def check_sold(services: Services, seller: str, wished: Sequence[WishBody]) -> None:
    """Problem 422 for wished goods that the order's seller does not have in the catalog."""
    unknown = await services.catalog.unknown(seller, [line.sku for line in wished])
    if unknown.skus:
        raise invalid(unknown_skus(seller, "exchange_for", wished, set(unknown.skus)))


def request_of(body: ReturnBody, key: ApiKey) -> ReturnRequest:
    """What is asked for, by whom. Problem 422 for what contradicts itself."""
    said = {name: getattr(body, name) for name in ("lines", "reason", "wish", "parcel", "amount", "note")}
    wished = tuple(WishedLine.model_validate(line.model_dump()) for line in body.exchange_for)
    try:
        return ReturnRequest(**said, exchange_for=wished, by=acting(key, body.by))
    except ValidationError as error:
        raise from_validation(error.errors(include_url=False)) from error


def inspection_of(case: ReturnCase, body: ReceiptBody, key: ApiKey) -> Inspection:
    """What was found, by whom. Problem 422 where it does not account for every unit."""
    lines = tuple(InspectedLine.model_validate(line.model_dump()) for line in body.lines)
    found = Inspection(lines=lines, by=acting(key, body.by), reason=body.reason)
    wrong = wrong_inspection(case.request, found)
    if wrong is not None:
        field, _, rest = wrong.partition(": ")
        message, _, remedy = rest.partition("; ")
        raise invalid([FieldError(field=field, message=message, remedy=remedy)])
    return found


async def start_return(services: Services, record: ReturnRecord) -> None:
    """Start a return's workflow; when Temporal does not answer, the relay's starter does it later."""
    if record.started:
        return
    try:
        await ReturnClient(services.orders).start(record.case)
        await services.returns.mark_started(record.case)
    except OrdersagaError as error:
        log.warning("start_left_to_starter", code=error.code, error=error.message)


async def _told(services: Services, case: ReturnCase, ask: Callable[[ReturnClient], Awaitable[T]]) -> T:
    """Tell the return's workflow, starting one that was accepted only just now."""
    running = ReturnClient(services.orders)
    try:
        return await ask(running)
    except OrderNotFoundError:
        await running.start(case)
        return await ask(running)
    except OrderClosedError as error:
        detail = f"return {case.return_id} has ended; ask for another one while the order's return window is open"
        raise Problem(409, "return_closed", detail, return_id=case.return_id) from error


async def _ended(services: Services, case: ReturnCase, view: ReturnView) -> ReturnDocument:
    """The return once it has ended; else, after a while, with what its workflow answered."""
    until = asyncio.get_running_loop().time() + _ENDS_WITHIN
    while (found := await _now(services, case)).status not in FINAL_RETURNS:
        if asyncio.get_running_loop().time() >= until:
            return found.model_copy(update={"live": view})
        await asyncio.sleep(_PAUSE)
    return found


async def _now(services: Services, case: ReturnCase) -> ReturnDocument:
    record = await services.returns.get(case.order_id, case.number)
    assert record is not None, "a return that was accepted is never deleted"
    return ReturnDocument.of(record)

"""Routes: what a return, its inspection or its cancellation would come to now; nothing is done."""

from collections.abc import Iterator
from datetime import UTC, datetime

from fastapi import APIRouter

from ordersaga.api.access import Agent, Asker, Role, ServicesDep, acting, find_order, require
from ordersaga.api.return_shapes import CancelReturnBody, ReceiptBody, ReturnBody
from ordersaga.api.returns import Found, check_sold, inspection_of, refused, request_of
from ordersaga.bootstrap import Services
from ordersaga.client_errors import OrderNotFoundError
from ordersaga.client_returns import ReturnClient
from ordersaga.domain.amounts import format_amount
from ordersaga.domain.identifiers import OrderId
from ordersaga.domain.return_rules import wanted_value, words
from ordersaga.domain.returns import Refusal, ReturnCase, ReturnRecord, ReturnWish
from workflows.foretelling import Foretold
from workflows.return_foretelling import ReturnPreview
from workflows.return_state import CancelReturn

router = APIRouter(tags=["returns"])


@router.post("/v1/orders/{order_id}/return-preview")
async def requested(order_id: OrderId, body: ReturnBody, services: ServicesDep, key: Asker) -> Foretold:
    """What `POST returns` with the same body would come to."""
    if body.wish is ReturnWish.KEEP:
        require(key, Role.SUPPORT, Role.OPERATOR)
    found = await find_order(services, key, order_id)
    await check_sold(services, found.order.seller, body.exchange_for)
    case = await services.returns.foresee(order_id, request_of(body, key), datetime.now(UTC))
    if isinstance(case, Refusal):
        if case.field is not None:
            raise refused(order_id, case)
        return Foretold(order_id=order_id, outcome="refused", effects=(f"{case.reason}; {case.alternative}.",))
    guarded = case.request.keeps_goods and wanted_value(case) > case.order.terms.second_person_above
    outcome = "awaiting_approval" if guarded else "possible"
    return Foretold.model_validate({"order_id": order_id, "outcome": outcome, "effects": tuple(_effects(case))})


@router.post("/v1/returns/{return_id}/receipt-preview")
async def received(key: Agent, record: Found, body: ReceiptBody, services: ServicesDep) -> Foretold:
    """What `receipt` with the same body would come to."""
    return await _foretold(services, record, ReturnPreview(receive=inspection_of(record.case, body, key)))


@router.post("/v1/returns/{return_id}/cancel-preview")
async def canceled(key: Agent, record: Found, services: ServicesDep, body: CancelReturnBody | None = None) -> Foretold:
    """What `cancel` with the same body would come to."""
    body = body or CancelReturnBody()
    asked = CancelReturn(by=acting(key, body.by), reason=body.reason)
    return await _foretold(services, record, ReturnPreview(cancel=asked))


async def _foretold(services: Services, record: ReturnRecord, asked: ReturnPreview) -> Foretold:
    """The words of its workflow."""
    case = record.case
    try:
        return await ReturnClient(services.orders).preview(case.order_id, case.number, asked)
    except OrderNotFoundError:
        if record.started:
            raise
        why = "Its workflow has not started yet; look again in a moment."
        return Foretold(order_id=case.order_id, outcome="refused", effects=(why,))


def _effects(case: ReturnCase) -> Iterator[str]:
    """A return as it would go if nothing is refused."""
    request, amount = case.request, format_amount(wanted_value(case), case.order.currency)
    if request.keeps_goods:
        yield f"{amount} of what was paid for parcel {case.plan.parcel} go back to the shopper, who keeps the goods."
        return
    yield f"The shopper sends {words(request.lines)} of parcel {case.plan.parcel} back to {case.plan.location}."
    yield "A label for the way back is bought; where none can be, the shopper is told where to send it."
    yield f"{amount} go back to the shopper for what is inspected and accepted."
    if request.wish is ReturnWish.EXCHANGE:
        wished = ", ".join(f"{one.quantity} {one.sku}" for one in request.exchange_for) or "the same goods"
        yield f"An exchange, {wished}, is placed as an order of its own once they are here."

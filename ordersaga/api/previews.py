"""Routes: what a hold, its release or a change would come to now; nothing is done. Cancellations: `cancel-preview`."""

from fastapi import APIRouter

from ordersaga.api.access import Agent, ServicesDep, acting, find_order
from ordersaga.api.change_shapes import AddressBody, RefundBody
from ordersaga.api.shapes import HoldBody
from ordersaga.api.started import has_ended
from ordersaga.api.waiting import refuse_if_waiting
from ordersaga.bootstrap import ApiKey, Services
from ordersaga.client_errors import OrderClosedError, OrderNotFoundError
from ordersaga.domain.identifiers import OrderId
from ordersaga.domain.journal import OrderRecord
from ordersaga.domain.returns import RETURNABLE
from ordersaga.domain.statuses import FINAL_STATUSES
from workflows.foretelling import Foretold, PreviewRequest
from workflows.messages import AddressChange, GoodwillRefund, HoldRequest

router = APIRouter(prefix="/v1/orders/{order_id}", tags=["order actions"])


@router.post("/address-preview")
async def address(order_id: OrderId, body: AddressBody, services: ServicesDep, key: Agent) -> Foretold:
    """What `address` with the same body would come to."""
    by = acting(key, body.by)
    asked = PreviewRequest(address=AddressChange(ship_to=body.ship_to, by=by, reason=body.reason))
    return await _foretold(services, await _record(services, key, order_id), asked)


@router.post("/refund-preview")
async def refund(order_id: OrderId, body: RefundBody, services: ServicesDep, key: Agent) -> Foretold:
    """What `refunds` with the same body would come to."""
    record, by = await _record(services, key, order_id), acting(key, body.by)
    if record.status in RETURNABLE:
        return _after_the_end(record, body)
    wanted = GoodwillRefund(amount=body.amount, parcel=body.parcel, by=by, reason=body.reason)
    return await _foretold(services, record, PreviewRequest(refund=wanted))


@router.post("/hold-preview")
async def hold(order_id: OrderId, body: HoldBody, services: ServicesDep, key: Agent) -> Foretold:
    """What `POST holds` with the same body would come to."""
    return await _foretold(services, await _record(services, key, order_id), PreviewRequest(hold=_hold(body, key)))


@router.post("/release-preview")
async def release(order_id: OrderId, body: HoldBody, services: ServicesDep, key: Agent) -> Foretold:
    """What `DELETE holds` of the same kind would come to."""
    return await _foretold(services, await _record(services, key, order_id), PreviewRequest(release=_hold(body, key)))


def _hold(body: HoldBody, key: ApiKey) -> HoldRequest:
    return HoldRequest(kind=body.kind, by=acting(key, body.by), reason=body.reason)


async def _record(services: Services, key: ApiKey, order_id: str) -> OrderRecord:
    record = await find_order(services, key, order_id)
    refuse_if_waiting(record)
    return record


async def _foretold(services: Services, record: OrderRecord, asked: PreviewRequest) -> Foretold:
    """The saga's words; an order without one that runs takes nothing of this."""
    if record.status in FINAL_STATUSES:
        return _ended(record)
    try:
        return await services.orders.preview_change(record.order.order_id, asked)
    except OrderClosedError:
        return _ended(record)
    except OrderNotFoundError:
        if record.started:
            raise
        return _refused(record, "Its saga has not started yet; look again in a moment.")


def _ended(record: OrderRecord) -> Foretold:
    return _refused(record, str(has_ended(record).body["detail"]))


def _refused(record: OrderRecord, why: str) -> Foretold:
    return Foretold(order_id=record.order.order_id, outcome="refused", effects=(why,))


def _after_the_end(record: OrderRecord, body: RefundBody) -> Foretold:
    """Goodwill is a return then, in which nothing comes back; how much of what was paid is left, it looks up."""
    guarded = body.amount > record.order.terms.second_person_above
    effects = [
        "A return is opened in which nothing comes back; it gives this amount, if as much is left of what was paid."
    ]
    if guarded:
        effects.append("It is more than one person may give: it waits for a second one.")
    outcome = "awaiting_approval" if guarded else "possible"
    return Foretold.model_validate({"order_id": record.order.order_id, "outcome": outcome, "effects": effects})

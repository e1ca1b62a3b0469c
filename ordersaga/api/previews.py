"""Routes: what a hold, its release or a change would come to now; nothing is done. Cancellations: `cancel-preview`."""

from datetime import UTC, datetime
from typing import Annotated, TypeVar

from fastapi import APIRouter, Depends

from ordersaga.api import change_shapes as bodies
from ordersaga.api.access import Agent, ServicesDep, acting, find_order
from ordersaga.api.arrivals import cannot_arrive, parcel_status
from ordersaga.api.destinations import check_carrier, provider_at, stop_at_address, stop_at_provider
from ordersaga.api.goodwill import request_of
from ordersaga.api.shapes import HoldBody
from ordersaga.api.started import check_lines, has_ended
from ordersaga.api.waiting import refuse_if_waiting
from ordersaga.bootstrap import Services
from ordersaga.client_errors import OrderClosedError, OrderNotFoundError
from ordersaga.domain.identifiers import OrderId
from ordersaga.domain.journal import OrderRecord
from ordersaga.domain.orders import LineQuantity
from ordersaga.domain.return_rules import wanted
from ordersaga.domain.returns import RETURNABLE, Refusal
from ordersaga.domain.statuses import FINAL_STATUSES, ParcelStatus
from ordersaga.domain.stops import StopRule
from workflows import messages
from workflows.foretelling import Foretold, PreviewRequest
from workflows.messages import Asked, HoldRequest

A = TypeVar("A", bound=Asked)

router = APIRouter(prefix="/v1/orders/{order_id}", tags=["order actions"])


class Preview:
    """One question what something would come to: who asks, and of which order."""

    def __init__(self, order_id: OrderId, services: ServicesDep, key: Agent) -> None:
        self.services = services
        self._order_id, self._key = order_id, key

    async def record(self) -> OrderRecord:
        """The order that is meant; problem 409 for one that has no saga, because it waits in line."""
        record = await find_order(self.services, self._key, self._order_id)
        refuse_if_waiting(record)
        return record

    def by(self, asked_by: str | None) -> str:
        """Who would act."""
        return acting(self._key, asked_by)

    async def change(self, name: str, body: bodies.ChangeBody, kind: type[A], **more: object) -> Foretold:
        """What its saga says to a change; `more` are fields that are not the body's own."""
        record = await self.record()
        said = {field: getattr(body, field) for field in type(body).model_fields}
        asked = kind(**{**said, **more, "by": self.by(body.by)})
        return await _foretold(self.services, record, PreviewRequest.model_validate({name: asked}))

    async def hold(self, name: str, body: HoldBody) -> Foretold:
        """The same for a hold, or its release."""
        record = await self.record()
        asked = HoldRequest(kind=body.kind, by=self.by(body.by), reason=body.reason)
        return await _foretold(self.services, record, PreviewRequest.model_validate({name: asked}))


PreviewDep = Annotated[Preview, Depends()]


@router.post("/address-preview")
async def address(body: bodies.AddressBody, preview: PreviewDep) -> Foretold:
    """What `address` with the same body would come to."""
    record = await preview.record()
    stopped = _stopped(record, await stop_at_address(preview.services, record, body.ship_to))
    return stopped or await preview.change("address", body, messages.AddressChange)


@router.post("/expedite-preview")
async def expedite(body: bodies.ExpediteBody, preview: PreviewDep) -> Foretold:
    """What `expedite` with the same body would come to."""
    return await preview.change("expedite", body, messages.Expedite)


@router.post("/split-preview")
async def split(body: bodies.SplitBody, preview: PreviewDep) -> Foretold:
    """What `split` with the same body would come to."""
    check_lines(await preview.record(), body.lines)
    lines = tuple(LineQuantity(sku=line.sku, quantity=line.quantity) for line in body.lines)
    return await preview.change("split", body, messages.SplitParcel, lines=lines)


@router.post("/move-preview")
async def move(body: bodies.MoveBody, preview: PreviewDep) -> Foretold:
    """What `move` with the same body would come to."""
    record = await preview.record()
    provider = await provider_at(preview.services, record, body.location)
    stopped = _stopped(record, await stop_at_provider(preview.services, record.order_of(body.parcel), provider))
    return stopped or await preview.change("move", body, messages.MoveParcel, provider=provider)


@router.post("/carrier-preview")
async def carrier(body: bodies.CarrierBody, preview: PreviewDep) -> Foretold:
    """What `carrier` with the same body would come to."""
    check_carrier(preview.services, await preview.record(), body.carrier)
    return await preview.change("carrier", body, messages.ChangeCarrier)


@router.post("/payment-preview")
async def payment(body: bodies.PaymentBody, preview: PreviewDep) -> Foretold:
    """What `payment` with the same body would come to."""
    return await preview.change("payment", body, messages.ChangePayment)


@router.post("/delay-preview")
async def delay(body: bodies.DelayBody, preview: PreviewDep) -> Foretold:
    """What `delay` with the same body would come to."""
    return await preview.change("delay", body, messages.DelayConsent)


@router.post("/refund-preview")
async def refund(body: bodies.RefundBody, preview: PreviewDep) -> Foretold:
    """What `refunds` with the same body would come to."""
    record = await preview.record()
    if record.status in RETURNABLE:
        return await _after_the_end(preview, record, body)
    return await preview.change("refund", body, messages.GoodwillRefund)


@router.post("/hold-preview")
async def hold(body: HoldBody, preview: PreviewDep) -> Foretold:
    """What `POST holds` with the same body would come to."""
    return await preview.hold("hold", body)


@router.post("/release-preview")
async def release(body: HoldBody, preview: PreviewDep) -> Foretold:
    """What `DELETE holds` of the same kind would come to."""
    return await preview.hold("release", body)


@router.post("/arrival-preview")
async def arrival(body: bodies.ArrivalBody, preview: PreviewDep) -> Foretold:
    """What `arrivals` with the same body would come to."""
    record = await preview.record()
    preview.by(body.by)
    if record.status in FINAL_STATUSES:
        return _ended(record)
    try:
        status = await parcel_status(preview.services, record.order.order_id, body.parcel)
    except OrderClosedError:
        return _ended(record)
    refusal = cannot_arrive(body.parcel, status)
    if refusal is not None:
        return _refused(record, f"{refusal}.")
    if status is ParcelStatus.DELIVERED:
        return _possible(record, f"Parcel {body.parcel} has arrived already: nothing changes.")
    return _possible(
        record,
        f"Parcel {body.parcel} counts as delivered from now on, though nobody but you says so.",
        "Its return window begins, and what is still to be paid for it is taken.",
    )


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


def _stopped(record: OrderRecord, found: tuple[StopRule, str] | None) -> Foretold | None:
    return _refused(record, f"{found[1]}.") if found else None


def _refused(record: OrderRecord, why: str) -> Foretold:
    return Foretold(order_id=record.order.order_id, outcome="refused", effects=(why,))


def _possible(record: OrderRecord, *effects: str) -> Foretold:
    return Foretold(order_id=record.order.order_id, outcome="possible", effects=effects)


async def _after_the_end(preview: Preview, record: OrderRecord, body: bodies.RefundBody) -> Foretold:
    """Goodwill is a return then, in which nothing comes back: it is accepted or refused as at its own door."""
    asked = messages.GoodwillRefund(amount=body.amount, parcel=body.parcel, by=preview.by(body.by), reason=body.reason)
    case = await preview.services.returns.foresee(record.order.order_id, request_of(asked), datetime.now(UTC))
    if isinstance(case, Refusal):
        return _refused(record, f"{case.reason}; {case.alternative}.")
    guarded = body.amount > record.order.terms.second_person_above
    effects = [f"A return is opened in which nothing comes back: {wanted(case)}."]
    if guarded:
        effects.append("It is more than one person may give: it waits for a second one.")
    outcome = "awaiting_approval" if guarded else "possible"
    return Foretold.model_validate({"order_id": record.order.order_id, "outcome": outcome, "effects": effects})

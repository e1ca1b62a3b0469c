"""Routes: changes to a running order. Each is done, taken (202), or refused with a reason and what to do instead (409).

| answer | status |
|---|---|
| `done` | 200 |
| `pending`, `awaiting_approval` | 202 |
| refused, or the order has ended | 409 |

Goodwill (`/refunds`) is given after the end, too: see `goodwill`.
"""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, TypeVar

from fastapi import APIRouter, Depends, Response

from ordersaga.api import change_shapes as bodies
from ordersaga.api import goodwill
from ordersaga.api.access import Agent, ServicesDep, acting, find_order
from ordersaga.api.destinations import check_carrier, provider_at, stop_at_address, stop_at_provider
from ordersaga.api.idempotency import RepeatKey, request_id
from ordersaga.api.prefer import Wait, applied
from ordersaga.api.problems import Problem
from ordersaga.api.started import ask_started, check_lines, has_ended, refuse_if_ended
from ordersaga.client_errors import OrderClosedError, OrderRefusedError, SagaUnreachableError, UndecidedError
from ordersaga.domain.identifiers import OrderId
from ordersaga.domain.journal import OrderRecord
from ordersaga.domain.orders import LineQuantity
from ordersaga.domain.returns import RETURNABLE
from ordersaga.domain.stops import StopRule
from workflows import messages
from workflows.messages import Asked, ChangeAnswer

_TAKEN: Final[dict[int | str, dict[str, Any]]] = {
    202: {"model": ChangeAnswer, "description": "Taken, or waiting for a second person."}
}
_MAYBE: Final = (
    "the order did not answer in time, so the change may still be made; repeat the request with the same "
    "Idempotency-Key to hear what became of it"
)
_LOOK_AGAIN: Final = timedelta(minutes=1)
A = TypeVar("A", bound=Asked)

router = APIRouter(prefix="/v1/orders/{order_id}", tags=["order changes"], responses=_TAKEN)


class Change:
    """One request for a change: who asks, for which order, how long they wait."""

    def __init__(
        self, order_id: OrderId, services: ServicesDep, key: Agent, wait: Wait, response: Response, repeat: RepeatKey
    ) -> None:
        self.services = services
        self._order_id, self._key, self._wait, self._repeat = order_id, key, wait, repeat
        self._response = response

    async def ask(self, body: bodies.ChangeBody, kind: type[Asked], **more: object) -> ChangeAnswer:
        """Ask the order's saga; `more` are fields that are not the body's own."""
        record = await self.record()
        refuse_if_ended(record)
        if isinstance(body, bodies.SplitBody):
            check_lines(record, body.lines)
        return self._told(await self._answer(record, await self._message(body, kind, **more)))

    async def record(self) -> OrderRecord:
        """The order that is meant."""
        return await find_order(self.services, self._key, self._order_id)

    def refuse_stopped(self, found: tuple[StopRule, str] | None) -> None:
        """Problem 409 where the change would lead into a stop."""
        if found is not None:
            raise _refused(self._order_id, found[1], stop_id=found[0].stop_id)

    async def ask_goodwill(self, body: bodies.RefundBody) -> ChangeAnswer:
        """Ask the order's saga or, once that has ended with the goods at the shopper's, without it."""
        record = await find_order(self.services, self._key, self._order_id)
        asked = await self._message(body, messages.GoodwillRefund)
        look_back = self._repeat is not None
        if record.status not in RETURNABLE:
            refuse_if_ended(record)
            look_back = True
            try:
                return self._told(await self._from_saga(record, asked))
            except OrderClosedError:
                record = await find_order(self.services, self._key, self._order_id)
        if record.status not in RETURNABLE:
            raise has_ended(record)
        return self._told(await self._after_the_end(record, asked, look_back))

    async def _after_the_end(
        self, record: OrderRecord, asked: messages.GoodwillRefund, look_back: bool
    ) -> ChangeAnswer:
        try:
            return await goodwill.give(self.services, record, asked, self._wait, look_back=look_back)
        except SagaUnreachableError as error:
            raise Problem(503, error.code, _MAYBE, headers={"Retry-After": "1"}) from error

    async def _message(self, body: bodies.ChangeBody, kind: type[A], **more: object) -> A:
        known = await request_id(self.services, self._key, self._repeat, self._order_id, body, kind.__name__)
        said = {name: getattr(body, name) for name in type(body).model_fields}
        return kind(**{**said, **more, "by": acting(self._key, body.by), "request_id": known})

    async def _answer(self, record: OrderRecord, asked: Asked) -> ChangeAnswer:
        try:
            return await self._from_saga(record, asked)
        except OrderClosedError as error:
            raise has_ended(await find_order(self.services, self._key, self._order_id)) from error

    async def _from_saga(self, record: OrderRecord, asked: Asked) -> ChangeAnswer:
        """Its answer; raises OrderClosedError when it has ended."""
        orders, order_id = self.services.orders, self._order_id
        try:
            return await ask_started(self.services, record, lambda: orders.change(order_id, asked, self._wait))
        except OrderRefusedError as error:
            raise _refused(order_id, error.message) from error
        except UndecidedError:
            return _undecided(record, asked)
        except SagaUnreachableError as error:
            raise Problem(503, error.code, _MAYBE, headers={"Retry-After": "1"}) from error

    def _told(self, answer: ChangeAnswer) -> ChangeAnswer:
        if answer.outcome == "refused":
            raise _refused(self._order_id, answer.message, change_id=answer.change_id, order_status=answer.status)
        self._response.headers.update(applied(self._wait))
        self._response.status_code = 200 if answer.outcome in ("done", "partly_done") else 202
        return answer


ChangeDep = Annotated[Change, Depends()]


def _refused(order_id: str, message: str, **more: str) -> Problem:
    """409: `reason`, `alternative` (what can be done instead), and in `detail` both."""
    reason, _, alternative = message.partition("; ")
    members: dict[str, Any] = {"order_id": order_id, "reason": reason, "alternative": alternative, **more}
    return Problem(409, "change_refused", message, **members)


def _undecided(record: OrderRecord, asked: Asked) -> ChangeAnswer:
    return ChangeAnswer(
        order_id=record.order.order_id,
        change_id=asked.request_id or "",
        outcome="pending",
        status=record.status,
        message="the order has taken the request and has not decided yet",
        answer_by=datetime.now(UTC) + _LOOK_AGAIN,
    )


@router.post("/address")
async def address(body: bodies.AddressBody, change: ChangeDep) -> ChangeAnswer:
    """Ship to another address: freely until a label exists, afterwards only where the provider takes it."""
    change.refuse_stopped(await stop_at_address(change.services, await change.record(), body.ship_to))
    return await change.ask(body, messages.AddressChange)


@router.post("/expedite")
async def expedite(body: bodies.ExpediteBody, change: ChangeDep) -> ChangeAnswer:
    """Ship by the faster service, at the seller's cost."""
    return await change.ask(body, messages.Expedite)


@router.post("/split")
async def split(body: bodies.SplitBody, change: ChangeDep) -> ChangeAnswer:
    """Let units of a parcel leave in a parcel of their own."""
    lines = tuple(LineQuantity(sku=line.sku, quantity=line.quantity) for line in body.lines)
    return await change.ask(body, messages.SplitParcel, lines=lines)


@router.post("/move")
async def move(body: bodies.MoveBody, change: ChangeDep) -> ChangeAnswer:
    """Ship a parcel from another location, with its provider."""
    record = await change.record()
    provider = await provider_at(change.services, record, body.location)
    change.refuse_stopped(await stop_at_provider(change.services, record.order_of(body.parcel), provider))
    return await change.ask(body, messages.MoveParcel, provider=provider)


@router.post("/carrier")
async def carrier(body: bodies.CarrierBody, change: ChangeDep) -> ChangeAnswer:
    """Let another carrier take a parcel whose label we buy."""
    check_carrier(change.services, await change.record(), body.carrier)
    return await change.ask(body, messages.ChangeCarrier)


@router.post("/refunds")
async def refunds(body: bodies.RefundBody, change: ChangeDep) -> ChangeAnswer:
    """Give money back though the goods are kept, also after the order's end; much of it takes a second person."""
    return await change.ask_goodwill(body)


@router.post("/payment")
async def payment(body: bodies.PaymentBody, change: ChangeDep) -> ChangeAnswer:
    """Reserve the amounts anew with another payment method."""
    return await change.ask(body, messages.ChangePayment)


@router.post("/delay")
async def delay(body: bodies.DelayBody, change: ChangeDep) -> ChangeAnswer:
    """Take the shopper's answer to a delay notice."""
    return await change.ask(body, messages.DelayConsent)

"""What whoever places an order is told: 201, 202, or a problem, from what the saga or the journal says of the order."""

from collections.abc import Sequence, Set
from datetime import timedelta
from typing import Any, Final

from fastapi.responses import JSONResponse

from ordersaga.api.prefer import applied
from ordersaga.api.problems import MEDIA_TYPE, FieldError, Problem, invalid
from ordersaga.api.return_shapes import WishBody
from ordersaga.api.shapes import PlacedOrder, WaitingPlace, promised
from ordersaga.bootstrap import (
    BuyerNeeded,
    KeyMismatch,
    NoCapacity,
    OverBuyerLimit,
    Refused,
    SoldOut,
    Stand,
    Stopped,
    Waiting,
)
from ordersaga.domain.journal import OrderRecord
from ordersaga.domain.orders import Order, OrderLine
from ordersaga.domain.statuses import ConfirmOutcome, OrderStatus
from ordersaga.domain.stops import StopRule
from workflows.messages import ConfirmAnswer

_PAYMENT_REFUSED: Final = "stripe_refused"
"""A reason: the payment company took the request for a wrong one, and declined nothing."""
_METHOD_REFUSED: Final = FieldError(
    field="payment.payment_method",
    message="the payment company refused the request that names it, as of one it does not know",
    remedy="send a payment method that exists in this account; if it does, read the worker's log",
)


def answer_from_saga(order: Order, answer: ConfirmAnswer, wait: timedelta | None) -> JSONResponse:
    """What the saga decided, as HTTP: 201, or a problem with 402, 409 or 422."""
    refusal = _refusal(order, answer.outcome, answer.reason)
    if refusal is not None:
        return refusal
    placed = PlacedOrder(**answer.model_dump(), total=order.total, currency=order.currency, promised=promised(order))
    return as_json(_status(answer.outcome), placed.model_dump(mode="json"), order.order_id, applied(wait))


def answer_from_record(record: OrderRecord) -> JSONResponse:
    """The same from the journal, for an order whose saga is not asked any more."""
    order, outcome = record.order, ConfirmOutcome(record.outcome) if record.outcome else None
    refusal = _refusal(order, outcome, record.reason) if outcome else None
    if refusal is not None:
        return refusal
    placed = PlacedOrder(
        order_id=order.order_id,
        status=record.status,
        outcome=outcome,
        reason=record.reason,
        parcels=len(record.parcels),
        total=order.total,
        currency=order.currency,
        ship_by=order.ship_by,
        promised=promised(order),
    )
    return as_json(_status(outcome), placed.model_dump(mode="json"), order.order_id)


def _status(outcome: ConfirmOutcome | None) -> int:
    """202 as long as nobody can know whether the order will be: the outcome is unknown, or a bank takes days."""
    return 202 if outcome in (None, ConfirmOutcome.PAYMENT_PENDING) else 201


def going_on(order: Order, wait: timedelta | None) -> JSONResponse:
    """202: the order is ours; its outcome will be at `Location`."""
    placed = PlacedOrder(
        order_id=order.order_id,
        status=OrderStatus.PENDING,
        total=order.total,
        currency=order.currency,
        ship_by=order.ship_by,
        promised=promised(order),
    )
    return as_json(202, placed.model_dump(mode="json"), order.order_id, applied(wait))


def refusal_of(refused: Refused | Waiting, order: Order) -> JSONResponse:
    """What a checkout is told whose order was not accepted, at least not yet.

    Raises Problem for a refusal that leaves nothing behind.
    """
    if isinstance(refused, Waiting):
        return waits(order, WaitingPlace(place=refused.place, lacking=refused.lacking, until=refused.until))
    if isinstance(refused, SoldOut):
        return sold_out(order.order_id, list(refused.missing))
    if isinstance(refused, KeyMismatch):
        raise _mismatch(refused)
    if isinstance(refused, Stopped):
        raise stopped(refused.rule, order.order_id)
    if isinstance(refused, BuyerNeeded):
        raise _buyer_needed(refused)
    raise _over_limit(refused) if isinstance(refused, OverBuyerLimit) else _no_capacity(refused)


def waits(order: Order, waiting: WaitingPlace) -> JSONResponse:
    """202: the order is ours and waits in line; nothing is held or charged."""
    placed = PlacedOrder(
        order_id=order.order_id,
        status=OrderStatus.WAITLISTED,
        reason=f"waits for {', '.join(waiting.lacking)}",
        total=order.total,
        currency=order.currency,
        waiting=waiting,
    )
    return as_json(202, placed.model_dump(mode="json"), order.order_id)


def stopped(rule: StopRule, order_id: str | None) -> Problem:
    """409: an operator stopped orders like this one; what, and until when."""
    named: dict[str, Any] = {"order_id": order_id} if order_id is not None else {}
    until = rule.until.isoformat() if rule.until else None
    detail = f"{rule.told()}; nothing was held, charged or stored"
    return Problem(409, "stopped", detail, stopped=rule.match.named(), until=until, stop_id=rule.stop_id, **named)


def place_in_line(stand: Stand) -> WaitingPlace:
    """Where an order stands, as told."""
    return WaitingPlace(place=stand.place, lacking=stand.lacking, until=stand.until)


def _buyer_needed(refused: BuyerNeeded) -> Problem:
    skus = ", ".join(refused.skus)
    advice = "send the channel's stable id of the shopper, 1 to 100 visible characters, nothing that names the person"
    return invalid([FieldError(field="buyer", message=f"a buyer may have only so many of {skus}", remedy=advice)])


def _over_limit(refused: OverBuyerLimit) -> Problem:
    left = max(0, refused.limit - refused.has)
    advice = f"order at most {left}" if left else "order without it"
    detail = (
        f"a buyer may have {refused.limit} of {refused.sku}, and this one has {refused.has}; {advice}. "
        "Nothing was held, charged or stored"
    )
    return Problem(409, "buyer_limit", detail, sku=refused.sku, limit=refused.limit, has=refused.has)


def _no_capacity(refused: NoCapacity) -> Problem:
    detail = (
        f"no day from today until {refused.days} days from now has room to ship {', '.join(refused.lacking)}; "
        "try again later, or with waitlist: true where that is allowed. Nothing was held, charged or stored"
    )
    return Problem(409, "no_capacity", detail, lacking=list(refused.lacking))


def sold_out(order_id: str, skus: list[str]) -> JSONResponse:
    """409: too few units of `skus` are left; nothing is held and nothing will be charged."""
    detail = f"too few units left of {', '.join(skus) or 'this order'}; nothing was held or charged"
    return Problem(409, "sold_out", detail, order_id=order_id, skus=skus, headers=_location(order_id)).response()


def _refusal(order: Order, outcome: ConfirmOutcome, reason: str | None) -> JSONResponse | None:
    """The problem for an outcome that is a refusal; None for one that is not."""
    order_id, headers = order.order_id, _location(order.order_id)
    if outcome is ConfirmOutcome.SOLD_OUT:
        skus = [line.sku for line in order.lines]
        return sold_out(order_id, [sku for sku in skus if sku in _words(reason)] or skus)
    if outcome is ConfirmOutcome.DECLINED:
        detail = f"the payment was declined ({reason}); ask for another way to pay" if reason else "declined"
        problem = Problem(402, "declined", detail, order_id=order_id, decline_code=reason, headers=headers)
        return problem.response()
    if outcome in (ConfirmOutcome.REJECTED, ConfirmOutcome.CANCELED):
        detail = f"the order was {outcome}: {reason or 'no reason given'}"
        errors = [_METHOD_REFUSED] if reason == _PAYMENT_REFUSED else []
        told = Problem(
            422, f"order_{outcome}", detail, errors=errors, order_id=order_id, reason=reason, headers=headers
        )
        return told.response()
    return None


def _words(reason: str | None) -> set[str]:
    return {word.strip(" ,;:()") for word in (reason or "").split()}


def in_doubt(order: Order) -> Problem:
    """504: nobody knows whether the order was stored. Under its id it is found, or placed, and never placed twice."""
    detail = (
        f"whether the order was taken is not known; look at it, and if it is not there send it again, "
        f"with order_id {order.order_id}: that never places it twice"
    )
    headers = {**_location(order.order_id), "Retry-After": "1"}
    return Problem(504, "order_in_doubt", detail, order_id=order.order_id, headers=headers)


def _mismatch(found: KeyMismatch) -> Problem:
    """The key, or the order id, stands for another request."""
    if found.field == "idempotency_key":
        detail = "this Idempotency-Key was used for another order; use a new key for a new order"
        return Problem(422, "idempotency_key_reused", detail)
    detail = f"the id {found.order_id} is not free for this order; use a new one, or repeat the order that has it"
    return Problem(409, "order_id_taken", detail, order_id=found.order_id)


def unknown_skus(seller: str, field: str, lines: Sequence[OrderLine | WishBody], unknown: Set[str]) -> list[FieldError]:
    """The lines of `field` whose SKU the seller's catalog does not have."""
    return [
        FieldError(
            field=f"{field}[{index}].sku",
            message=f"{seller} sells no SKU {line.sku}",
            remedy="use a SKU of this seller, or load the catalog first",
        )
        for index, line in enumerate(lines)
        if line.sku in unknown
    ]


def _location(order_id: str) -> dict[str, str]:
    return {"Location": f"/v1/orders/{order_id}"}


def as_json(status: int, body: Any, order_id: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """An answer about an order, with its `Location`."""
    media_type = MEDIA_TYPE if status >= 400 else None
    return JSONResponse(body, status, headers={**_location(order_id), **(headers or {})}, media_type=media_type)

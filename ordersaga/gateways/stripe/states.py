"""Stripe's objects, as plain JSON, translated to payment states (https://docs.stripe.com/payments/paymentintents/lifecycle)."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from ordersaga.domain.payments import NextAction, PaymentRequest, PaymentState, PaymentStatus, RefundState

_STATUS = {
    "requires_payment_method": PaymentStatus.DECLINED,
    "requires_confirmation": PaymentStatus.PROCESSING,
    "requires_action": PaymentStatus.REQUIRES_ACTION,
    "processing": PaymentStatus.PROCESSING,
    "requires_capture": PaymentStatus.AUTHORIZED,
    "succeeded": PaymentStatus.CAPTURED,
    "canceled": PaymentStatus.VOIDED,
}
_DEAD = frozenset({PaymentStatus.DECLINED, PaymentStatus.VOIDED})
_REFUND_STATUS: dict[str, Literal["pending", "succeeded", "failed", "canceled"]] = {
    "pending": "pending",
    "requires_action": "pending",
    "succeeded": "succeeded",
    "failed": "failed",
    "canceled": "canceled",
}


def payment_status(intent: Mapping[str, Any]) -> PaymentStatus:
    """Where a PaymentIntent stands; a word Stripe has added since counts as undecided."""
    return _STATUS.get(intent["status"], PaymentStatus.PROCESSING)


def payment_state(intent: Mapping[str, Any]) -> PaymentState:
    """A PaymentIntent with its `latest_charge` expanded."""
    status, charge = payment_status(intent), _object(intent.get("latest_charge"))
    code, message = _reason(intent, status)
    return PaymentState(
        payment_id=intent["id"],
        status=status,
        amount=intent["amount"],
        capturable=intent.get("amount_capturable") or 0,
        captured=intent.get("amount_received") or 0,
        refunded=_refunded(charge),
        currency=intent["currency"].upper(),
        customer=_id(intent.get("customer")),
        payment_method=_id(intent.get("payment_method")),
        capture_before=_capture_before(charge) if status is PaymentStatus.AUTHORIZED else None,
        next_action=_next_action(intent) if status is PaymentStatus.REQUIRES_ACTION else None,
        code=code,
        message=message,
    )


def _reason(intent: Mapping[str, Any], status: PaymentStatus) -> tuple[str | None, str | None]:
    """Why a payment came to nothing; a lapsed authorization is canceled with the reason `automatic`."""
    if status is PaymentStatus.VOIDED:
        return intent.get("cancellation_reason"), None
    if status is not PaymentStatus.DECLINED:
        return None, None
    failure = _object(intent.get("last_payment_error"))
    return failure.get("decline_code") or failure.get("code") or "requires_payment_method", failure.get("message")


def _refunded(charge: Mapping[str, Any]) -> int:
    """What went back of what was taken: a reservation released, whole or in part, counts as refunded at Stripe too."""
    released = (charge.get("amount") or 0) - (charge.get("amount_captured") or 0)
    return max((charge.get("amount_refunded") or 0) - released, 0)


def _capture_before(charge: Mapping[str, Any]) -> datetime | None:
    """The exact deadline (https://docs.stripe.com/payments/place-a-hold-on-a-payment-method): it differs by card."""
    deadline = _object(_object(charge.get("payment_method_details")).get("card")).get("capture_before")
    return datetime.fromtimestamp(deadline, UTC) if deadline else None


def _next_action(intent: Mapping[str, Any]) -> NextAction:
    url = _object(_object(intent.get("next_action")).get("redirect_to_url")).get("url")
    kind: Literal["redirect", "use_sdk"] = "redirect" if url else "use_sdk"
    return NextAction(kind=kind, payment_id=intent["id"], url=url, client_secret=intent.get("client_secret"))


def declined(failure: Mapping[str, Any], code: str, message: str, request: PaymentRequest) -> PaymentState:
    """A decline is an answer: the payment that came of it, if the error names one."""
    intent = _object(failure.get("payment_intent"))
    return PaymentState(
        payment_id=intent.get("id") or "",
        status=PaymentStatus.DECLINED,
        amount=request.amount,
        currency=request.currency,
        customer=_id(intent.get("customer")) or request.customer,
        code=code,
        message=message,
    )


def likeliest(states: Iterable[PaymentState]) -> PaymentState | None:
    """Of payments under one key (its memory ends after a day) a live one, else the newest; they come newest first."""
    return min(states, key=lambda state: state.status in _DEAD, default=None)


def refund_state(refund: Mapping[str, Any], payment_id: str) -> RefundState:
    """A Refund (https://docs.stripe.com/refunds); it may stay pending until the balance covers it."""
    status = _REFUND_STATUS.get(str(refund.get("status")), "pending")
    return RefundState(refund_id=refund["id"], payment_id=payment_id, status=status, amount=refund["amount"])


def _object(value: object) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else {}


def _id(value: object) -> str | None:
    """An id, whether or not its object was expanded."""
    return value if isinstance(value, str) else _object(value).get("id")

"""A parcel's payment in words of the effect ledger: what is intended, what an answer comes to, the money it moved."""

from activities.payment_shapes import AuthorizationResult, ParcelPayment
from ordersaga.domain.books import (
    MoneyTransaction,
    Posting,
    authorization_ended,
    authorized,
    captured,
    platform_refunded,
    refunded,
)
from ordersaga.domain.effects import EffectIntent, EffectOutcome, EffectRow, EffectStatus
from ordersaga.domain.errors import OperatorError, RetryError
from ordersaga.domain.payment_methods import CAPABILITIES
from ordersaga.domain.payments import NextAction, PaymentRequest, PaymentState, PaymentStatus, RefundState

RECEIVED = (PaymentStatus.AUTHORIZED, PaymentStatus.CAPTURED)
"""The funds are reserved, or were taken at once."""
COLLECT = "collect"
"""The step under which money stands in the ledger that a channel's platform has collected."""
LAPSED = "authorization_lapsed"
UNDONE = "undone"


def taken(capture: EffectRow) -> int:
    """What a capture that is done really took, in minor units."""
    return int(capture.answer["captured"])


def money_back(collected_by: str | None, amount: int) -> tuple[Posting, ...]:
    """`amount` went back to the shopper from whoever had it."""
    return refunded(amount) if collected_by is None else platform_refunded(amount)


def payment_behind(authorization: EffectRow, authenticated: EffectRow | None) -> str:
    """Which payment an authorization led to, given what was entered when the shopper had passed its last step."""
    return str((authenticated or authorization).external_id)


def require_reserved(payment: ParcelPayment) -> None:
    if not 0 < payment.wanted <= payment.amount:
        message = f"take {payment.wanted} of {payment.amount} minor units reserved: ask for 1 to {payment.amount}"
        raise OperatorError("over_capture", message)


def payment_intent(step: str, payment: ParcelPayment, amount: int | None = None) -> EffectIntent:
    return EffectIntent(
        order_id=payment.order_id,
        step=step,
        parcel=payment.parcel,
        generation=payment.generation,
        amount=payment.amount if amount is None else amount,
        currency=payment.currency,
    )


def payment_request(payment: ParcelPayment, key: str) -> PaymentRequest:
    return PaymentRequest(
        order_id=payment.order_id,
        parcel=payment.parcel,
        reference=key,
        amount=payment.amount,
        currency=payment.currency,
        payment_method=payment.payment_method,
        customer=payment.customer,
        off_session=payment.off_session,
        save_for_later=payment.save_for_later,
        extended=payment.extended,
        link=payment.link,
        method_type=payment.method_type,
        return_url=payment.return_url,
        description=f"Order {payment.order_id}, parcel {payment.parcel}",
    )


def payment_money(
    payment: ParcelPayment, key: str, memo: str, postings: tuple[Posting, ...]
) -> tuple[MoneyTransaction, ...]:
    return (
        MoneyTransaction(
            transaction_id=f"{key}/{memo}",
            order_id=payment.order_id,
            parcel=payment.parcel,
            currency=payment.currency,
            memo=memo,
            postings=postings,
        ),
    )


def is_reserved(row: EffectRow) -> bool:
    return row.answer.get("status") in RECEIVED


def authorization_result(row: EffectRow) -> AuthorizationResult:
    if not row.answer:
        return AuthorizationResult(status=PaymentStatus.DECLINED, code=row.code, message=row.message)
    return AuthorizationResult.model_validate(row.answer)


def without_secrets(state: PaymentState) -> PaymentState:
    """The state without what would let anybody act for the shopper: ledgers and histories are read by many."""
    if state.next_action is None:
        return state
    action = NextAction(kind=state.next_action.kind, payment_id=state.payment_id)
    return state.model_copy(update={"next_action": action})


def authorized_outcome(payment: ParcelPayment, key: str, state: PaymentState) -> EffectOutcome:
    if state.status is PaymentStatus.PROCESSING and not CAPABILITIES[payment.method_type].slow:
        raise RetryError("payment_processing", "the payment company has not decided yet", unknown=True)
    refused = state.status in (PaymentStatus.DECLINED, PaymentStatus.VOIDED)
    reserved = state.status in RECEIVED
    return EffectOutcome(
        status=EffectStatus.REFUSED if refused else EffectStatus.DONE,
        external_id=state.payment_id,
        answer=without_secrets(state).model_dump(mode="json"),
        code=state.code or (state.status.value if refused else None),
        message=state.message,
        transactions=payment_money(payment, key, "authorized", authorized(payment.amount)) if reserved else (),
    )


def captured_outcome(payment: ParcelPayment, key: str, state: PaymentState) -> EffectOutcome:
    return EffectOutcome(
        status=EffectStatus.DONE,
        external_id=state.payment_id,
        answer={"captured": state.captured},
        transactions=payment_money(payment, key, "captured", captured(state.captured, payment.amount)),
    )


def voided_outcome(payment: ParcelPayment, key: str, state: PaymentState, reserved: bool) -> EffectOutcome:
    if state.status is PaymentStatus.CAPTURED:
        return EffectOutcome(status=EffectStatus.REFUSED, code="captured", message="the money was taken already")
    return EffectOutcome(
        status=EffectStatus.DONE,
        external_id=state.payment_id,
        answer={"status": state.status.value},
        transactions=payment_money(payment, key, "voided", authorization_ended(payment.amount)) if reserved else (),
    )


def refunded_outcome(payment: ParcelPayment, key: str, refund: RefundState) -> EffectOutcome:
    if refund.status in ("failed", "canceled"):
        return EffectOutcome(status=EffectStatus.REFUSED, external_id=refund.refund_id, code=f"refund_{refund.status}")
    return EffectOutcome(
        status=EffectStatus.DONE,
        external_id=refund.refund_id,
        answer=refund.model_dump(mode="json"),
        transactions=payment_money(payment, key, "refunded", money_back(payment.collected_by, refund.amount)),
    )

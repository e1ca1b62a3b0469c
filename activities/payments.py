"""Payments: authorize beside release, capture. One payment (Stripe: PaymentIntent) per parcel.

The ledger's rows of a parcel's payment, all under the same generation:
`authorize` (asked for), `authenticate` (the shopper completed a challenge), `capture`, `void`, `refund`.
"""

from datetime import datetime

from temporalio import activity

from activities.effects import Effects, always, as_it_stands, by_operator
from activities.failures import translated
from ordersaga.domain.books import MoneyTransaction, Posting, authorization_ended, authorized, captured, refunded
from ordersaga.domain.effects import EffectIntent, EffectOutcome, EffectRow, EffectStatus
from ordersaga.domain.errors import CustomerError, OperatorError, RetryError
from ordersaga.domain.payments import NextAction, PaymentRequest, PaymentState, PaymentStatus, RefundState
from ordersaga.domain.values import Message
from ordersaga.ports import EffectLedger, PaymentGateway


class ParcelPayment(Message):
    """A parcel's payment: all that asking for it needs, and all its undo needs. Amounts in minor units.

    `take`: how much of the reserved `amount` a capture takes, the rest is released; None: all of it.
    `refunded`: how much of this generation's capture partial refunds gave back already.
    """

    order_id: str
    parcel: int
    amount: int
    currency: str
    payment_method: str
    customer: str | None = None
    off_session: bool = False
    save_for_later: bool = False
    generation: int = 1
    take: int | None = None
    refunded: int = 0
    extended: bool = False

    @property
    def wanted(self) -> int:
        """What a capture takes."""
        return self.amount if self.take is None else self.take


class AuthorizationResult(Message):
    """Where the authorization stands: authorized, requires_action, declined or voided."""

    status: PaymentStatus
    customer: str | None = None
    capture_before: datetime | None = None
    next_action: NextAction | None = None
    code: str | None = None
    message: str | None = None


class CaptureResult(Message):
    """Taken (`captured` minor units), or refused with `code`."""

    captured: int = 0
    code: str | None = None
    message: str | None = None


class ReleaseResult(Message):
    """What the undo gave back, in minor units: a reservation voided, or a capture refunded."""

    voided: int = 0
    refunded: int = 0


class Payments:
    """Activities at the payment company."""

    def __init__(self, gateway: PaymentGateway, effects: Effects, ledger: EffectLedger) -> None:
        self._gateway = gateway
        self._effects = effects
        self._ledger = ledger

    @activity.defn
    @translated
    async def authorize(self, payment: ParcelPayment) -> AuthorizationResult:
        """Reserve the parcel's amount. A decline is an answer."""
        return _result(await self._authorize(payment))

    @activity.defn
    @translated
    async def refresh_authorization(self, payment: ParcelPayment) -> AuthorizationResult:
        """Look again at a payment that waited for the shopper, and enter it into the books once it is authorized."""
        row = await self._authorize(payment)
        state = await self._gateway.inquire(str(row.external_id))
        if state.status is PaymentStatus.AUTHORIZED and not _reserved(row):
            await self._adopt(payment, state)
        return AuthorizationResult.model_validate(_public(state).model_dump())

    @activity.defn
    @translated
    async def capture(self, payment: ParcelPayment) -> CaptureResult:
        """Take the parcel's amount, or `take` of it, once. A lapsed authorization leaves the books with its refusal.

        Raises OperatorError `over_capture` when `take` is more than was reserved, or nothing.
        """
        _require_reserved(payment)
        payment_id = str((await self._authorize(payment)).external_id)
        intent = await as_it_stands(self._ledger, _intent("capture", payment, payment.wanted), by_operator)

        async def call(key: str) -> EffectOutcome:
            try:
                return _captured(payment, key, await self._gateway.capture(payment_id, intent.amount or 0, key=key))
            except CustomerError as error:
                return await self._refused_capture(payment, key, payment_id, error)

        async def inquire(row: EffectRow) -> EffectOutcome | None:
            state = await self._gateway.inquire(payment_id)
            return _captured(payment, row.key, state) if state.captured else None

        row = await self._effects.perform(intent, call, inquire, by_operator)
        if row.status is EffectStatus.REFUSED:
            return CaptureResult(code=row.code, message=row.message)
        return CaptureResult(captured=taken(row))

    @activity.defn
    @translated
    async def release(self, payment: ParcelPayment) -> ReleaseResult:
        """Undo of `authorize` and `capture`: void what is reserved, refund what is left of what was taken.

        Exactly this generation: when the call is repeated late, a newer one may already have been captured.
        """
        row = await self._find("authorize", payment) or await self._never(payment)
        if row.status is EffectStatus.REFUSED:
            return ReleaseResult()
        row = await self._authorize(payment)  # an unknown outcome is settled first: same key, so at most one payment
        if row.status is EffectStatus.REFUSED:
            return ReleaseResult()
        return await self._give_back(payment, row)

    async def _never(self, payment: ParcelPayment) -> EffectRow:
        """Nobody asked, and nobody may any more: an attempt whose task Temporal gave up can still be on its way."""

        async def refuse(_: str) -> EffectOutcome:
            return EffectOutcome(status=EffectStatus.REFUSED, code=UNDONE, message="undone before it was asked for")

        async def inquire(row: EffectRow) -> EffectOutcome | None:
            found = await self._gateway.find(row.key)
            return _authorized(payment, row.key, found) if found else None

        return await self._effects.perform(_intent("authorize", payment), refuse, inquire, repeatable=False)

    async def _find(self, step: str, payment: ParcelPayment) -> EffectRow | None:
        return await self._ledger.find(payment.order_id, step, payment.parcel, payment.generation)

    async def _give_back(self, payment: ParcelPayment, row: EffectRow) -> ReleaseResult:
        capture = await self._find("capture", payment)
        if capture is not None:
            if capture.code == LAPSED:
                return ReleaseResult()
            if capture.status is EffectStatus.DONE:
                return ReleaseResult(refunded=await self._refund(payment, str(row.external_id), taken(capture)))
        voided = await self._void(payment, row)
        if voided.status is EffectStatus.DONE:
            if capture is not None and capture.status is not EffectStatus.REFUSED:
                await self._capture_impossible(payment)
            return ReleaseResult(voided=payment.amount if await self._was_reserved(payment, row) else 0)
        adopted = await self._capture_adopted(payment, str(row.external_id))
        return ReleaseResult(refunded=await self._refund(payment, str(row.external_id), taken(adopted)))

    async def _authorize(self, payment: ParcelPayment) -> EffectRow:
        async def call(key: str) -> EffectOutcome:
            return _authorized(payment, key, await self._gateway.authorize(_request(payment, key), key=key))

        async def inquire(row: EffectRow) -> EffectOutcome | None:
            found = await self._gateway.find(row.key)
            return _authorized(payment, row.key, found) if found else None

        return await self._effects.perform(_intent("authorize", payment), call, inquire)

    async def _adopt(self, payment: ParcelPayment, state: PaymentState) -> None:
        """Enter a reservation that came about without a call of ours (the shopper passed a challenge)."""

        async def adopt(key: str) -> EffectOutcome:
            return _authorized(payment, key, state)

        async def readopt(row: EffectRow) -> EffectOutcome | None:
            return _authorized(payment, row.key, state)

        await self._effects.perform(_intent("authenticate", payment), adopt, readopt)

    async def _was_reserved(self, payment: ParcelPayment, row: EffectRow) -> bool:
        if _reserved(row):
            return True
        return await self._find("authenticate", payment) is not None

    async def _refused_capture(
        self, payment: ParcelPayment, key: str, payment_id: str, error: CustomerError
    ) -> EffectOutcome:
        """A refused capture ends the reservation in the books only if the company says that it ended."""
        state = await self._gateway.inquire(payment_id)
        ended = state.status is PaymentStatus.VOIDED
        return EffectOutcome(
            status=EffectStatus.REFUSED,
            code=LAPSED if ended else error.code,
            message=error.message,
            transactions=_transaction(payment, key, "lapsed", authorization_ended(payment.amount)) if ended else (),
        )

    async def _void(self, payment: ParcelPayment, authorization: EffectRow) -> EffectRow:
        """Void; refused when the money was taken already (a capture crossed us)."""
        reserved = await self._was_reserved(payment, authorization)

        async def call(key: str) -> EffectOutcome:
            state = await self._gateway.void(str(authorization.external_id), key=key)
            return _voided(payment, key, state, reserved)

        async def inquire(row: EffectRow) -> EffectOutcome | None:
            state = await self._gateway.inquire(str(authorization.external_id))
            final = state.status in (PaymentStatus.VOIDED, PaymentStatus.CAPTURED)
            return _voided(payment, row.key, state, reserved) if final else None

        return await self._effects.perform(_intent("void", payment), call, inquire, by_operator)

    async def _refund(self, payment: ParcelPayment, payment_id: str, captured: int) -> int:
        """What partial refunds left of a capture; nothing is asked where they left nothing."""
        intent = _intent("refund", payment, captured - payment.refunded)
        intent = await as_it_stands(self._ledger, intent, always)
        amount = intent.amount or 0
        if amount <= 0:
            return 0

        async def call(key: str) -> EffectOutcome:
            return _refunded(payment, key, await self._gateway.refund(payment_id, amount, key=key))

        async def inquire(row: EffectRow) -> EffectOutcome | None:
            found = await self._gateway.find_refund(payment_id, row.key)
            return _refunded(payment, row.key, found) if found else None

        row = await self._effects.perform(intent, call, inquire, always)
        if row.status is EffectStatus.REFUSED:
            raise OperatorError(row.code or "refund_refused", row.message or "the payment company refused the refund")
        return amount

    async def _capture_adopted(self, payment: ParcelPayment, payment_id: str) -> EffectRow:
        """Enter a capture whose answer never reached us: its refund needs it in the books first."""
        intent = await as_it_stands(self._ledger, _intent("capture", payment, payment.wanted), always)

        async def adopt(key: str) -> EffectOutcome:
            return _captured(payment, key, await self._gateway.inquire(payment_id))

        async def readopt(row: EffectRow) -> EffectOutcome | None:
            return await adopt(row.key)

        return await self._effects.perform(intent, adopt, readopt, always)

    async def _capture_impossible(self, payment: ParcelPayment) -> None:
        """Settle a capture nobody answered: what is voided was never taken."""
        intent = await as_it_stands(self._ledger, _intent("capture", payment, payment.wanted))

        async def refuse(_: str) -> EffectOutcome:
            return EffectOutcome(status=EffectStatus.REFUSED, code="voided", message="the reservation was given back")

        async def inquire(_: EffectRow) -> EffectOutcome | None:
            return None

        await self._effects.perform(intent, refuse, inquire)


LAPSED = "authorization_lapsed"
UNDONE = "undone"


def taken(capture: EffectRow) -> int:
    """What a capture that is done really took, in minor units."""
    return int(capture.answer["captured"])


def _require_reserved(payment: ParcelPayment) -> None:
    if not 0 < payment.wanted <= payment.amount:
        message = f"take {payment.wanted} of {payment.amount} minor units reserved: ask for 1 to {payment.amount}"
        raise OperatorError("over_capture", message)


def _intent(step: str, payment: ParcelPayment, amount: int | None = None) -> EffectIntent:
    return EffectIntent(
        order_id=payment.order_id,
        step=step,
        parcel=payment.parcel,
        generation=payment.generation,
        amount=payment.amount if amount is None else amount,
        currency=payment.currency,
    )


def _request(payment: ParcelPayment, key: str) -> PaymentRequest:
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
        description=f"Order {payment.order_id}, parcel {payment.parcel}",
    )


def _transaction(
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


def _reserved(row: EffectRow) -> bool:
    return row.answer.get("status") == PaymentStatus.AUTHORIZED


def _result(row: EffectRow) -> AuthorizationResult:
    if not row.answer:
        return AuthorizationResult(status=PaymentStatus.DECLINED, code=row.code, message=row.message)
    return AuthorizationResult.model_validate(row.answer)


def _public(state: PaymentState) -> PaymentState:
    """The state without what would let anybody act for the shopper: ledgers and histories are read by many."""
    if state.next_action is None:
        return state
    action = NextAction(kind=state.next_action.kind, payment_id=state.payment_id)
    return state.model_copy(update={"next_action": action})


def _authorized(payment: ParcelPayment, key: str, state: PaymentState) -> EffectOutcome:
    if state.status is PaymentStatus.PROCESSING:
        raise RetryError("payment_processing", "the payment company has not decided yet", unknown=True)
    refused = state.status in (PaymentStatus.DECLINED, PaymentStatus.VOIDED)
    reserved = state.status is PaymentStatus.AUTHORIZED
    return EffectOutcome(
        status=EffectStatus.REFUSED if refused else EffectStatus.DONE,
        external_id=state.payment_id,
        answer=_public(state).model_dump(mode="json"),
        code=state.code or (state.status.value if refused else None),
        message=state.message,
        transactions=_transaction(payment, key, "authorized", authorized(payment.amount)) if reserved else (),
    )


def _captured(payment: ParcelPayment, key: str, state: PaymentState) -> EffectOutcome:
    return EffectOutcome(
        status=EffectStatus.DONE,
        external_id=state.payment_id,
        answer={"captured": state.captured},
        transactions=_transaction(payment, key, "captured", captured(state.captured, payment.amount)),
    )


def _voided(payment: ParcelPayment, key: str, state: PaymentState, reserved: bool) -> EffectOutcome:
    if state.status is PaymentStatus.CAPTURED:
        return EffectOutcome(status=EffectStatus.REFUSED, code="captured", message="the money was taken already")
    return EffectOutcome(
        status=EffectStatus.DONE,
        external_id=state.payment_id,
        answer={"status": state.status.value},
        transactions=_transaction(payment, key, "voided", authorization_ended(payment.amount)) if reserved else (),
    )


def _refunded(payment: ParcelPayment, key: str, refund: RefundState) -> EffectOutcome:
    if refund.status in ("failed", "canceled"):
        return EffectOutcome(status=EffectStatus.REFUSED, external_id=refund.refund_id, code=f"refund_{refund.status}")
    return EffectOutcome(
        status=EffectStatus.DONE,
        external_id=refund.refund_id,
        answer=refund.model_dump(mode="json"),
        transactions=_transaction(payment, key, "refunded", refunded(refund.amount)),
    )

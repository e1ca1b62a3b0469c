"""Payments: authorize beside release, capture. One payment (Stripe: PaymentIntent) per parcel.

The ledger's rows of a parcel's payment, all under the same generation:
`authorize` (asked for), `authenticate` (the shopper completed a challenge), `capture`, `void`, `refund`.
"""

from collections.abc import Mapping

from temporalio import activity

from activities.effects import Call, Effects, always, as_it_stands, by_operator
from activities.failures import translated
from activities.payment_outcomes import (
    COLLECT,
    LAPSED,
    RECEIVED,
    UNDONE,
    authorization_result,
    authorized_outcome,
    captured_outcome,
    is_reserved,
    payment_behind,
    payment_intent,
    payment_money,
    payment_request,
    refunded_outcome,
    require_reserved,
    taken,
    voided_outcome,
    without_secrets,
)
from activities.payment_shapes import AuthorizationResult, CaptureResult, ParcelPayment, ReleaseResult
from activities.purses import Purses
from ordersaga.channel_money import ChannelMoney
from ordersaga.domain.books import authorization_ended, platform_collected
from ordersaga.domain.effects import EffectOutcome, EffectRow, EffectStatus
from ordersaga.domain.errors import CustomerError, OperatorError
from ordersaga.domain.payments import PaymentState, PaymentStatus
from ordersaga.ports import EffectLedger, PaymentGateway

__all__ = [
    "LAPSED",
    "RECEIVED",
    "UNDONE",
    "AuthorizationResult",
    "CaptureResult",
    "ParcelPayment",
    "Payments",
    "ReleaseResult",
    "payment_behind",
    "taken",
]


class Payments:
    """Activities at the payment company."""

    def __init__(
        self,
        gateway: PaymentGateway,
        effects: Effects,
        ledger: EffectLedger,
        channels: Mapping[str, ChannelMoney] | None = None,
    ) -> None:
        self._gateway = gateway
        self._purses = Purses(gateway, channels or {})
        self._effects = effects
        self._ledger = ledger

    @activity.defn
    @translated
    async def authorize(self, payment: ParcelPayment) -> AuthorizationResult:
        """Reserve the parcel's amount, or take it at once where it cannot be reserved. A decline is an answer."""
        result = authorization_result(row := await self._authorize(payment))
        if result.status is PaymentStatus.CAPTURED:
            await self._capture_adopted(payment, await self._payment_id(payment, row))
        return result

    @activity.defn
    @translated
    async def refresh_authorization(self, payment: ParcelPayment) -> AuthorizationResult:
        """Look again at a payment that waited for the shopper or the bank; what is paid enters the books."""
        row = await self._authorize(payment)
        state = await self._gateway.inquire(str(row.external_id))
        await self._enter(payment, row, state)
        return AuthorizationResult.model_validate(without_secrets(state).model_dump())

    @activity.defn
    @translated
    async def capture(self, payment: ParcelPayment) -> CaptureResult:
        """Take the parcel's amount, or `take` of it, once. A lapsed authorization leaves the books with its refusal.

        Raises OperatorError `over_capture` when `take` is more than was reserved, or nothing.
        """
        require_reserved(payment)
        payment_id = await self._payment_id(payment, await self._authorize(payment))
        intent = await as_it_stands(self._ledger, payment_intent("capture", payment, payment.wanted), by_operator)

        async def call(key: str) -> EffectOutcome:
            try:
                return captured_outcome(
                    payment, key, await self._gateway.capture(payment_id, intent.amount or 0, key=key)
                )
            except CustomerError as error:
                return await self._refused_capture(payment, key, payment_id, error)

        async def inquire(row: EffectRow) -> EffectOutcome | None:
            state = await self._gateway.inquire(payment_id)
            return captured_outcome(payment, row.key, state) if state.captured else None

        row = await self._effects.perform(intent, call, inquire, by_operator)
        if row.status is EffectStatus.REFUSED:
            return CaptureResult(code=row.code, message=row.message)
        return CaptureResult(captured=taken(row))

    @activity.defn
    @translated
    async def release(self, payment: ParcelPayment) -> ReleaseResult:
        """Undo of the three above: void what is reserved, refund what is left of what was taken.

        Exactly this generation: when the call is repeated late, a newer one may already have been captured.
        """
        if payment.collected_by is not None:
            return await self._give_back_collected(payment)
        row = await self._find("authorize", payment) or await self._never(payment)
        if row.status is EffectStatus.REFUSED:
            return ReleaseResult()
        row = await self._authorize(payment)  # an unknown outcome is settled first: same key, so at most one payment
        if row.status is EffectStatus.REFUSED:
            return ReleaseResult()
        return await self._give_back(payment, row)

    @activity.defn
    @translated
    async def enter_collected(self, payment: ParcelPayment) -> CaptureResult:
        """The channel's platform has the money: it enters the books, nobody is asked."""

        async def enter(key: str) -> EffectOutcome:
            money = payment_money(payment, key, "collected", platform_collected(payment.amount))
            answer = {"collected": payment.amount, "by": payment.collected_by}
            return EffectOutcome(status=EffectStatus.DONE, answer=answer, transactions=money)

        row = await self._entered(payment, enter)
        entered = row.status is EffectStatus.DONE
        return CaptureResult(captured=payment.amount if entered else 0, code=row.code)

    async def _entered(self, payment: ParcelPayment, enter: Call) -> EffectRow:
        async def again(row: EffectRow) -> EffectOutcome | None:
            return await enter(row.key)

        return await self._effects.perform(payment_intent(COLLECT, payment), enter, again)

    async def _give_back_collected(self, payment: ParcelPayment) -> ReleaseResult:
        """What was never entered is not given back, and can never be entered from then on."""

        async def refuse(_: str) -> EffectOutcome:
            return EffectOutcome(status=EffectStatus.REFUSED, code=UNDONE, message="undone before it was entered")

        row = await self._find(COLLECT, payment) or await self._entered(payment, refuse)
        if row.status is not EffectStatus.DONE:
            return ReleaseResult()
        return ReleaseResult(refunded=await self._refund(payment, payment.order_id, payment.amount))

    async def _never(self, payment: ParcelPayment) -> EffectRow:
        """Nobody asked, and nobody may any more: an attempt whose task Temporal gave up can still be on its way."""

        async def refuse(_: str) -> EffectOutcome:
            return EffectOutcome(status=EffectStatus.REFUSED, code=UNDONE, message="undone before it was asked for")

        async def inquire(row: EffectRow) -> EffectOutcome | None:
            found = await self._gateway.find(row.key)
            return authorized_outcome(payment, row.key, found) if found else None

        return await self._effects.perform(payment_intent("authorize", payment), refuse, inquire, repeatable=False)

    async def _find(self, step: str, payment: ParcelPayment) -> EffectRow | None:
        return await self._ledger.find(payment.order_id, step, payment.parcel, payment.generation)

    async def _payment_id(self, payment: ParcelPayment, row: EffectRow) -> str:
        """The payment behind an authorization: one made on a page is named by what was entered once it was paid."""
        return payment_behind(row, await self._find("authenticate", payment))

    async def _give_back(self, payment: ParcelPayment, row: EffectRow) -> ReleaseResult:
        if await self._take_in(payment, row) is PaymentStatus.PROCESSING:
            return ReleaseResult(undecided=True)
        capture = await self._find("capture", payment)
        if capture is not None:
            if capture.code == LAPSED:
                return ReleaseResult()
            if capture.status is EffectStatus.DONE:
                payment_id = await self._payment_id(payment, row)
                return ReleaseResult(refunded=await self._refund(payment, payment_id, taken(capture)))
        voided = await self._void(payment, row)
        if voided.status is EffectStatus.DONE:
            if capture is not None and capture.status is not EffectStatus.REFUSED:
                await self._capture_impossible(payment)
            return ReleaseResult(voided=payment.amount if await self._was_reserved(payment, row) else 0)
        await self._take_in(payment, row)  # the money came in between
        payment_id = await self._payment_id(payment, row)
        adopted = await self._capture_adopted(payment, payment_id)
        return ReleaseResult(refunded=await self._refund(payment, payment_id, taken(adopted)))

    async def _take_in(self, payment: ParcelPayment, row: EffectRow) -> PaymentStatus | None:
        """Money may have come in the last moment: what is given back enters the books first. None: none can have."""
        if not payment.may_arrive or await self._was_reserved(payment, row):
            return None
        state = await self._gateway.inquire(str(row.external_id))
        await self._enter(payment, row, state)
        return state.status

    async def _enter(self, payment: ParcelPayment, row: EffectRow, state: PaymentState) -> None:
        """What was reserved, or taken at once, without an answer to a call of ours."""
        if state.status in RECEIVED and not is_reserved(row):
            await self._adopt(payment, state)
        if state.status is PaymentStatus.CAPTURED:
            await self._capture_adopted(payment, state.payment_id)

    async def _authorize(self, payment: ParcelPayment) -> EffectRow:
        async def call(key: str) -> EffectOutcome:
            return authorized_outcome(
                payment, key, await self._gateway.authorize(payment_request(payment, key), key=key)
            )

        async def inquire(row: EffectRow) -> EffectOutcome | None:
            if payment.link is not None:  # a page is not searched for: its key gives the same one as long as it lives
                return None
            found = await self._gateway.find(row.key)
            return authorized_outcome(payment, row.key, found) if found else None

        return await self._effects.perform(payment_intent("authorize", payment), call, inquire)

    async def _adopt(self, payment: ParcelPayment, state: PaymentState) -> None:
        """Enter a reservation that came about without a call of ours (the shopper passed a challenge)."""

        async def adopt(key: str) -> EffectOutcome:
            return authorized_outcome(payment, key, state)

        async def readopt(row: EffectRow) -> EffectOutcome | None:
            return authorized_outcome(payment, row.key, state)

        await self._effects.perform(payment_intent("authenticate", payment), adopt, readopt)

    async def _was_reserved(self, payment: ParcelPayment, row: EffectRow) -> bool:
        if is_reserved(row):
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
            transactions=payment_money(payment, key, "lapsed", authorization_ended(payment.amount)) if ended else (),
        )

    async def _void(self, payment: ParcelPayment, authorization: EffectRow) -> EffectRow:
        """Void; refused when the money was taken already (a capture crossed us)."""
        reserved = await self._was_reserved(payment, authorization)
        payment_id = await self._payment_id(payment, authorization)

        async def call(key: str) -> EffectOutcome:
            return voided_outcome(payment, key, await self._gateway.void(payment_id, key=key), reserved)

        async def inquire(row: EffectRow) -> EffectOutcome | None:
            state = await self._gateway.inquire(payment_id)
            final = state.status in (PaymentStatus.VOIDED, PaymentStatus.CAPTURED)
            return voided_outcome(payment, row.key, state, reserved) if final else None

        return await self._effects.perform(payment_intent("void", payment), call, inquire, by_operator)

    async def _refund(self, payment: ParcelPayment, payment_id: str, captured: int) -> int:
        """What partial refunds left of what was taken; nothing is asked where they left nothing."""
        intent = payment_intent("refund", payment, captured - payment.refunded)
        intent = await as_it_stands(self._ledger, intent, always)
        amount = intent.amount or 0
        if amount <= 0:
            return 0

        async def call(key: str) -> EffectOutcome:
            purse = self._purses.of(payment.collected_by)
            return refunded_outcome(payment, key, await purse.refund(payment_id, amount, key=key))

        async def inquire(row: EffectRow) -> EffectOutcome | None:
            found = await self._purses.of(payment.collected_by).find_refund(payment_id, row.key)
            return refunded_outcome(payment, row.key, found) if found else None

        row = await self._effects.perform(intent, call, inquire, always)
        if row.status is EffectStatus.REFUSED:
            raise OperatorError(row.code or "refund_refused", row.message or "the payment company refused the refund")
        return amount

    async def _capture_adopted(self, payment: ParcelPayment, payment_id: str) -> EffectRow:
        """Enter a capture whose answer never reached us: its refund needs it in the books first."""
        intent = await as_it_stands(self._ledger, payment_intent("capture", payment, payment.wanted), always)

        async def adopt(key: str) -> EffectOutcome:
            return captured_outcome(payment, key, await self._gateway.inquire(payment_id))

        async def readopt(row: EffectRow) -> EffectOutcome | None:
            return await adopt(row.key)

        return await self._effects.perform(intent, adopt, readopt, always)

    async def _capture_impossible(self, payment: ParcelPayment) -> None:
        """Settle a capture nobody answered: what is voided was never taken."""
        intent = await as_it_stands(self._ledger, payment_intent("capture", payment, payment.wanted))

        async def refuse(_: str) -> EffectOutcome:
            return EffectOutcome(status=EffectStatus.REFUSED, code="voided", message="the reservation was given back")

        async def inquire(_: EffectRow) -> EffectOutcome | None:
            return None

        await self._effects.perform(intent, refuse, inquire)

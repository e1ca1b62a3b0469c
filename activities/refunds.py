"""Partial refunds: part of what was taken for a parcel goes back, each once, each in the books with its purpose.

A refund the company accepted may fail days later. That is entered as an effect of its own, `{step}_failed`, with the
reversing transaction; the next refund then goes under the next number.
"""

from collections.abc import Mapping
from typing import Literal

from temporalio import activity

from activities.effects import Effects, always
from activities.failures import translated
from activities.payment_outcomes import COLLECT, money_back
from activities.payments import payment_behind, taken
from activities.purses import Purses
from ordersaga.channel_money import ChannelMoney
from ordersaga.domain.books import (
    MoneyTransaction,
    Posting,
    allowance,
    goods_unshipped,
    reversed_postings,
)
from ordersaga.domain.effects import EffectIntent, EffectOutcome, EffectRow, EffectStatus
from ordersaga.domain.errors import OperatorError, RetryError
from ordersaga.domain.payments import RefundState
from ordersaga.domain.values import Message
from ordersaga.ports import EffectLedger, PaymentGateway

Purpose = Literal["canceled", "goodwill", "returned"]
_FAILED = ("failed", "canceled")
_GIVEN_BACK = "given_back"


class PartialRefund(Message):
    """Part of a parcel's capture to give back. `amount` in minor units of `currency`.

    `payment_generation`: which payment of the parcel was captured.
    `number` counts the parcel's refunds of this `step`, from 1.
    `collected_by`: the channel whose platform has the money and gives it back.
    `purpose`: goods never sent (`canceled`), a gift for goods kept (`goodwill`), goods that came back (`returned`).
    """

    order_id: str
    parcel: int
    payment_generation: int
    step: Literal["refund_part", "refund_return"]
    number: int
    amount: int
    currency: str
    purpose: Purpose
    collected_by: str | None = None


class RefundResult(Message):
    """What went back, in minor units; `pending` until the company's balance covers it.

    0: the whole capture was given back before this part was asked for.
    """

    refunded: int
    status: Literal["pending", "succeeded"]
    refund_id: str | None


class Refunds:
    """Activities that give part of a capture back."""

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
    async def refund_part(self, refund: PartialRefund) -> RefundResult:
        """Give part of a capture back, once; a refusal is asked anew when the call is repeated.

        A part of a capture that went back whole is in there: nothing more is given.

        Raises OperatorError `not_captured` when nothing was taken, `over_refund` when less is left than asked for,
        `refund_failed` when this refund failed after it was accepted, otherwise the company's own refusal.
        """
        payment_id = await self._captured_payment(refund)
        await self._require_standing(refund)

        async def call(key: str) -> EffectOutcome:
            short = await self._short_of(refund, payment_id, key)
            purse = self._purses.of(refund.collected_by)
            return short or _outcome(refund, key, await purse.refund(payment_id, refund.amount, key=key))

        async def inquire(row: EffectRow) -> EffectOutcome | None:
            found = await self._purses.of(refund.collected_by).find_refund(payment_id, row.key)
            return _outcome(refund, row.key, found) if found else None

        row = await self._effects.perform(refund_intent(refund), call, inquire, always)
        if row.code == _GIVEN_BACK:
            return RefundResult(refunded=0, status="succeeded", refund_id=None)
        if row.status is EffectStatus.REFUSED:
            raise OperatorError(row.code or "refund_refused", row.message or "the payment company refused the refund")
        return _result(RefundState.model_validate(row.answer))

    @activity.defn
    @translated
    async def look_at_refund(self, refund: PartialRefund) -> RefundResult:
        """What the company says of a refund it accepted; one that failed since leaves the books, once.

        Raises OperatorError `refund_failed` for such a one, `refund_not_made` when there is none to look at.
        """
        row = await self._find(refund, refund.step)
        if row is None or row.status is not EffectStatus.DONE:
            raise OperatorError("refund_not_made", f"{refund_intent(refund).key} is not done: ask for the refund first")
        await self._require_standing(refund)
        state = await self._purses.of(refund.collected_by).find_refund(await self._captured_payment(refund), row.key)
        if state is None:
            raise RetryError("refund_not_visible", f"the payment company does not show {row.key}", unknown=True)
        if state.status in _FAILED:
            await self._take_back(refund, row, state)
            raise _failed(refund)
        return _result(state)

    async def _captured_payment(self, refund: PartialRefund) -> str:
        """The payment that was captured, or the order a platform collected for; OperatorError `not_captured`: none."""
        if refund.collected_by is not None:
            return await self._collected_order(refund)
        payment, authenticated, capture = [
            await self._ledger.find(refund.order_id, step, refund.parcel, refund.payment_generation)
            for step in ("authorize", "authenticate", "capture")
        ]
        if payment is None or capture is None or capture.status is not EffectStatus.DONE or not taken(capture):
            where = f"payment {refund.payment_generation} of parcel {refund.parcel}"
            raise OperatorError("not_captured", f"{where} was not captured: nothing can be refunded from it")
        return payment_behind(payment, authenticated)

    async def _collected_order(self, refund: PartialRefund) -> str:
        entered = await self._ledger.find(refund.order_id, COLLECT, refund.parcel, refund.payment_generation)
        if entered is None or entered.status is not EffectStatus.DONE:
            raise OperatorError("not_captured", f"nothing was collected for parcel {refund.parcel}")
        return refund.order_id

    async def _require_standing(self, refund: PartialRefund) -> None:
        """A refund that failed after it was accepted is not made again under its number."""
        if await self._find(refund, f"{refund.step}_failed") is not None:
            raise _failed(refund)

    async def _find(self, refund: PartialRefund, step: str) -> EffectRow | None:
        return await self._ledger.find(refund.order_id, step, refund.parcel, refund.number)

    async def _short_of(self, refund: PartialRefund, payment_id: str, key: str) -> EffectOutcome | None:
        """Refused before it is asked for when less is left than that; our own, should it be there, is the answer.

        What a platform has left is the platform's to say.
        """
        if refund.collected_by is not None:
            return None
        state = await self._gateway.inquire(payment_id)
        left = state.captured - state.refunded
        if 0 < refund.amount <= left:
            return None
        ours = await self._gateway.find_refund(payment_id, key)
        if ours is not None:
            return _outcome(refund, key, ours)
        if await self._given_back(refund):
            message = "the whole capture went back before"
            return EffectOutcome(status=EffectStatus.REFUSED, code=_GIVEN_BACK, message=message)
        message = f"amount {refund.amount} of {left} minor units left of the capture: ask for at most {left}"
        return EffectOutcome(status=EffectStatus.REFUSED, code="over_refund", message=message)

    async def _given_back(self, refund: PartialRefund) -> bool:
        """The parcel was undone: by a workflow task that Temporal repeats, with this message in front of the undo."""
        whole = await self._ledger.find(refund.order_id, "refund", refund.parcel, refund.payment_generation)
        return refund.step == "refund_part" and whole is not None and whole.status is EffectStatus.DONE

    async def _take_back(self, refund: PartialRefund, row: EffectRow, state: RefundState) -> None:
        """The money came back to us: what the refund entered is reversed, under an effect of its own."""
        outcome = EffectOutcome(
            status=EffectStatus.DONE,
            external_id=state.refund_id,
            answer=state.model_dump(mode="json"),
            transactions=(_transaction(refund, f"{row.key}/failed", reversed_postings(refund_postings(refund))),),
        )

        async def call(_: str) -> EffectOutcome:
            return outcome

        async def inquire(_: EffectRow) -> EffectOutcome | None:
            return outcome

        intent = refund_intent(refund).model_copy(update={"step": f"{refund.step}_failed"})
        await self._effects.perform(intent, call, inquire)


def refund_intent(refund: PartialRefund) -> EffectIntent:
    """The refund as the ledger knows it: by its number."""
    return EffectIntent(
        order_id=refund.order_id,
        step=refund.step,
        parcel=refund.parcel,
        generation=refund.number,
        amount=refund.amount,
        currency=refund.currency,
    )


def _result(state: RefundState) -> RefundResult:
    return RefundResult(
        refunded=state.amount,
        status="pending" if state.status == "pending" else "succeeded",
        refund_id=state.refund_id,
    )


def _failed(refund: PartialRefund) -> OperatorError:
    key = refund_intent(refund).key
    return OperatorError("refund_failed", f"the bank sent refund {key} back: ask again as number {refund.number + 1}")


def _outcome(refund: PartialRefund, key: str, state: RefundState) -> EffectOutcome:
    if state.status in _FAILED:
        return EffectOutcome(status=EffectStatus.REFUSED, external_id=state.refund_id, code=f"refund_{state.status}")
    return EffectOutcome(
        status=EffectStatus.DONE,
        external_id=state.refund_id,
        answer=state.model_dump(mode="json"),
        transactions=(_transaction(refund, f"{key}/refunded", refund_postings(refund)),),
    )


def _transaction(refund: PartialRefund, transaction_id: str, postings: tuple[Posting, ...]) -> MoneyTransaction:
    return MoneyTransaction(
        transaction_id=transaction_id,
        order_id=refund.order_id,
        parcel=refund.parcel,
        currency=refund.currency,
        memo=f"refund, {refund.purpose}",
        postings=postings,
    )


def refund_postings(refund: PartialRefund) -> tuple[Posting, ...]:
    """The money, and what it was for: a gift or returned goods lower what the shopper owes."""
    counter: dict[Purpose, tuple[Posting, ...]] = {
        "canceled": (),
        "goodwill": allowance(refund.amount),
        "returned": goods_unshipped(refund.amount),
    }
    return money_back(refund.collected_by, refund.amount) + counter[refund.purpose]

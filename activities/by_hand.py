"""What a person settled outside, entered into our books: nobody outside is called."""

from temporalio import activity

from activities.carriers import VoidLabel
from activities.effects import Again, Effects, always, as_it_stands, never
from activities.failures import translated
from activities.payment_outcomes import COLLECT, money_back
from activities.payments import LAPSED, ParcelPayment, ReleaseResult, taken
from activities.providers import SET_ASIDE, WithdrawParcel
from activities.setting_aside import LetGo
from ordersaga.domain.books import MoneyTransaction, Posting, authorization_ended
from ordersaga.domain.effects import EffectIntent, EffectOutcome, EffectRow, EffectStatus
from ordersaga.domain.identifiers import effect_key
from ordersaga.domain.payments import PaymentStatus
from ordersaga.domain.shipping import CancelDecision
from ordersaga.ports import EffectLedger

_NOT_DONE = EffectOutcome(status=EffectStatus.REFUSED, code="settled_by_hand", message="a person found nothing there")
_UNDONE = EffectOutcome(
    status=EffectStatus.DONE, answer={"decision": CancelDecision.CANCELED.value, "settled": "by hand"}
)


class ByHand:
    """Activities on our own ledgers only."""

    def __init__(self, effects: Effects, ledger: EffectLedger) -> None:
        self._effects = effects
        self._ledger = ledger

    @activity.defn
    @translated
    async def stopped_by_hand(self, parcel: WithdrawParcel) -> None:
        """A person saw to it that the provider ships nothing."""
        await self._undone(parcel.order_id, "hand_off", "withdraw", parcel.parcel)

    @activity.defn
    @translated
    async def let_go_by_hand(self, aside: LetGo) -> None:
        """A person saw to it that the provider keeps nothing aside."""
        await self._undone(aside.order_id, SET_ASIDE, "let_go", aside.parcel, aside.generation)

    @activity.defn
    @translated
    async def label_settled_by_hand(self, label: VoidLabel) -> None:
        """A person saw to it that the label is not used."""
        await self._undone(label.order_id, "book_label", "void_label", label.parcel)

    @activity.defn
    @translated
    async def released_by_hand(self, payment: ParcelPayment) -> ReleaseResult:
        """A person gave the money back at the payment company: what our books still hold of it ends here."""
        if payment.collected_by is not None:
            return await self._collected_by_hand(payment)
        asked = await self._find("authorize", payment)
        if asked is None or asked.status is EffectStatus.REFUSED:
            return ReleaseResult()
        if asked.status is not EffectStatus.DONE:
            await self._record(asked, _NOT_DONE)
            return ReleaseResult()
        return await self._end(payment, asked, await self._find("capture", payment))

    async def _collected_by_hand(self, payment: ParcelPayment) -> ReleaseResult:
        """The same at the channel's platform."""
        entered = await self._find(COLLECT, payment)
        if entered is None or entered.status is not EffectStatus.DONE:
            return ReleaseResult()
        return ReleaseResult(refunded=await self._rest_refunded(payment, entered, payment.amount))

    async def _end(self, payment: ParcelPayment, asked: EffectRow, capture: EffectRow | None) -> ReleaseResult:
        await self._settle_open(capture)
        if capture is not None and capture.status is EffectStatus.DONE:
            return ReleaseResult(refunded=await self._rest_refunded(payment, asked, taken(capture)))
        lapsed = capture is not None and capture.code == LAPSED
        reserved = not lapsed and await self._was_reserved(payment, asked)
        intent = await self._intent("void", asked, payment.amount)
        await self._given_back(payment, intent, authorization_ended(payment.amount) if reserved else ())
        return ReleaseResult(voided=payment.amount if reserved else 0)

    async def _rest_refunded(self, payment: ParcelPayment, asked: EffectRow, captured: int) -> int:
        """What partial refunds left of a capture; it is 0 where they left nothing."""
        intent = await self._intent("refund", asked, captured - payment.refunded)
        amount = max(intent.amount or 0, 0)
        if amount:
            await self._given_back(payment, intent, money_back(payment.collected_by, amount))
        return amount

    async def _intent(self, step: str, asked: EffectRow, amount: int) -> EffectIntent:
        """The void or refund of the payment that was asked for; one that stands keeps its own amount."""
        intent = _intent_of(asked.model_copy(update={"step": step, "key": "", "amount": amount}))
        return await as_it_stands(self._ledger, intent, always)

    async def _given_back(self, payment: ParcelPayment, intent: EffectIntent, postings: tuple[Posting, ...]) -> None:
        """The void or refund is on record as done, once, so that no later step does it again."""
        transaction = _by_hand(payment, intent.step, postings)
        outcome = _UNDONE.model_copy(update={"transactions": (transaction,) if postings else ()})
        await self._enter(intent, outcome, always)

    async def _undone(self, order_id: str, do: str, undo: str, parcel: int, generation: int | None = None) -> None:
        """`generation`: None for the latest."""
        done = await self._ledger.find(order_id, do, parcel, generation)
        if done is None or done.status is EffectStatus.REFUSED:
            return
        if done.status is EffectStatus.DONE:
            await self._record(done.model_copy(update={"step": undo}), _UNDONE, always)
        else:
            await self._record(done, _NOT_DONE)

    async def _find(self, step: str, payment: ParcelPayment) -> EffectRow | None:
        return await self._ledger.find(payment.order_id, step, payment.parcel, payment.generation)

    async def _settle_open(self, row: EffectRow | None) -> None:
        if row is not None and row.status in (EffectStatus.INTENDED, EffectStatus.UNKNOWN):
            await self._record(row, _NOT_DONE)

    async def _was_reserved(self, payment: ParcelPayment, asked: EffectRow) -> bool:
        answered = asked.answer.get("status") == PaymentStatus.AUTHORIZED
        return answered or await self._find("authenticate", payment) is not None

    async def _record(self, row: EffectRow, outcome: EffectOutcome, again: Again = never) -> None:
        await self._enter(_intent_of(row), outcome, again)

    async def _enter(self, intent: EffectIntent, outcome: EffectOutcome, again: Again) -> None:
        async def call(_: str) -> EffectOutcome:
            return outcome

        async def inquire(_: EffectRow) -> EffectOutcome | None:
            return outcome

        await self._effects.perform(intent, call, inquire, again)


def _by_hand(payment: ParcelPayment, step: str, postings: tuple[Posting, ...]) -> MoneyTransaction:
    key = effect_key(payment.order_id, step, payment.parcel, payment.generation)
    return MoneyTransaction(
        transaction_id=f"{key}/by_hand",
        order_id=payment.order_id,
        parcel=payment.parcel,
        currency=payment.currency,
        memo="settled by hand",
        postings=postings,
    )


def _intent_of(row: EffectRow) -> EffectIntent:
    """The intention that stands under the row's key, or, for another step, the first of its generation."""
    intent = EffectIntent.model_validate(row.model_dump(include=set(EffectIntent.model_fields)))
    given_up = row.key.removeprefix(f"{intent.key}.") if row.key.startswith(f"{intent.key}.") else "0"
    return intent.model_copy(update={"rekeyed": int(given_up)})

"""Calls whose outcome nobody knows and nobody will ask about: the other side is asked once more, and that is final.

Nothing is done here that was not done then: what the other side does not have is entered as refused.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from activities.carrier_accounts import carrier_at
from activities.effects import BY_OPERATOR
from activities.payments import LAPSED
from activities.providers import SET_ASIDE, accepted, only_set_aside
from activities.standing import standing
from ordersaga.domain.books import (
    Account,
    MoneyTransaction,
    Posting,
    allowance,
    authorization_ended,
    authorized,
    captured,
    goods_unshipped,
    refunded,
)
from ordersaga.domain.effects import EffectOutcome, EffectRow, EffectStatus
from ordersaga.domain.errors import OperatorError
from ordersaga.domain.evidence import OrderEvidence
from ordersaga.domain.identifiers import ParcelReference, ReturnReference
from ordersaga.domain.payments import PaymentStatus
from ordersaga.domain.shipping import CancelDecision, InterceptDecision
from ordersaga.domain.statuses import ParcelStatus
from ordersaga.ports import Carrier, PaymentGateway, Provider

NOT_FOUND = EffectOutcome(
    status=EffectStatus.REFUSED, code="not_found", message="the other side was asked afterwards and has nothing of it"
)
_UNDONE = EffectOutcome(status=EffectStatus.DONE, answer={"decision": CancelDecision.CANCELED.value})


@dataclass(frozen=True)
class Question:
    """An effect without an outcome, and its order."""

    row: EffectRow
    ours: OrderEvidence

    @property
    def reference(self) -> str:
        """What providers and carriers know it by."""
        row = self.row
        if row.step.endswith("return_label"):
            return str(ReturnReference(row.order_id, row.generation, row.parcel))
        return str(ParcelReference(row.order_id, row.parcel, row.generation))

    @property
    def payment_id(self) -> str:
        """The payment it is about. Raises OperatorError `payment_unknown`."""
        row = self.row
        asked = self.ours.latest("authorize", row.parcel, row.generation) or self.ours.latest("authorize", row.parcel)
        if asked is None or not asked.external_id:
            raise OperatorError("payment_unknown", f"{row.key}: no payment of parcel {row.parcel} is known")
        return asked.external_id

    @property
    def payment_ids(self) -> list[str]:
        """Every payment of its parcel. Raises OperatorError `payment_unknown` when there is none."""
        asked = self.ours.of("authorize", self.row.parcel)
        return [deed.external_id for deed in asked if deed.external_id] or [self.payment_id]

    @property
    def reserved(self) -> int:
        """What the books still hold as reserved for the parcel, in minor units."""
        return self.ours.amount(self.row.parcel, Account.AUTHORIZATION)

    def money(self, memo: str, *postings: Posting) -> tuple[MoneyTransaction, ...]:
        """A transaction beside the outcome; none where nothing is posted."""
        row = self.row
        if not postings:
            return ()
        return (
            MoneyTransaction(
                transaction_id=f"{row.key}/{memo}",
                order_id=row.order_id,
                parcel=row.parcel,
                currency=row.currency or self.ours.order.currency,
                memo=memo,
                postings=postings,
            ),
        )


Ask = Callable[[Question], Awaitable[EffectOutcome]]


class Settling:
    """Asks whoever was called."""

    def __init__(
        self, gateway: PaymentGateway, carriers: Mapping[str, Carrier], providers: Mapping[str, Provider]
    ) -> None:
        self._gateway = gateway
        self._carriers = carriers
        self._providers = providers
        self._asks: Mapping[str, Ask] = {
            "authorize": self._authorization,
            "capture": self._capture,
            "void": self._void,
            "refund": self._refund,
            "refund_part": self._refund,
            "refund_return": self._refund,
            "hand_off": self._hand_off,
            "withdraw": self._withdrawal,
            SET_ASIDE: self._set_aside,
            "let_go": self._withdrawal,
            "book_label": self._label,
            "book_return_label": self._label,
            "void_label": self._label_void,
            "void_return_label": self._label_void,
            "intercept": self._intercept,
        }

    async def outcome(self, question: Question) -> EffectOutcome:
        """What came of the call, as the other side says now. Of a call it cannot be asked about: nothing."""
        ask = self._asks.get(question.row.step)
        return await ask(question) if ask is not None else NOT_FOUND

    async def _authorization(self, question: Question) -> EffectOutcome:
        state = await self._gateway.find(question.row.key)
        if state is None:
            return NOT_FOUND
        refused = state.status in (PaymentStatus.DECLINED, PaymentStatus.VOIDED)
        if refused:
            return EffectOutcome(
                status=EffectStatus.REFUSED, external_id=state.payment_id, code=state.code or state.status.value
            )
        held = authorized(question.row.amount or 0) if state.status is PaymentStatus.AUTHORIZED else ()
        return EffectOutcome(
            status=EffectStatus.DONE,
            external_id=state.payment_id,
            answer={"payment_id": state.payment_id, "status": state.status.value, "amount": state.amount},
            transactions=question.money("authorized", *held),
        )

    async def _capture(self, question: Question) -> EffectOutcome:
        state = await self._gateway.inquire(question.payment_id)
        ended = authorization_ended(question.reserved)
        if not state.captured:
            lapsed = state.status is PaymentStatus.VOIDED
            return EffectOutcome(
                status=EffectStatus.REFUSED,
                answer={} if lapsed else BY_OPERATOR,
                code=LAPSED if lapsed else "not_captured",
                message="the money was not taken",
                transactions=question.money("lapsed", *ended) if lapsed else (),
            )
        return EffectOutcome(
            status=EffectStatus.DONE,
            external_id=state.payment_id,
            answer={"captured": state.captured},
            transactions=question.money("captured", *captured(state.captured, 0), *ended),
        )

    async def _void(self, question: Question) -> EffectOutcome:
        state = await self._gateway.inquire(question.payment_id)
        if state.status is not PaymentStatus.VOIDED:
            return EffectOutcome(status=EffectStatus.REFUSED, code="not_voided", message=f"it is {state.status}")
        return EffectOutcome(
            status=EffectStatus.DONE,
            external_id=state.payment_id,
            answer={"status": state.status.value},
            transactions=question.money("voided", *authorization_ended(question.reserved)),
        )

    async def _refund(self, question: Question) -> EffectOutcome:
        """A partial refund's generation is its number: any payment of its parcel may be the one it is of."""
        found = None
        for payment_id in question.payment_ids:
            found = found or await self._gateway.find_refund(payment_id, question.row.key)
        if found is None:
            return NOT_FOUND
        if found.status in ("failed", "canceled"):
            return EffectOutcome(
                status=EffectStatus.REFUSED, external_id=found.refund_id, code=f"refund_{found.status}"
            )
        return EffectOutcome(
            status=EffectStatus.DONE,
            external_id=found.refund_id,
            answer=found.model_dump(mode="json"),
            transactions=question.money("refunded", *refunded(found.amount), *_counter(question, found.amount)),
        )

    async def _hand_off(self, question: Question) -> EffectOutcome:
        provider = self._provider(question)
        order = await standing(provider, question.reference)
        return NOT_FOUND if order is None or only_set_aside(provider, order) else accepted(order)

    async def _set_aside(self, question: Question) -> EffectOutcome:
        order = await standing(self._provider(question), question.reference)
        return NOT_FOUND if order is None or order.status is ParcelStatus.CANCELED else accepted(order)

    async def _withdrawal(self, question: Question) -> EffectOutcome:
        order = await standing(self._provider(question), question.reference)
        if order is None or order.status is ParcelStatus.CANCELED:
            return _UNDONE
        return _decided(CancelDecision.REFUSED, "cancel_refused")

    async def _label(self, question: Question) -> EffectOutcome:
        label = await self._carrier(question).inquire(question.reference)
        if label is None:
            return NOT_FOUND
        return EffectOutcome(status=EffectStatus.DONE, external_id=label.label_id, answer=label.model_dump(mode="json"))

    async def _label_void(self, question: Question) -> EffectOutcome:
        label = await self._carrier(question).inquire(question.reference)
        return _UNDONE if label is None or label.voided else _decided(CancelDecision.REFUSED, "void_refused")

    async def _intercept(self, question: Question) -> EffectOutcome:
        label = await self._carrier(question).inquire(question.reference)
        if label is not None and label.intercepted:
            return EffectOutcome(status=EffectStatus.DONE, answer={"decision": InterceptDecision.ACCEPTED.value})
        return _decided(InterceptDecision.REFUSED, "intercept_refused")

    def _carrier(self, question: Question) -> Carrier:
        return carrier_at(self._carriers, question.row.account)

    def _provider(self, question: Question) -> Provider:
        plan = question.ours.plans.get(question.row.parcel)
        if plan is None or plan.provider not in self._providers:
            raise OperatorError("unknown_provider", f"{question.row.key}: nobody knows who has the parcel")
        return self._providers[plan.provider]


def _counter(question: Question, amount: int) -> tuple[Posting, ...]:
    """What a partial refund was for: returned goods, or a gift for goods kept; nothing for goods never sent."""
    if question.row.step == "refund_return":
        return goods_unshipped(amount)
    gift = question.row.step == "refund_part" and question.row.parcel in question.ours.shipped
    return allowance(amount) if gift else ()


def _decided(decision: CancelDecision | InterceptDecision, code: str) -> EffectOutcome:
    return EffectOutcome(status=EffectStatus.REFUSED, answer={"decision": decision.value}, code=code)

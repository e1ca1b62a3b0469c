"""Carriers: buy a label, beside voiding it. Only for providers that do not book their own."""

from datetime import timedelta

from temporalio import activity

from activities.effects import Effects, Inquire, by_operator
from activities.failures import translated
from ordersaga.domain.effects import EffectIntent, EffectOutcome, EffectRow, EffectStatus
from ordersaga.domain.orders import Order, ParcelPlan
from ordersaga.domain.shipping import CancelDecision, LabelState
from ordersaga.domain.values import Message
from ordersaga.ports import Carrier, EffectLedger, StockStore

LEASE = timedelta(seconds=18)
"""Three calls of a label purchase: no second attempt may begin while a first could still create a shipment."""


class BookLabel(Message):
    """The parcel to buy a label for."""

    order: Order
    plan: ParcelPlan
    generation: int = 1


class LabelResult(Message):
    """Bought, with carrier and tracking number, or refused with `code`."""

    bought: bool
    carrier: str | None = None
    tracking_number: str | None = None
    code: str | None = None
    message: str | None = None


class VoidLabel(Message):
    """Which label to give back."""

    order_id: str
    parcel: int
    generation: int
    reference: str


class Carriers:
    """Activities at the carriers."""

    def __init__(self, carrier: Carrier, stock: StockStore, effects: Effects, ledger: EffectLedger) -> None:
        self._carrier = carrier
        self._stock = stock
        self._effects = effects
        self._ledger = ledger

    @activity.defn
    @translated
    async def book_label(self, request: BookLabel) -> LabelResult:
        """Buy a label, once per reference."""
        plan = request.plan
        reference = plan.reference(request.order.order_id, request.generation)

        async def call(_: str) -> EffectOutcome:
            label = await self._stock.ship_from(plan.location, request.order, plan, reference)
            return _bought(await self._carrier.book(label))

        row = await self._effects.perform(
            _intent("book_label", request.order.order_id, plan.parcel, request.generation),
            call,
            self._finding(reference),
        )
        return LabelResult(
            bought=row.status is EffectStatus.DONE,
            carrier=row.answer.get("carrier"),
            tracking_number=row.answer.get("tracking_number"),
            code=row.code,
            message=row.message,
        )

    @activity.defn
    @translated
    async def void_label(self, request: VoidLabel) -> CancelDecision:
        """Undo of `book_label`: give the unused label back."""
        booked = await self._ledger.find(request.order_id, "book_label", request.parcel)
        if booked is None or booked.status is EffectStatus.REFUSED:
            return CancelDecision.NOTHING_TO_UNDO
        if booked.status is not EffectStatus.DONE and not await self._resolve(booked, request.reference):
            return CancelDecision.NOTHING_TO_UNDO

        async def call(_: str) -> EffectOutcome:
            decision = await self._carrier.void(request.reference)
            refused = decision is CancelDecision.REFUSED
            return EffectOutcome(
                status=EffectStatus.REFUSED if refused else EffectStatus.DONE,
                answer={"decision": decision.value},
                code="void_refused" if refused else None,
            )

        async def inquire(_: EffectRow) -> EffectOutcome | None:
            label = await self._carrier.inquire(request.reference)
            voided = EffectOutcome(status=EffectStatus.DONE, answer={"decision": CancelDecision.CANCELED.value})
            return voided if label is not None and label.voided else None

        intent = _intent("void_label", request.order_id, request.parcel, request.generation)
        row = await self._effects.perform(intent, call, inquire, by_operator)
        return CancelDecision(row.answer.get("decision", CancelDecision.REFUSED))

    async def _resolve(self, booked: EffectRow, reference: str) -> bool:
        """Learn whether an interrupted purchase went through; True when a label exists."""

        async def buy_nothing(_: str) -> EffectOutcome:
            return EffectOutcome(status=EffectStatus.REFUSED, code="not_found", message="no label was bought")

        intent = _intent(booked.step, booked.order_id, booked.parcel, booked.generation)
        row = await self._effects.perform(intent, buy_nothing, self._finding(reference))
        return row.status is EffectStatus.DONE

    def _finding(self, reference: str) -> Inquire:
        async def inquire(_: EffectRow) -> EffectOutcome | None:
            label = await self._carrier.inquire(reference)
            return _bought(label) if label is not None else None

        return inquire


def _intent(step: str, order_id: str, parcel: int, generation: int) -> EffectIntent:
    return EffectIntent(order_id=order_id, step=step, parcel=parcel, generation=generation, lease=LEASE)


def _bought(label: LabelState) -> EffectOutcome:
    return EffectOutcome(status=EffectStatus.DONE, external_id=label.label_id, answer=label.model_dump(mode="json"))

"""Carriers: buy a label, beside voiding it. Only for providers that do not book their own."""

from datetime import timedelta

from temporalio import activity

from activities.effects import Effects, Inquire, by_operator, require_replaceable
from activities.failures import translated
from ordersaga.domain.effects import EffectIntent, EffectOutcome, EffectRow, EffectStatus
from ordersaga.domain.identifiers import ParcelReference
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
    """Which parcel's label to give back."""

    order_id: str
    parcel: int


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

        intent = _intent("book_label", request.order.order_id, plan.parcel, request.generation)
        await require_replaceable(self._ledger, intent, undo="void_label")
        row = await self._effects.perform(intent, call, self._finding(reference), repeatable=False)
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
        if booked.status is not EffectStatus.DONE and not await self._resolve(booked):
            return CancelDecision.NOTHING_TO_UNDO
        return await self._void(booked)

    async def _void(self, booked: EffectRow) -> CancelDecision:
        reference = _reference(booked)

        async def call(_: str) -> EffectOutcome:
            decision = await self._carrier.void(reference)
            refused = decision is CancelDecision.REFUSED
            return EffectOutcome(
                status=EffectStatus.REFUSED if refused else EffectStatus.DONE,
                answer={"decision": decision.value},
                code="void_refused" if refused else None,
            )

        async def inquire(_: EffectRow) -> EffectOutcome | None:
            label = await self._carrier.inquire(reference)
            voided = EffectOutcome(status=EffectStatus.DONE, answer={"decision": CancelDecision.CANCELED.value})
            return voided if label is not None and label.voided else None

        intent = _intent("void_label", booked.order_id, booked.parcel, booked.generation)
        row = await self._effects.perform(intent, call, inquire, by_operator)
        return CancelDecision(row.answer.get("decision", CancelDecision.REFUSED))

    async def _resolve(self, booked: EffectRow) -> bool:
        """Learn whether an interrupted purchase went through; True when a label exists.

        Raises RetryError as long as one might still come about.
        """

        async def buy_nothing(_: str) -> EffectOutcome:
            return EffectOutcome(status=EffectStatus.REFUSED, code="not_found", message="no label was bought")

        intent = _intent(booked.step, booked.order_id, booked.parcel, booked.generation)
        finding = self._finding(_reference(booked))
        row = await self._effects.perform(intent, buy_nothing, finding, repeatable=False)
        return row.status is EffectStatus.DONE

    def _finding(self, reference: str) -> Inquire:
        async def inquire(_: EffectRow) -> EffectOutcome | None:
            label = await self._carrier.inquire(reference)
            return _bought(label) if label is not None else None

        return inquire


def _reference(booked: EffectRow) -> str:
    """What the carrier knows this very label by."""
    return str(ParcelReference(booked.order_id, booked.parcel, booked.generation))


def _intent(step: str, order_id: str, parcel: int, generation: int) -> EffectIntent:
    return EffectIntent(order_id=order_id, step=step, parcel=parcel, generation=generation, lease=LEASE)


def _bought(label: LabelState) -> EffectOutcome:
    return EffectOutcome(status=EffectStatus.DONE, external_id=label.label_id, answer=label.model_dump(mode="json"))

"""Carriers: buy a label, beside voiding it. Only for providers that do not book their own."""

from datetime import timedelta

from temporalio import activity

from activities.effects import Effects, Inquire, by_operator, require_replaceable
from activities.failures import translated
from ordersaga.domain.effects import EffectIntent, EffectOutcome, EffectRow, EffectStatus
from ordersaga.domain.identifiers import ParcelReference
from ordersaga.domain.orders import Order, ParcelPlan
from ordersaga.domain.shipping import (
    CancelDecision,
    InterceptDecision,
    LabelRequest,
    LabelState,
    ParcelEvent,
    ParcelReport,
    ShippingService,
)
from ordersaga.domain.values import Message
from ordersaga.ports import Carrier, EffectLedger, StockStore

LEASE = timedelta(seconds=18)
"""Three calls of a label purchase: no second attempt may begin while a first could still create a shipment."""


class BookLabel(Message):
    """The parcel to buy a label for, and how fast. `carrier`: only this one, in lower case; None: the cheapest."""

    order: Order
    plan: ParcelPlan
    generation: int = 1
    service: ShippingService = ShippingService.STANDARD
    carrier: str | None = None


class LabelResult(Message):
    """Bought, with carrier and tracking number, or refused with `code`.

    `can_intercept`: the carrier can be asked to turn the parcel around on its way.
    """

    bought: bool
    carrier: str | None = None
    tracking_number: str | None = None
    can_intercept: bool = False
    code: str | None = None
    message: str | None = None


class VoidLabel(Message):
    """Which parcel's label to give back."""

    order_id: str
    parcel: int


class LookAtLabel(Message):
    """Which label's parcel the carrier is asked about, by the label's reference."""

    order_id: str
    reference: str


class InterceptParcel(Message):
    """Which parcel to turn around. `generation` counts the requests, so that a refused one can be made again.

    `way_ended`: the parcel is where it ends; nobody is asked any more, what is not answered is entered as refused.
    """

    order_id: str
    parcel: int
    generation: int = 1
    way_ended: bool = False


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
            return _bought(await self._carrier.book(_as_asked(label, request)))

        intent = _intent("book_label", request.order.order_id, plan.parcel, request.generation)
        await require_replaceable(self._ledger, intent, undo="void_label")
        row = await self._effects.perform(intent, call, self._finding(reference), repeatable=False)
        return LabelResult(
            bought=row.status is EffectStatus.DONE,
            carrier=row.answer.get("carrier"),
            tracking_number=row.answer.get("tracking_number"),
            can_intercept=row.answer.get("can_intercept", False),
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

    @activity.defn(name="look_at_label")
    @translated
    async def look(self, request: LookAtLabel) -> ParcelReport | None:
        """What the carrier says about the label's parcel now; None while it says nothing."""
        told = await self._carrier.look(request.reference)
        return _report(told) if told else None

    @activity.defn(name="intercept_parcel")
    @translated
    async def intercept(self, request: InterceptParcel) -> InterceptDecision:
        """Ask the carrier to turn the parcel around. REFUSED and NOT_OFFERED are answers, kept for this generation.

        NOT_OFFERED too where the label is not ours: whoever booked the carrier would have to ask it.
        """
        booked = await self._ledger.find(request.order_id, "book_label", request.parcel)
        if booked is None or booked.status is not EffectStatus.DONE:
            return InterceptDecision.NOT_OFFERED
        return await self._intercept(_reference(booked), request)

    async def _intercept(self, reference: str, request: InterceptParcel) -> InterceptDecision:
        async def call(_: str) -> EffectOutcome:
            ended = request.way_ended
            return _turned(InterceptDecision.REFUSED if ended else await self._carrier.intercept(reference))

        async def inquire(_: EffectRow) -> EffectOutcome | None:
            if request.way_ended:
                return _turned(InterceptDecision.REFUSED)
            label = await self._carrier.inquire(reference)
            return _turned(InterceptDecision.ACCEPTED) if label is not None and label.intercepted else None

        intent = _intent("intercept", request.order_id, request.parcel, request.generation)
        row = await self._effects.perform(intent, call, inquire, by_operator, repeatable=False)
        return InterceptDecision(row.answer.get("decision", InterceptDecision.REFUSED))

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


def _as_asked(label: LabelRequest, request: BookLabel) -> LabelRequest:
    """The location's label, by the service and carrier that were asked for."""
    return label.model_copy(update={"service": request.service, "carrier": request.carrier})


def _report(told: ParcelEvent) -> ParcelReport:
    return ParcelReport(
        status=told.status,
        source=told.source,
        carrier=told.carrier,
        tracking_number=told.tracking_number,
        detail=told.detail,
    )


def _turned(decision: InterceptDecision) -> EffectOutcome:
    accepted = decision is InterceptDecision.ACCEPTED
    return EffectOutcome(
        status=EffectStatus.DONE if accepted else EffectStatus.REFUSED,
        answer={"decision": decision.value},
        code=None if accepted else f"intercept_{decision}",
    )


def _reference(booked: EffectRow) -> str:
    """What the carrier knows this very label by."""
    return str(ParcelReference(booked.order_id, booked.parcel, booked.generation))


def _intent(step: str, order_id: str, parcel: int, generation: int) -> EffectIntent:
    return EffectIntent(order_id=order_id, step=step, parcel=parcel, generation=generation, lease=LEASE)


def _bought(label: LabelState) -> EffectOutcome:
    return EffectOutcome(status=EffectStatus.DONE, external_id=label.label_id, answer=label.model_dump(mode="json"))

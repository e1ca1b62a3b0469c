"""Carriers: buy a label, beside voiding it. Only for providers that do not book their own."""

from collections.abc import Mapping
from datetime import timedelta

from pydantic import Field
from temporalio import activity

from activities.carrier_accounts import StoppedCarriers, carrier_at
from activities.effects import Effects, Inquire, by_operator, require_replaceable
from activities.failures import translated
from ordersaga.domain.carriers import EASYPOST, on_record
from ordersaga.domain.effects import EffectIntent, EffectOutcome, EffectRow, EffectStatus
from ordersaga.domain.identifiers import Code, ParcelReference
from ordersaga.domain.orders import Order, ParcelPlan, not_given
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
    """The parcel to buy a label for, and how fast. `carrier`: only this one, in lower case; None: the cheapest.

    `account`: where it is bought; None: at the first.
    """

    order: Order
    plan: ParcelPlan
    generation: int = 1
    service: ShippingService = ShippingService.STANDARD
    carrier: str | None = None
    account: Code | None = Field(default=None, exclude_if=not_given)


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
    """Which label's parcel the carrier is asked about, by the label's reference; `account`: where it was bought."""

    order_id: str
    reference: str
    account: Code | None = Field(default=None, exclude_if=not_given)


class InterceptParcel(Message):
    """Which parcel to turn around. `generation` counts the requests, so that a refused one can be made again.

    `way_ended`: the parcel is where it ends; nobody is asked any more, what is not answered is entered as refused.
    """

    order_id: str
    parcel: int
    generation: int = 1
    way_ended: bool = False


class Carriers:
    """Activities at the carriers, `carriers` by account: each label at the account it was bought at.

    `stopped`: who sells none at the moment.
    """

    def __init__(
        self,
        carriers: Mapping[str, Carrier],
        stock: StockStore,
        effects: Effects,
        ledger: EffectLedger,
        stopped: StoppedCarriers | None = None,
    ) -> None:
        self._stopped = stopped or StoppedCarriers()
        self._carriers = carriers
        self._stock = stock
        self._effects = effects
        self._ledger = ledger

    @activity.defn
    @translated
    async def book_label(self, request: BookLabel) -> LabelResult:
        """Buy a label, once per reference."""
        plan, carrier = request.plan, carrier_at(self._carriers, request.account)
        reference = plan.reference(request.order.order_id, request.generation)

        async def call(_: str) -> EffectOutcome:
            avoid = await self._stopped.avoided(request.order, plan.provider, request.account, request.carrier)
            label = await self._stock.ship_from(plan.location, request.order, plan, reference)
            return _bought(await carrier.book(_as_asked(label, request, avoid)), request.account)

        intent = _purchase(request)
        await require_replaceable(self._ledger, intent, undo="void_label")
        finding = _finding(carrier, reference, request.account)
        return _result(await self._effects.perform(intent, call, finding, repeatable=False))

    @activity.defn
    @translated
    async def find_label(self, request: BookLabel) -> LabelResult:
        """Learn what an unanswered purchase came to, and buy nothing: the label, or on record that there is none.

        Raises RetryError as long as one might still come about.
        """
        carrier = carrier_at(self._carriers, request.account)
        reference = request.plan.reference(request.order.order_id, request.generation)
        finding = _finding(carrier, reference, request.account)
        return _result(await self._effects.perform(_purchase(request), _buy_nothing, finding, repeatable=False))

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
        told = await carrier_at(self._carriers, request.account).look(request.reference)
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
        return await self._intercept(booked, request)

    async def _intercept(self, booked: EffectRow, request: InterceptParcel) -> InterceptDecision:
        carrier, reference = carrier_at(self._carriers, booked.account), _reference(booked)

        async def call(_: str) -> EffectOutcome:
            ended = request.way_ended
            return _turned(InterceptDecision.REFUSED if ended else await carrier.intercept(reference))

        async def inquire(_: EffectRow) -> EffectOutcome | None:
            if request.way_ended:
                return _turned(InterceptDecision.REFUSED)
            label = await carrier.inquire(reference)
            return _turned(InterceptDecision.ACCEPTED) if label is not None and label.intercepted else None

        intent = _intent("intercept", request.order_id, request.parcel, request.generation, booked.account)
        row = await self._effects.perform(intent, call, inquire, by_operator, repeatable=False)
        return InterceptDecision(row.answer.get("decision", InterceptDecision.REFUSED))

    async def _void(self, booked: EffectRow) -> CancelDecision:
        carrier, reference = carrier_at(self._carriers, booked.account), _reference(booked)

        async def call(_: str) -> EffectOutcome:
            decision = await carrier.void(reference)
            refused = decision is CancelDecision.REFUSED
            return EffectOutcome(
                status=EffectStatus.REFUSED if refused else EffectStatus.DONE,
                answer={"decision": decision.value},
                code="void_refused" if refused else None,
            )

        async def inquire(_: EffectRow) -> EffectOutcome | None:
            label = await carrier.inquire(reference)
            voided = EffectOutcome(status=EffectStatus.DONE, answer={"decision": CancelDecision.CANCELED.value})
            return voided if label is not None and label.voided else None

        intent = _intent("void_label", booked.order_id, booked.parcel, booked.generation, booked.account)
        row = await self._effects.perform(intent, call, inquire, by_operator)
        return CancelDecision(row.answer.get("decision", CancelDecision.REFUSED))

    async def _resolve(self, booked: EffectRow) -> bool:
        """Learn whether an interrupted purchase went through; True when a label exists.

        Raises RetryError as long as one might still come about.
        """
        intent = _intent(booked.step, booked.order_id, booked.parcel, booked.generation, booked.account)
        finding = _finding(carrier_at(self._carriers, booked.account), _reference(booked), booked.account)
        row = await self._effects.perform(intent, _buy_nothing, finding, repeatable=False)
        return row.status is EffectStatus.DONE


def _finding(carrier: Carrier, reference: str, account: str | None) -> Inquire:
    async def inquire(_: EffectRow) -> EffectOutcome | None:
        label = await carrier.inquire(reference)
        return _bought(label, account) if label is not None else None

    return inquire


async def _buy_nothing(_: str) -> EffectOutcome:
    return EffectOutcome(status=EffectStatus.REFUSED, code="not_found", message="no label was bought")


def _result(row: EffectRow) -> LabelResult:
    return LabelResult(
        bought=row.status is EffectStatus.DONE,
        carrier=row.answer.get("carrier"),
        tracking_number=row.answer.get("tracking_number"),
        can_intercept=row.answer.get("can_intercept", False),
        code=row.code,
        message=row.message,
    )


def _as_asked(label: LabelRequest, request: BookLabel, avoid: tuple[str, ...]) -> LabelRequest:
    """The location's label, by the service and carrier that were asked for."""
    return label.model_copy(update={"service": request.service, "carrier": request.carrier, "avoid": avoid})


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


def _purchase(request: BookLabel) -> EffectIntent:
    order_id, parcel = request.order.order_id, request.plan.parcel
    return _intent("book_label", order_id, parcel, request.generation, on_record(request.account))


def _intent(step: str, order_id: str, parcel: int, generation: int, account: str | None) -> EffectIntent:
    return EffectIntent(
        order_id=order_id, step=step, parcel=parcel, generation=generation, account=account, lease=LEASE
    )


def _bought(label: LabelState, account: str | None) -> EffectOutcome:
    answer = label.model_copy(update={"account": account or EASYPOST}).model_dump(mode="json")
    return EffectOutcome(status=EffectStatus.DONE, external_id=label.label_id, answer=answer)

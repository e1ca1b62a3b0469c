"""The way back: a label for the shopper, beside giving it back unused; or the seller's own instructions."""

from collections.abc import Mapping

from temporalio import activity

from activities.carrier_accounts import carrier_at
from activities.carriers import LEASE
from activities.effects import Call, Effects, Inquire, always, by_operator
from activities.failures import translated
from ordersaga.domain.carriers import EASYPOST, on_record
from ordersaga.domain.effects import EffectIntent, EffectOutcome, EffectRow, EffectStatus
from ordersaga.domain.orders import Address, OrderLine
from ordersaga.domain.returns import ReturnCase
from ordersaga.domain.shipping import CancelDecision, LabelRequest, LabelState
from ordersaga.domain.values import Message
from ordersaga.ports import Carrier, EffectLedger, StockStore

BOOK, VOID = "book_return_label", "void_return_label"


class ReturnLabel(Message):
    """Bought, with where to print it, or refused with `code`."""

    bought: bool
    carrier: str | None = None
    tracking_number: str | None = None
    url: str | None = None
    code: str | None = None
    message: str | None = None


class ReturnLabels:
    """Activities at the carriers, for the way back. The effects' generation is the return's number."""

    def __init__(
        self, carriers: Mapping[str, Carrier], stock: StockStore, effects: Effects, ledger: EffectLedger
    ) -> None:
        self._carriers = carriers
        self._stock = stock
        self._effects = effects
        self._ledger = ledger

    @activity.defn
    @translated
    async def book_return_label(self, case: ReturnCase) -> ReturnLabel:
        """Buy a label from the shopper to the warehouse, once per reference."""

        async def call(_: str) -> EffectOutcome:
            return _bought(await self._carrier(case).book(await self._wanted(case)), case.account)

        row = await self._effects.perform(_intent(BOOK, case), call, self._finding(case), repeatable=False)
        return ReturnLabel(
            bought=row.status is EffectStatus.DONE,
            carrier=row.answer.get("carrier"),
            tracking_number=row.answer.get("tracking_number"),
            url=row.answer.get("url"),
            code=row.code,
            message=row.message,
        )

    @activity.defn
    @translated
    async def void_return_label(self, case: ReturnCase) -> CancelDecision:
        """Undo of `book_return_label`: give the unused label back."""
        booked = await self._ledger.find(case.order_id, BOOK, case.plan.parcel, case.number)
        if booked is None or booked.status is EffectStatus.REFUSED:
            return CancelDecision.NOTHING_TO_UNDO
        if booked.status is not EffectStatus.DONE and not await self._resolve(case, self._finding(case)):
            return CancelDecision.NOTHING_TO_UNDO
        return await self._void(case)

    @activity.defn
    @translated
    async def return_label_settled_by_hand(self, case: ReturnCase) -> None:
        """A person saw to it that the label is not used."""
        booked = await self._ledger.find(case.order_id, BOOK, case.plan.parcel, case.number)
        if booked is not None and booked.status is EffectStatus.DONE:
            await self._effects.perform(_intent(VOID, case), _answers(_VOIDED), _finds(_VOIDED), always)
        elif booked is not None and booked.status is not EffectStatus.REFUSED:
            await self._resolve(case, _finds(_NOT_BOUGHT))

    @activity.defn
    @translated
    async def seller_instructions(self, case: ReturnCase) -> str:
        """What to tell the shopper where no label could be bought."""
        to = (await self._wanted(case)).ship_to
        return f"Send the goods to {_one_line(to)}. Write {case.reference} on the parcel."

    def _carrier(self, case: ReturnCase) -> Carrier:
        return carrier_at(self._carriers, case.account)

    async def _wanted(self, case: ReturnCase) -> LabelRequest:
        """The way out, turned around, with the weight of what comes back."""
        prices = {line.sku: line.unit_price for line in case.plan.lines}
        lines = tuple(
            OrderLine(sku=units.sku, quantity=units.quantity, unit_price=prices[units.sku])
            for units in case.request.lines
        )
        plan = case.plan.model_copy(update={"lines": lines})
        out = await self._stock.ship_from(plan.location, case.way_out, plan, case.reference)
        turned = {"ship_from": out.ship_to, "ship_to": out.ship_from, "returning": True}
        return out.model_copy(update=turned)

    async def _resolve(self, case: ReturnCase, inquire: Inquire) -> bool:
        """Learn whether an interrupted purchase went through; raises RetryError as long as one might come about."""
        row = await self._effects.perform(_intent(BOOK, case), _answers(_NOT_BOUGHT), inquire, repeatable=False)
        return row.status is EffectStatus.DONE

    async def _void(self, case: ReturnCase) -> CancelDecision:
        async def call(_: str) -> EffectOutcome:
            decision = await self._carrier(case).void(case.reference)
            refused = decision is CancelDecision.REFUSED
            status = EffectStatus.REFUSED if refused else EffectStatus.DONE
            code = "void_refused" if refused else None
            return EffectOutcome(status=status, answer={"decision": decision.value}, code=code)

        async def inquire(_: EffectRow) -> EffectOutcome | None:
            label = await self._carrier(case).inquire(case.reference)
            return _VOIDED if label is not None and label.voided else None

        row = await self._effects.perform(_intent(VOID, case), call, inquire, by_operator)
        return CancelDecision(row.answer.get("decision", CancelDecision.REFUSED))

    def _finding(self, case: ReturnCase) -> Inquire:
        async def inquire(_: EffectRow) -> EffectOutcome | None:
            label = await self._carrier(case).inquire(case.reference)
            return _bought(label, case.account) if label is not None else None

        return inquire


_NOT_BOUGHT = EffectOutcome(status=EffectStatus.REFUSED, code="not_found", message="no label was bought")
_VOIDED = EffectOutcome(status=EffectStatus.DONE, answer={"decision": CancelDecision.CANCELED.value})


def _intent(step: str, case: ReturnCase) -> EffectIntent:
    return EffectIntent(
        order_id=case.order_id,
        step=step,
        parcel=case.plan.parcel,
        generation=case.number,
        account=on_record(case.account),
        lease=LEASE,
    )


def _bought(label: LabelState, account: str | None) -> EffectOutcome:
    answer = label.model_copy(update={"account": account or EASYPOST}).model_dump(mode="json")
    return EffectOutcome(status=EffectStatus.DONE, external_id=label.label_id, answer=answer)


def _answers(outcome: EffectOutcome) -> Call:
    async def call(_: str) -> EffectOutcome:
        return outcome

    return call


def _finds(outcome: EffectOutcome) -> Inquire:
    async def inquire(_: EffectRow) -> EffectOutcome | None:
        return outcome

    return inquire


def _one_line(to: Address) -> str:
    parts = (to.name, to.line1, to.line2, to.city, f"{to.region} {to.postal_code}", to.country)
    return ", ".join(part for part in parts if part)

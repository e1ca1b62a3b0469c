"""What may come back, until when, and what the shopper gets for it. Pure rules.

| asked | rule |
|---|---|
| which parcel | one return is of one parcel: what came together goes back together, to where it came from |
| when | every parcel of the order has arrived (its saga has ended), and its return window is open |
| how much | units of that parcel that no other return has, or has had, back |
| worth | what was paid for these units: goods and their share of tax; shipping too when the seller is at fault |
| goodwill | goods kept, whenever: as much as was captured for the parcel and is neither back nor promised |

A refund never exceeds what was captured for the parcel minus what was given back before.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import AwareDatetime

from ordersaga.domain.amounts import format_amount
from ordersaga.domain.journal import JournalEntry
from ordersaga.domain.money import apportion
from ordersaga.domain.orders import Address, LineQuantity, Order, ParcelPlan
from ordersaga.domain.returns import (
    LARGEST_NUMBER,
    RETURNABLE,
    Inspection,
    Opened,
    Refusal,
    ReturnAsk,
    ReturnCase,
    ReturnRecord,
    ReturnRequest,
    ReturnStatus,
    ReturnWish,
)
from ordersaga.domain.statuses import OrderStatus
from ordersaga.domain.values import Message


class ParcelFacts(Message):
    """What our books say of a parcel. `captured`: minus what was given back; `payment`: the captured generation.

    `account`: the carrier account that sells the label of its way back; None: the first. `sent_to`: where it went, if
    not where the order goes.
    """

    plan: ParcelPlan
    delivered_at: AwareDatetime | None = None
    captured: int = 0
    payment: int = 1
    account: str | None = None
    sent_to: Address | None = None


@dataclass(frozen=True)
class OrderFacts:
    """What decides about a return."""

    order: Order
    status: OrderStatus
    parcels: Sequence[ParcelFacts]
    returns: Sequence[ReturnRecord] = ()

    def parcel(self, number: int) -> ParcelFacts | None:
        """What is known of one parcel."""
        return next((facts for facts in self.parcels if facts.plan.parcel == number), None)

    def taken(self, parcel: int) -> Counter[str]:
        """Units of a parcel that returns have."""
        taken = Counter[str]()
        for record in self.returns:
            if record.case.plan.parcel == parcel:
                taken.update(counted(record.taken()))
        return taken

    def left(self, facts: ParcelFacts) -> Counter[str]:
        """Units of a parcel the shopper has and may send back."""
        return counted(facts.plan.units()) - self.taken(facts.plan.parcel)

    def promised(self, parcel: int) -> int:
        """Minor units of a parcel that open returns are to give back, and that the books do not show as given yet."""
        waiting = (r for r in self.returns if r.open and not r.refunded and r.status is not ReturnStatus.REFUND_PENDING)
        return sum(wanted_value(record.case) for record in waiting if record.case.plan.parcel == parcel)

    @property
    def next_number(self) -> int:
        return 1 + max((record.case.number for record in self.returns), default=0)


def accept(facts: OrderFacts, request: ReturnRequest, now: datetime, number: int | None = None) -> ReturnCase | Refusal:
    """Whether a return is accepted, under this number or the next; nothing is stored by this."""
    refusal = _not_yet(facts) or _unknown_units(facts, request)
    if refusal is not None:
        return refusal
    parcel = _paid_parcel_for(facts, request) if request.keeps_goods else _parcel_for(facts, request)
    if isinstance(parcel, Refusal):
        return parcel
    refusal = None if request.keeps_goods else _no_return(facts.order, parcel, request, now)
    return refusal or _case(facts, parcel, request, now, number or facts.next_number)


def returnable(facts: OrderFacts, now: datetime) -> tuple[LineQuantity, ...]:
    """Units that may still come back: delivered in time, paid for, and in no other return."""
    open_ones = [
        one
        for one in facts.parcels
        if one.delivered_at is not None and not (_too_late(facts.order, one, now) or _unpaid(one))
    ]
    return () if _not_yet(facts) else _lines(sum((facts.left(one) for one in open_ones), Counter[str]()))


def refundable(facts: OrderFacts) -> int:
    """The most that may be given of what was paid for one parcel, its goods kept."""
    left = [one.captured - facts.promised(one.plan.parcel) for one in facts.parcels if one.delivered_at is not None]
    return 0 if _not_yet(facts) else max(0, 0, *left)


def answered(facts: OrderFacts, standing: ReturnRecord | None, ask: ReturnAsk, now: datetime) -> Opened | Refusal:
    """The answer to a request, given the return that stands under its key or number, if one does."""
    if standing is None:
        case = accept(facts, ask.request, now, ask.number)
        return case if isinstance(case, Refusal) else Opened(ReturnRecord(case=case))
    if _plain(standing.case.request) == _plain(ask.request):
        return Opened(standing, repeated=True)
    reason = f"{standing.case.return_id} was asked for with other words under the same key or number"
    return Refusal("return_mismatch", reason, "use a new Idempotency-Key and number for another return")


def _plain(request: ReturnRequest) -> ReturnRequest:
    """Gifts without a reason once had the note `not given`: asked for again, they are the same."""
    return request.model_copy(update={"note": None}) if request.note == "not given" else request


def opening_entry(case: ReturnCase) -> JournalEntry:
    """The first line of a return's story; its workflow writes the others."""
    request = case.request
    said = f"{request.by} asks to return {words(request.lines)}: {request.reason}, {request.wish}"
    gift = f"{request.by} asks for {wanted(case)}: {request.note or request.reason}"
    return JournalEntry(
        entry_id=f"return-{case.number}-0",
        at=case.accepted_at,
        kind="goodwill_requested" if request.keeps_goods else "return_requested",
        text=f"{case.return_id}: {gift if request.keeps_goods else said}",
        parcel=case.plan.parcel,
    )


def _case(facts: OrderFacts, parcel: ParcelFacts, request: ReturnRequest, now: datetime, number: int) -> ReturnCase:
    assert parcel.delivered_at is not None, "a parcel that was not delivered is refused before"
    return ReturnCase(
        order=facts.order,
        plan=parcel.plan,
        number=number,
        request=request,
        delivered_at=parcel.delivered_at,
        accepted_at=now,
        returned_before=_lines(facts.taken(parcel.plan.parcel)),
        account=parcel.account,
        sent_to=parcel.sent_to,
    )


def _not_yet(facts: OrderFacts) -> Refusal | None:
    if facts.status not in RETURNABLE:
        reason = f"the order is {facts.status}: only what was delivered by an order that has ended comes back"
        return Refusal("order_not_completed", reason, "cancel the order, or ask again once every parcel has arrived")
    if facts.next_number > LARGEST_NUMBER:
        return Refusal("too_many_returns", "the order has 99 returns", "settle the rest with the seller directly")
    return None


def _unknown_units(facts: OrderFacts, request: ReturnRequest) -> Refusal | None:
    """The order never had these units."""
    bought = counted(line for facts_of in facts.parcels for line in facts_of.plan.units())
    for index, units in enumerate(request.lines):
        if units.sku not in bought:
            reason = f"the order has no SKU {units.sku}"
            return Refusal("unknown_sku", reason, f"use one of {', '.join(sorted(bought))}", f"lines[{index}].sku")
        if units.quantity > bought[units.sku]:
            reason = f"{units.quantity} of {units.sku}, but the order has {bought[units.sku]}"
            return Refusal("too_many_units", reason, "ask for fewer units", f"lines[{index}].quantity")
    return None


def _parcel_for(facts: OrderFacts, request: ReturnRequest) -> ParcelFacts | Refusal:
    """The one parcel that has all units asked for, delivered and not returned before."""
    asked = counted(request.lines)
    named = _named_parcels(facts, request)
    if isinstance(named, Refusal):
        return named
    holding = [facts_of for facts_of in named if asked <= counted(facts_of.plan.units())]
    delivered = [facts_of for facts_of in holding if facts_of.delivered_at is not None]
    free = [facts_of for facts_of in delivered if asked <= facts.left(facts_of)]
    if free:
        return free[0]
    return _why_none(facts, bool(holding), bool(delivered))


def _named_parcels(facts: OrderFacts, request: ReturnRequest) -> list[ParcelFacts] | Refusal:
    """The parcels the request can be about: the one it names, or every one."""
    named = [facts_of for facts_of in facts.parcels if request.parcel in (0, facts_of.plan.parcel)]
    if named:
        return named
    numbers = ", ".join(str(facts_of.plan.parcel) for facts_of in facts.parcels)
    return Refusal("unknown_parcel", f"the order has no parcel {request.parcel}", f"use one of {numbers}", "parcel")


def _paid_parcel_for(facts: OrderFacts, request: ReturnRequest) -> ParcelFacts | Refusal:
    """The first delivered parcel of which as much as is asked for can be given back."""
    named = _named_parcels(facts, request)
    if isinstance(named, Refusal):
        return named
    delivered = [facts_of for facts_of in named if facts_of.delivered_at is not None]
    if not delivered:
        return Refusal("not_delivered", "the parcel was not delivered", "ask for another parcel of the order")
    promised = [facts.promised(facts_of.plan.parcel) for facts_of in delivered]
    left = [facts_of.captured - claim for facts_of, claim in zip(delivered, promised, strict=True)]
    enough = [one for one, paid in zip(delivered, left, strict=True) if paid >= (request.amount or 0)]
    if enough:
        return enough[0]
    most = format_amount(max(0, *left), facts.order.currency)
    reason = f"at most {most} of what was paid for a parcel can still be given back"
    claims = "; open returns have a claim on their goods' price" if any(promised) else ""
    return Refusal("too_much", reason, f"ask for at most that{claims}")


def _no_return(order: Order, parcel: ParcelFacts, request: ReturnRequest, now: datetime) -> Refusal | None:
    """Why goods of this parcel do not come back."""
    return _too_late(order, parcel, now) or _unpaid(parcel) or _no_exchange(order, request)


def _why_none(facts: OrderFacts, holding: bool, delivered: bool) -> Refusal:
    left = [facts_of for facts_of in facts.parcels if facts_of.delivered_at and facts.left(facts_of)]
    units = "; ".join(f"parcel {f.plan.parcel}: {_words(facts.left(f))}" for f in left) or "nothing is left to return"
    if not holding:
        reason = "no single parcel has all these units, and a return is of one parcel"
        return Refusal("several_parcels", reason, f"ask for one return for each parcel ({units})")
    if not delivered:
        return Refusal("not_delivered", "the parcel with these units was not delivered", f"ask for others ({units})")
    return Refusal("returned_before", "these units are in another return already", f"ask for others ({units})")


def _too_late(order: Order, parcel: ParcelFacts, now: datetime) -> Refusal | None:
    assert parcel.delivered_at is not None, "only delivered parcels are looked at"
    until = parcel.delivered_at + order.terms.return_window
    if now < until:
        return None
    reason = f"the return window ended at {until:%Y-%m-%d %H:%M} UTC"
    return Refusal("window_closed", reason, "the seller may still give a goodwill refund; ask an operator")


def _unpaid(parcel: ParcelFacts) -> Refusal | None:
    """Written off, given back already, or sent again for a parcel that was lost: no money of this parcel is left."""
    if parcel.captured > 0:
        return None
    reason = f"nothing that was paid for parcel {parcel.plan.parcel} is left to give back"
    return Refusal("nothing_paid", reason, "an operator may refund another parcel of the order")


def _no_exchange(order: Order, request: ReturnRequest) -> Refusal | None:
    """A price must be known for everything wished."""
    if request.wish is not ReturnWish.EXCHANGE:
        return None
    known = {line.sku for line in order.lines}
    for index, wished in enumerate(request.exchange_for):
        if wished.unit_price is None and wished.sku not in known:
            reason = f"the order has no price for {wished.sku}"
            remedy = f"give its unit_price in minor units; on the command line --for {wished.sku}=QTY@PRICE"
            return Refusal("price_missing", reason, remedy, f"exchange_for[{index}].unit_price")
    return None


def refund_value(
    order: Order,
    plan: ParcelPlan,
    before: Sequence[LineQuantity],
    units: Sequence[LineQuantity],
    *,
    sellers_fault: bool,
) -> int:
    """What the shopper paid for `units` of a parcel, in minor units, when `before` came back already.

    The shares of tax and shipping follow the goods' value (their number, where all are free). Each return gets the
    difference its units make, so that returning a parcel piece by piece gives exactly what returning it at once gives.
    """
    goods = sum(line.value for line in plan.lines)
    shipping, tax = apportion(max(plan.amount - goods, 0), [order.shipping, order.tax])
    shared = tax + (shipping if sellers_fault else 0) + min(plan.amount - goods, 0)
    earlier, later = _weight(plan, before), _weight(plan, (*before, *units))
    whole = _weight(plan, plan.units())
    own = sum(_price(plan, one.sku) * one.quantity for one in units)
    return own + shared * later // whole - shared * earlier // whole


def value_of(case: ReturnCase, units: Sequence[LineQuantity]) -> int:
    """The same for units of a return."""
    fault = case.request.reason.sellers_fault
    return refund_value(case.order, case.plan, case.returned_before, units, sellers_fault=fault)


def wanted_value(case: ReturnCase) -> int:
    """What a return is to give back if it goes as it was asked for, in minor units."""
    return case.request.amount or max(value_of(case, case.request.lines), 0)


def wanted(case: ReturnCase) -> str:
    """What a return is about, for people: `2 MUG`, or `USD 3.00 of parcel 1 back, goods kept`."""
    if case.request.amount is None:
        return words(case.request.lines)
    return f"{format_amount(case.request.amount, case.order.currency)} of parcel {case.plan.parcel} back, goods kept"


def _weight(plan: ParcelPlan, units: Iterable[LineQuantity]) -> int:
    free = not any(line.unit_price for line in plan.lines)
    return sum((1 if free else _price(plan, one.sku)) * one.quantity for one in units)


def _price(plan: ParcelPlan, sku: str) -> int:
    return next(line.unit_price for line in plan.lines if line.sku == sku)


def wrong_inspection(request: ReturnRequest, inspection: Inspection) -> str | None:
    """What is wrong with an inspection, naming the line and the remedy; None: every unit asked for is explained."""
    if request.keeps_goods:
        return "lines: the goods are kept, so nothing comes back; ask for a return of its own"
    asked, found = counted(request.lines), {line.sku: line for line in inspection.lines}
    if len(found) != len(inspection.lines):
        return "lines: a SKU appears twice; give each SKU once"
    for sku in sorted(asked.keys() | found.keys()):
        total = found[sku].total if sku in found else 0
        if total != asked[sku]:
            return f"lines: {sku} has {total} units, but {asked[sku]} were to come back; account for each of them"
    if inspection.units("refused") and inspection.reason is None:
        return "reason: units are refused without one; say why, the shopper is told"
    return None


def outcome_of(inspection: Inspection) -> ReturnStatus:
    """How a return ends by what was found."""
    accepted = counted(inspection.units("accepted")).total()
    if accepted == 0:
        return ReturnStatus.REFUSED
    whole = accepted == sum(line.total for line in inspection.lines)
    return ReturnStatus.REFUNDED if whole else ReturnStatus.PARTLY_REFUNDED


def order_status(facts: OrderFacts) -> OrderStatus:
    """What the order is called while returns are open, and afterwards. Refunded units count as back.

    Goodwill changes nothing of it: its goods stay where they are.
    """
    if any(record.open and not record.case.request.keeps_goods for record in facts.returns):
        return OrderStatus.RETURNING
    delivered = [parcel for parcel in facts.parcels if parcel.delivered_at is not None]
    kept = any(facts.left(parcel) for parcel in delivered)
    return OrderStatus.RETURNED if delivered and not kept else OrderStatus.COMPLETED


def counted(units: Iterable[LineQuantity]) -> Counter[str]:
    """Units by SKU."""
    found = Counter[str]()
    for one in units:
        found[one.sku] += one.quantity
    return found


def _lines(counted: Counter[str]) -> tuple[LineQuantity, ...]:
    return tuple(LineQuantity(sku=sku, quantity=count) for sku, count in sorted(counted.items()) if count)


def words(units: Iterable[LineQuantity]) -> str:
    """Units for people: `2 MUG, 1 TEE`; `nothing` for none."""
    return _words(counted(units)) or "nothing"


def _words(counted: Counter[str]) -> str:
    return ", ".join(f"{count} {sku}" for sku, count in sorted(counted.items()) if count)

"""Cancellation is a message, and its answer is the truth: canceled, pending, intercepting or too late, part by part."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

from temporalio import workflow

from ordersaga.domain.amounts import format_amount
from ordersaga.domain.lattices import reached
from ordersaga.domain.orders import LineQuantity
from ordersaga.domain.shipping import InterceptDecision
from ordersaga.domain.statuses import OrderStatus, ParcelStatus
from workflows.activity_policies import PATIENCE, StepFailedError
from workflows.change import Change
from workflows.desk import Desk
from workflows.journeys import Journeys
from workflows.messages import CancelAnswer, CanceledPart, CancelOutcome, CancelRequest
from workflows.order_state import OrderState, ParcelState
from workflows.removals import removal, take_out, taken_from

ANSWER_WITHIN = timedelta(seconds=30)
"""How long the asker is kept waiting for a decision before being told `pending`."""


@dataclass
class Part:
    """What one request asks of one parcel. `change`: the removal of some units; None: the whole parcel.

    `voided` and `refunded`: what the parcel had given back already when the request came, in minor units; `claims`:
    units that others had asked to take out of it by then, whose money is told to them; `before`: how many changes of
    the parcel there were.
    """

    parcel: ParcelState
    lines: tuple[LineQuantity, ...]
    change: Change | None = None
    voided: int = 0
    refunded: int = 0
    claims: tuple[Change, ...] = ()
    before: int = 0

    @property
    def outcome(self) -> CancelOutcome:
        """Where it stands now."""
        if self.change is not None and not self.change.superseded:
            decided: dict[str, CancelOutcome] = {"done": "canceled", "refused": "too_late"}
            return decided.get(self.change.outcome, "pending")
        if self.parcel.undone:
            return "canceled"
        if self.parcel.status is ParcelStatus.RETURNED_TO_SENDER:
            return "pending" if self.parcel.paid else "canceled"
        if not self.parcel.cancel_decided:
            return "pending"
        turned = self.parcel.intercept is InterceptDecision.ACCEPTED and not self.parcel.ended
        late: CancelOutcome = "partly_canceled" if self._by_provider() else "too_late"
        return "intercepting" if turned else late

    def _by_provider(self) -> list[Change]:
        """What the provider could still stop of a parcel that it could not stop as a whole."""
        return [
            change
            for change in self.parcel.changes[self.before :]
            if change.by_provider and change.voided + change.refunded
        ]

    def foreseen(self) -> CancelOutcome:
        """What asking now would come to, as far as one can know without asking."""
        parcel = self.parcel
        if parcel.scanned or parcel.too_late:
            return "intercepting" if self.change is None and parcel.interception_open else "too_late"
        if parcel.point_of_no_return is not None and reached(parcel.status, parcel.point_of_no_return):
            return "too_late"
        return "pending" if parcel.handed_off else "canceled"

    def answer(self, outcome: CancelOutcome) -> CanceledPart:
        """The part as the asker is told it: done, or still to come."""
        voided, refunded = (0, 0) if outcome == "too_late" else self._money(outcome)
        return CanceledPart(
            parcel=self.parcel.plan.parcel, outcome=outcome, lines=self.lines, voided=voided, refunded=refunded
        )

    def _money(self, outcome: CancelOutcome) -> tuple[int, int]:
        parcel, change = self.parcel, self.change
        if outcome == "partly_canceled":
            stopped = self._by_provider()
            return sum(one.voided for one in stopped), sum(one.refunded for one in stopped)
        if change is not None:
            return (change.voided, change.refunded) if change.outcome == "done" else self._as_paid(change.worth)
        if outcome == "canceled" and parcel.ended:
            voided, refunded = parcel.voided - self.voided, parcel.refunded - self.refunded
        else:
            voided, refunded = self._as_paid(parcel.captured - parcel.refunded if parcel.paid else parcel.plan.amount)
        told = sum(claim.worth for claim in self.claims if claim.outcome != "refused" or claim.superseded)
        return max(voided - told, 0), max(refunded - told, 0)

    def _as_paid(self, amount: int) -> tuple[int, int]:
        """An amount as it comes back: refunded where the money was taken, otherwise released."""
        parcel = self.parcel
        if parcel.paid or parcel.refunded > self.refunded:
            return 0, amount
        return (amount if parcel.authorized or parcel.voided > self.voided else 0), 0


@dataclass
class Negotiation:
    """One request to cancel. `taken_up`: it is known which parcels it is about. `before`: how many there were."""

    request: CancelRequest
    parts: list[Part] = field(default_factory=list)
    taken_up: bool = False
    before: int = 0


class Cancellations:
    """Every request to cancel an order or part of it, each with one answer."""

    def __init__(self, desk: Desk, journeys: Journeys) -> None:
        self._desk = desk
        self._state = desk.state
        self._journeys = journeys
        self._whole: Negotiation | None = None
        self._waiting: list[Negotiation] = []

    def request(self, asked: CancelRequest) -> Negotiation:
        """Take a request, whichever way it came. The first one for the whole order counts for every later one."""
        known = self._state.requests.get(asked.request_id or "")
        if isinstance(known, Negotiation):
            return known
        negotiation = self._for_lines(asked) if asked.lines else self._for_all(asked)
        if asked.request_id:
            self._state.requests[asked.request_id] = negotiation
        return negotiation

    def knows(self, asked: CancelRequest) -> bool:
        """Whether this very request was taken before."""
        return asked.request_id is not None and asked.request_id in self._state.requests

    def _for_all(self, asked: CancelRequest) -> Negotiation:
        if self._whole is None:
            self._whole = Negotiation(asked, taken_up=True, before=len(self._state.parcels))
            if self._state.closed_as is None:
                self._whole.parts = [_whole_part(parcel) for parcel in self._state.parcels if not parcel.undone]
                self._state.cancel = asked
                self._desk.note("cancel_requested", f"{asked.by} asks to cancel: {asked.reason}")
                self._say_what_left(self._whole)
        return self._whole

    def _for_lines(self, asked: CancelRequest) -> Negotiation:
        negotiation = Negotiation(asked)
        if self._state.closed_as is None:
            units = ", ".join(f"{line.quantity} {line.sku}" for line in asked.lines)
            self._desk.note("cancel_requested", f"{asked.by} asks to cancel {units}: {asked.reason}")
            self._waiting.append(negotiation)
            if self._state.confirmed:
                self.take_up()
        return negotiation

    def take_up(self) -> None:
        """Requests for some units wait until the order is confirmed: before, there are no parcels to take them from."""
        for negotiation in self._waiting:
            negotiation.taken_up = True
            negotiation.parts = _allot(self._state, negotiation.request)
            for part in negotiation.parts:
                self._ask_of_parcel(part, negotiation.request)
            self._say_what_left(negotiation)
            self._say_what_is_missing(negotiation)
        self._waiting.clear()

    def _say_what_is_missing(self, negotiation: Negotiation) -> None:
        """A signal is not refused: units that the order has not, or that others took, are named in the story."""
        missing = _counted(negotiation.request.lines)
        for part in negotiation.parts:
            missing -= _counted(part.lines)
        for sku, quantity in sorted(missing.items()):
            self._desk.note("ignored", f"{quantity} {sku} asked for are not left to cancel")

    def _say_what_left(self, negotiation: Negotiation) -> None:
        """Who asks by a signal hears no answer: the story says it."""
        late = [part.parcel.plan.parcel for part in negotiation.parts if part.outcome == "too_late"]
        for parcel in late:
            self._desk.note("too_late", "it has left, or can no longer be stopped", parcel)
        if late:
            self._desk.errand(self._desk.publish())

    def _ask_of_parcel(self, part: Part, asked: CancelRequest) -> None:
        parcel = part.parcel
        if part.change is not None and parcel.movable:
            part.change.make = partial(take_out, self._desk, part.change, parcel)
            parcel.changes.append(part.change)
        elif part.change is not None:
            part.change.refuse("the parcel has left; offer a return once it is delivered")
        elif parcel.stop is None:
            parcel.stop = StepFailedError("customer", "canceled", f"canceled by {asked.by}: {asked.reason}")

    def preview(self, asked: CancelRequest) -> CancelAnswer:
        """What `request` would come to now; nothing is done."""
        if self._state.closed_as is not None:
            return self._answer(self._without_parcels(), [])
        parts = (
            _allot(self._state, asked)
            if asked.lines
            else [_whole_part(parcel) for parcel in self._state.parcels if not parcel.undone]
        )
        waits = bool(asked.lines) and not self._state.confirmed  # some units: only once the order is confirmed
        told = [part.answer("pending" if waits else part.foreseen()) for part in parts]
        return self._foretold(self._answer(_overall(told) if told else "pending" if waits else "canceled", told))

    def _foretold(self, answer: CancelAnswer) -> CancelAnswer:
        """The same in words of what may be, not of what is: nobody is asked, so there is no time to look again."""
        words = _foreseen(answer, self._money(answer.voided, answer.refunded))
        step = "offer a return after delivery" if answer.outcome == "too_late" else "cancel to do it"
        return answer.model_copy(update={"message": f"{words}; nothing was done", "next_step": step, "answer_by": None})

    async def answer(self, negotiation: Negotiation) -> CancelAnswer:
        """Wait, for a bounded time, until every part has its answer; then say it."""
        answer_by = workflow.now() + ANSWER_WITHIN
        await self._desk.alarm.until(lambda: self._decided(negotiation), answer_by, "the answer to a cancellation")
        await self._desk.publish()
        return self.stands(negotiation)

    def stands(self, negotiation: Negotiation) -> CancelAnswer:
        """The truth about a request now."""
        told = [part.answer(part.outcome) for part in self._parts(negotiation)]
        if not self._decided(negotiation):
            return self._answer("pending", told)
        return self._answer(_overall(told) if told else self._without_parcels(), told)

    def _without_parcels(self) -> CancelOutcome:
        undone = (self._state.closed_as or self._state.final_status()) in (OrderStatus.CANCELED, OrderStatus.REJECTED)
        return "canceled" if undone else "too_late"

    def _parts(self, negotiation: Negotiation) -> list[Part]:
        """A request for all is also about parcels that were planned, or split off, only after it came."""
        if negotiation.request.lines:
            return negotiation.parts
        later = self._state.parcels[negotiation.before if negotiation.parts else 0 :]
        return [*negotiation.parts, *(_whole_part(each, fresh=True) for each in later if not each.replaces)]

    def _decided(self, negotiation: Negotiation) -> bool:
        if self._state.closed_as is not None:
            return True
        parts = self._parts(negotiation)
        if not negotiation.request.lines and not parts:
            return self._state.cancel_decided
        return negotiation.taken_up and all(part.outcome != "pending" for part in parts)

    def _answer(self, outcome: CancelOutcome, parts: list[CanceledPart]) -> CancelAnswer:
        voided, refunded = sum(part.voided for part in parts), sum(part.refunded for part in parts)
        late = any(each in ("too_late", "partly_canceled") for each in (outcome, *(part.outcome for part in parts)))
        waits = {"pending": PATIENCE, "intercepting": self._state.order.terms.deliver_within}.get(outcome)
        return CancelAnswer(
            order_id=self._state.order.order_id,
            outcome=outcome,
            status=self._state.status,
            currency=self._state.order.currency,
            voided=voided,
            refunded=refunded,
            message=_message(outcome, parts, self._money(voided, refunded)),
            next_step=_NEXT[outcome],
            answer_by=workflow.now() + waits if waits else None,
            parts=tuple(parts),
            return_offered=late,
        )

    def _money(self, voided: int, refunded: int) -> str:
        currency = self._state.order.currency
        return f"{format_amount(voided, currency)} released, {format_amount(refunded, currency)} refunded"


def _whole_part(parcel: ParcelState, *, fresh: bool = False) -> Part:
    """All of a parcel. `fresh`: the request came before the parcel had moved any money."""
    voided, refunded = (0, 0) if fresh else (parcel.voided, parcel.refunded)
    claims = tuple(change for change in parcel.changes if change.undecided and change.removes)
    return Part(parcel, parcel.planned_without().units(), None, voided, refunded, claims, len(parcel.changes))


def units_left(state: OrderState) -> Counter[str]:
    """Units by SKU that a request for some lines may name."""
    if not state.parcels:
        return Counter({line.sku: line.quantity for line in state.order.lines})
    left: Counter[str] = Counter()
    for parcel in _standing(state):
        left.update({line.sku: line.quantity for line in parcel.staying().lines})
    return left


def _standing(state: OrderState) -> list[ParcelState]:
    """The parcels that nobody has asked to cancel as a whole, or that could not be stopped."""
    return [parcel for parcel in state.parcels if not (parcel.undone or _being_canceled(state, parcel))]


def _being_canceled(state: OrderState, parcel: ParcelState) -> bool:
    with_order = state.cancel is not None and not parcel.cancel_decided
    turned = parcel.intercept is InterceptDecision.ACCEPTED and not parcel.ended
    return parcel.stop is not None or with_order or turned


def _allot(state: OrderState, asked: CancelRequest) -> list[Part]:
    """Which parcels the units come from: those not handed off first, those that have left last."""
    wanted = _counted(asked.lines)
    parts = []
    standing = (each for each in _standing(state) if not asked.parcels or each.plan.parcel in asked.parcels)
    for parcel in sorted(standing, key=_ease):
        taken = taken_from(parcel, wanted)
        if taken:
            parts.append(_part_of(parcel, taken, wanted))
            wanted -= Counter({line.sku: line.quantity for line in taken})
    return parts


def _counted(lines: Iterable[LineQuantity]) -> Counter[str]:
    counted = Counter[str]()
    for line in lines:
        counted[line.sku] += line.quantity
    return counted


def _ease(parcel: ParcelState) -> tuple[bool, bool, int]:
    return not parcel.movable, parcel.handed_off, -parcel.plan.parcel


def _part_of(parcel: ParcelState, taken: tuple[LineQuantity, ...], wanted: Counter[str]) -> Part:
    """Units of a parcel; all that is left of it: the parcel itself, unless units that are not asked for may be sent."""
    more = wanted - _counted(taken)
    kept = any(_counted(change.removes) - more for change in parcel.changes if change.to_come and change.may_be_sent)
    if not (kept or parcel.planned_without().without(taken).lines):
        return _whole_part(parcel)
    what = "take out " + ", ".join(f"{line.quantity} {line.sku}" for line in taken)
    return Part(parcel, taken, removal("cancel", parcel, what, taken), parcel.voided, parcel.refunded)


def _overall(parts: list[CanceledPart]) -> CancelOutcome:
    outcomes = {part.outcome for part in parts}
    for outcome in ("pending", "intercepting"):
        if outcome in outcomes:
            return outcome
    return outcomes.pop() if len(outcomes) == 1 else "partly_canceled"


_NEXT: dict[CancelOutcome, str] = {
    "canceled": "nothing more is to be done",
    "pending": "the provider or the payment company is asked; look at the order again by the time named",
    "intercepting": "the carrier brings the parcel back; the money goes back when it is received",
    "too_late": "offer a return after delivery; a parcel the shopper refuses at the door is refunded when it is back",
    "partly_canceled": "what has left can be returned after delivery",
}


def _message(outcome: CancelOutcome, parts: list[CanceledPart], money: str) -> str:
    stopped = sum(part.outcome == "canceled" for part in parts)
    words: dict[CancelOutcome, str] = {
        "canceled": f"everything asked for is undone: {money}",
        "pending": f"being undone, not decided yet: {money} if it can be stopped",
        "intercepting": f"it has left and is being turned around: {money} when it is back",
        "too_late": "it has left, or can no longer be stopped",
        "partly_canceled": f"{stopped} of {len(parts)} parcels stopped as a whole: {money}",
    }
    return words[outcome]


def _foreseen(answer: CancelAnswer, money: str) -> str:
    stopped = sum(part.outcome == "canceled" for part in answer.parts)
    words: dict[CancelOutcome, str] = {
        "canceled": f"everything asked for would be undone: {money}",
        "pending": f"would be undone if the provider can still stop it: {money}",
        "intercepting": f"it has left; the carrier would be asked to turn it around: {money} when it is back",
        "too_late": "it has left, or can no longer be stopped",
        "partly_canceled": f"{stopped} of {len(answer.parts)} parcels would be stopped as a whole: {money}",
    }
    return words[answer.outcome]

"""Cancellation is a message, and its answer is the truth: canceled, pending, intercepting or too late, part by part."""

from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

from temporalio import workflow

from ordersaga.domain.amounts import format_amount
from ordersaga.domain.statuses import OrderStatus
from workflows.activity_policies import PATIENCE, StepFailedError
from workflows.cancel_parts import Part, allot, part_of, whole_part
from workflows.change import Change, ChangeRefusedError, counted
from workflows.desk import Desk
from workflows.journeys import Journeys
from workflows.messages import CancelAnswer, CanceledPart, CancelOutcome, CancelRequest
from workflows.order_state import ParcelState
from workflows.removals import take_out

ANSWER_WITHIN = timedelta(seconds=30)
"""How long the asker is kept waiting for a decision before being told `pending`."""


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
                self._whole.parts = [whole_part(parcel) for parcel in self._state.parcels if not parcel.undone]
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
            negotiation.parts = allot(self._state, negotiation.request)
            for part in negotiation.parts:
                self._ask_of_parcel(part, negotiation)
            self._say_what_left(negotiation)
            self._say_what_is_missing(negotiation)
        self._waiting.clear()

    def _say_what_is_missing(self, negotiation: Negotiation) -> None:
        """A signal is not refused: units that the order has not, or that others took, are named in the story."""
        missing = counted(negotiation.request.lines)
        for part in negotiation.parts:
            missing -= counted(part.lines)
        for sku, quantity in sorted(missing.items()):
            self._desk.note("ignored", f"{quantity} {sku} asked for are not left to cancel")

    def _say_what_left(self, negotiation: Negotiation) -> None:
        """Who asks by a signal hears no answer: the story says it."""
        late = [part.parcel.plan.parcel for part in negotiation.parts if part.outcome == "too_late"]
        for parcel in late:
            self._desk.note("too_late", "it has left, or can no longer be stopped", parcel)
        if late:
            self._desk.errand(self._desk.publish())

    def _ask_of_parcel(self, part: Part, negotiation: Negotiation) -> None:
        parcel, asked = part.parcel, negotiation.request
        if part.change is not None and part.sent is not None:
            self._recall(part, part.sent, part.change, negotiation)
        elif part.change is not None and parcel.movable:
            part.change.make = partial(take_out, self._desk, part.change, parcel)
            parcel.changes.append(part.change)
        elif part.change is not None:
            part.change.refuse("the parcel has left; offer a return once it is delivered")
        elif parcel.stop is None:
            parcel.stop = StepFailedError("customer", "canceled", f"canceled by {asked.by}: {asked.reason}")

    def _recall(self, part: Part, sent: Change, change: Change, negotiation: Negotiation) -> None:
        """Units that are not sent if that can still be helped, and otherwise canceled where they are then."""
        sent.recalled += counted(part.lines)
        change.make = partial(self._where_they_are, part, sent, change, negotiation)
        change.of_part = partial(self._in_their_own, part, sent, change, negotiation)
        part.parcel.changes.append(change)

    async def _where_they_are(self, part: Part, sent: Change, change: Change, negotiation: Negotiation) -> None:
        """What might have sent them is decided: they are taken out, or in their parcel again."""
        if sent.outcome == "done" and sent.planned:
            change.voided = min(change.worth, sent.voided)
            change.refunded = min(change.worth - change.voided, sent.refunded)
        elif stop := self._desk.stop(part.parcel):
            change.superseded = True
            raise ChangeRefusedError(f"the parcel is being canceled ({stop.message}); ask what became of that")
        else:
            self._cancel_in(part.parcel, part, change, negotiation)

    def _in_their_own(
        self, part: Part, sent: Change, change: Change, negotiation: Negotiation, parcel: ParcelState
    ) -> None:
        """They leave in this parcel, which nobody else has yet."""
        if sent.made_parcel == parcel.plan.parcel:
            self._cancel_in(parcel, part, change, negotiation)

    def _cancel_in(self, parcel: ParcelState, part: Part, change: Change, negotiation: Negotiation) -> None:
        there = part_of(parcel, part.lines, counted(part.lines))
        negotiation.parts = [there if each is part else each for each in negotiation.parts]
        self._ask_of_parcel(there, negotiation)
        change.what = f"{change.what}: asked of parcel {parcel.plan.parcel}, which has them"
        change.done()

    def preview(self, asked: CancelRequest) -> CancelAnswer:
        """What `request` would come to now; nothing is done."""
        if self._state.closed_as is not None:
            return self._answer(self._without_parcels(), [])
        parts = (
            allot(self._state, asked)
            if asked.lines
            else [whole_part(parcel) for parcel in self._state.parcels if not parcel.undone]
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
        return [*negotiation.parts, *(whole_part(each, fresh=True) for each in later if not each.replaces)]

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

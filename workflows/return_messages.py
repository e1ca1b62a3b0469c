"""What running returns are told and asked: the handlers of signals, updates and queries. None of them ever fails."""

from collections.abc import Iterable

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from ordersaga.domain.journal import AttentionItem, JournalEntry
from ordersaga.domain.lattices import Verdict, judge, scanned
from ordersaga.domain.return_rules import words, wrong_inspection
from ordersaga.domain.returns import Inspection, ReturnCase, ReturnStatus
from ordersaga.domain.shipping import ParcelEvent
from ordersaga.domain.statuses import ParcelStatus
from workflows import return_presentation as presentation
from workflows.doors import check_answer, never_fails, not_empty
from workflows.foretelling import Foretold
from workflows.messages import Resolution
from workflows.on_record import answered_on_record, on_record
from workflows.return_desk import ReturnDesk
from workflows.return_foretelling import ReturnPreview, canceled, received
from workflows.return_state import CancelReturn, ReturnState, ReturnView

_PROGRESS = {ParcelStatus.IN_TRANSIT: ReturnStatus.IN_TRANSIT, ParcelStatus.DELIVERED: ReturnStatus.ARRIVED}


class ReturnMessages:
    """The doors of a return. They only change its state; the workflow, waiting on that state, goes on by itself."""

    def __init__(self, case: ReturnCase) -> None:
        self._case = case
        self._state = ReturnState(case)
        self._desk = ReturnDesk(self._state)

    def ignore(self, what: str) -> None:
        """Note a message that changes nothing."""
        self._desk.note("ignored", what)

    @workflow.update(name="receive", description="The warehouse says what it found")
    @answered_on_record
    async def on_receive(self, inspection: Inspection) -> ReturnView:
        """Take the inspection; the same one again changes nothing."""
        await on_record()
        self._may_receive(inspection)
        if self._state.inspection is None:
            self._state.inspection = inspection
            self._state.progress = ReturnStatus.INSPECTED
            self._desk.note("return_inspected", f"{inspection.by} found {_found(inspection)}")
        await self._desk.publish()
        return self.return_state()

    @on_receive.validator
    def _may_receive(self, inspection: Inspection) -> None:
        not_empty(inspection)
        if self._state.inspection not in (None, inspection):
            _refuse("the goods were inspected already: what was found cannot be replaced")
        if self._state.inspection is None and self._state.ends_as is not None:
            _refuse(f"the return ends as {self._state.ends_as}: nothing is expected any more")
        wrong = wrong_inspection(self._case.request, inspection)
        if wrong is not None:
            _refuse(wrong)

    @workflow.update(name="cancel_return", description="The shopper keeps the goods")
    @answered_on_record
    async def on_cancel_return(self, asked: CancelReturn | None = None) -> ReturnView:
        """End the return without any goods; a second request changes nothing."""
        await on_record()
        self._may_cancel(asked)
        self.cancel(asked or CancelReturn(by="update"))
        await self._desk.publish()
        return self.return_state()

    @on_cancel_return.validator
    def _may_cancel(self, asked: CancelReturn | None = None) -> None:
        if self._state.canceled is not None or self._state.may_be_kept:
            return
        if self._case.request.keeps_goods:
            _refuse("too late to withdraw it: the money is on its way, or it was decided already")
        _refuse("too late to keep the goods: they are on their way back, or the return has ended")

    def cancel(self, asked: CancelReturn) -> None:
        """One path for every door; too late, it is only noted."""
        if self._state.may_be_kept and self._state.canceled is None:
            self._state.canceled = asked
            self._desk.note("return_cancel_requested", f"{asked.by} cancels: {asked.reason}")
        else:
            self.ignore(f"{asked.by} cancels, which changes nothing any more")

    @workflow.signal(name="parcel_event", description="The carrier reports about the way back")
    @never_fails
    def on_parcel_event(self, event: ParcelEvent) -> None:
        """Pass a report through the status lattice: applied, ignored as older, or noted as a conflict."""
        mine = (event.returning, event.parcel) == (self._case.number, self._case.plan.parcel)
        if not mine or self._case.request.keeps_goods:
            self.ignore(f"{event.source} reports {event.status} for another parcel")
            return
        if not scanned(event.status):
            self.ignore(f"{event.source} reports {event.status}, which says nothing of a way back")
            return
        said = f"{event.source}: {event.status}" + (f" ({event.detail})" if event.detail else "")
        over = self._state.closed and not self._state.ends_unsent
        verdict = Verdict.CONFLICT if over else judge(self._state.way_back, event.status)
        if verdict is Verdict.APPLIED:
            self._moved(event, said)
        elif verdict is Verdict.CONFLICT:
            self._desk.note("conflict", f"{said}, which contradicts {self._state.way_back}")

    def _moved(self, event: ParcelEvent, said: str) -> None:
        self._state.way_back = event.status
        self._state.scanned_at = self._state.scanned_at or workflow.now()
        self._state.carrier = event.carrier or self._state.carrier
        self._state.tracking_number = event.tracking_number or self._state.tracking_number
        if self._state.inspection is None:
            self._state.progress = _PROGRESS.get(event.status, self._state.progress)
        self._desk.note(f"return_{event.status.value}", said)

    @workflow.update(name="resolve_attention", description="Answer a parked question")
    @answered_on_record
    async def on_resolve_attention(self, resolution: Resolution) -> AttentionItem:
        """Take a person's choice; lists show it before the person is answered."""
        await on_record()
        self._may_resolve(resolution)
        answered = self._desk.resolve(resolution)
        await self._desk.publish()
        return answered

    @on_resolve_attention.validator
    def _may_resolve(self, resolution: Resolution) -> None:
        check_answer(self._state.attention, resolution)

    @workflow.query(description="What an inspection or a cancellation would come to now; nothing is done")
    def preview_return(self, asked: ReturnPreview) -> Foretold:
        """As the doors would answer, and refused in their words."""
        try:
            effects = tuple(self._effects(asked))
        except ApplicationError as refusal:
            return Foretold(order_id=self._case.order_id, outcome="refused", effects=(refusal.message,))
        return Foretold(order_id=self._case.order_id, outcome="possible", effects=effects)

    def _effects(self, asked: ReturnPreview) -> Iterable[str]:
        if asked.receive is not None:
            self._may_receive(asked.receive)
            return received(self._case, asked.receive)
        self._may_cancel(asked.cancel)
        return canceled(self._state)

    @workflow.query(description="The return as its workflow sees it")
    def return_state(self) -> ReturnView:
        """Status, way back, inspection, amounts, attention, next deadline."""
        return self._state.view(self._desk.deadline)

    @workflow.query(description="The return's story so far")
    def timeline(self) -> list[JournalEntry]:
        """Everything that happened, oldest first."""
        return self._state.entries

    @workflow.query(description="Where the return is, why, and what comes next, in plain words")
    def explain(self) -> str:
        """For people on the phone with a shopper."""
        return presentation.explain(self._state, self._desk.deadline)


def _found(inspection: Inspection) -> str:
    kinds = ("sellable", "damaged", "missing", "refused")
    found = [f"{words(units)} {kind}" for kind in kinds if (units := inspection.units(kind))]
    return "; ".join(found) + (f" ({inspection.reason})" if inspection.reason else "")


def _refuse(why: str) -> None:
    raise ApplicationError(why, type="customer")

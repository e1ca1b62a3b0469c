"""What every step of a return shares: its state, its one alarm, publishing what changed, and asking a person."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import TypeVar

from temporalio import workflow

from activities.returns import Returns
from ordersaga.domain.amounts import format_amount
from ordersaga.domain.approvals import waits_for_second_person
from ordersaga.domain.journal import AttentionItem
from workflows import return_presentation as presentation
from workflows.activity_policies import StepFailedError, in_task
from workflows.alarm import Alarm
from workflows.desk import NOTHING, Stake
from workflows.messages import Resolution
from workflows.return_state import ReturnState

REMIND_EVERY = timedelta(days=1)
S = TypeVar("S")
A = TypeVar("A")
Step = Callable[[], Awaitable[None]]


class ReturnDesk:
    """The working place of one return."""

    def __init__(self, state: ReturnState) -> None:
        self.state = state
        self.alarm = Alarm()
        self.recording = asyncio.Lock()

    @property
    def deadline(self) -> datetime | None:
        """The next deadline, as people are told it."""
        return self.alarm.next_deadline

    def money(self, amount: int) -> str:
        """An amount of the order's currency, for people."""
        return format_amount(amount, self.state.case.order.currency)

    def note(self, kind: str, text: str) -> None:
        """Add a line to the story and show it."""
        self.state.note(kind, text)
        self.show()

    def show(self) -> None:
        """Bring Temporal's current details up to date."""
        presentation.show(self.state, self.deadline)

    async def until(self, condition: Callable[[], bool], deadline: datetime, what: str) -> bool:
        """Wait for `condition`, at most until `deadline`; whether it came true. `what` is shown to people."""
        self.state.awaiting = what
        presentation.show(self.state, min(deadline, self.alarm.next_deadline or deadline))
        return await self.alarm.until(condition, deadline, what)

    async def publish(self) -> None:
        """Write what changed to PostgreSQL, then to the search attributes, one at a time.

        What PostgreSQL refuses is kept for the next time: the return goes on without it, but does not close.
        """
        async with self.recording:
            if self.state.unrecorded and not self.state.closed:
                await self._record()
        presentation.upsert(self.state)
        self.show()

    async def _record(self) -> None:
        known = self.state.known
        update = self.state.to_record()
        try:
            await in_task(Returns.record_return, update, f"Record {update.record.status}")
        except StepFailedError as failure:
            self.state.known = known
            workflow.logger.error("the return's record was refused: %s", failure)

    async def park(
        self,
        kind: str,
        question: str,
        choices: tuple[str, ...],
        settled: Callable[[], bool] = lambda: False,
        stake: Stake = NOTHING,
    ) -> str | None:
        """Ask a person and wait for the choice, reminding daily; None when `settled` came true by itself.

        `stake`: the money in it, and which choices move it.
        """
        item = self._open(kind, question, choices, stake)
        await self.publish()
        while not (self._decision(item) or settled()):
            daily = workflow.now() + REMIND_EVERY
            answered = await self.until(
                lambda: bool(self._decision(item)) or settled(), daily, f"a decision: {question}"
            )
            if not answered:
                await self._remind(item)
        choice = self._decision(item)
        if choice is None:
            self._close(self.state.attention[item], "settled", "ordersaga", "no longer needed")
        await self.publish()
        return choice

    async def insist(self, name: str, step: Step, by_hand: Step | None = None, money: int = 0) -> None:
        """Run a step that must come to an end: when it finds no answer, a person is asked.

        `by_hand`: enters what the person has settled outside into our books; without it only `retry` can help.
        `money`: how much, in minor units, the person would vouch for.
        """
        while True:
            self.state.awaiting = f"an attempt to {name}"
            try:
                return await step()
            except StepFailedError as failure:
                if by_hand is not None and await self._asked_to_settle(name, failure, money):
                    step, by_hand = by_hand, None
                elif by_hand is None:
                    await self.park("step_failed", f"Could not {name} ({failure}). Try again?", ("retry",))

    async def _asked_to_settle(self, name: str, failure: StepFailedError, money: int) -> bool:
        question = f"Could not {name} ({failure}). Try again, or settle it outside and say so?"
        choices, stake = ("retry", "settled_by_hand"), Stake(money, ("settled_by_hand",))
        return await self.park("step_failed", question, choices, stake=stake) == "settled_by_hand"

    async def settle(self, name: str, activity: Callable[[S, A], Awaitable[object]], arg: A, summary: str) -> None:
        """Enter something that already happened into our own books; when they refuse, a person is asked."""

        async def enter() -> None:
            await in_task(activity, arg, summary)

        await self.insist(name, enter)

    def resolve(self, resolution: Resolution) -> AttentionItem:
        """Take a person's answer; one that moves much money waits for a second person of the same mind."""
        item = self.state.attention[resolution.item_id]
        above = self.state.case.order.terms.second_person_above
        if waits_for_second_person(item, resolution.choice, resolution.by, above):
            proposal = {"proposed": resolution.choice, "proposed_by": resolution.by}
            self.state.attention[item.item_id] = item.model_copy(update=proposal)
            said = f"{resolution.by} proposes {resolution.choice} for {item.kind}: {resolution.reason}"
            self.note("proposal", f"{said}; a second person decides")
        else:
            self._close(item, resolution.choice, resolution.by, resolution.reason)
        return self.state.attention[resolution.item_id]

    def _open(self, kind: str, question: str, choices: tuple[str, ...], stake: Stake) -> str:
        case = self.state.case
        item_id = f"{case.return_id}-a{len(self.state.attention) + 1}"
        self.state.attention[item_id] = AttentionItem(
            item_id=item_id,
            order_id=case.order_id,
            parcel=case.plan.parcel,
            kind=kind,
            question=question,
            choices=choices,
            opened_at=workflow.now(),
            money=stake.money,
            currency=case.order.currency,
            guarded=stake.guarded,
            proposed=stake.proposed,
            proposed_by=stake.proposed_by,
        )
        self.note("attention", question)
        return item_id

    async def _remind(self, item_id: str) -> None:
        """Nobody answered for another day: it is said again, and lists show for how long."""
        item = self.state.attention[item_id]
        item = item.model_copy(update={"reminders": item.reminders + 1})
        self.state.attention[item_id] = item
        self.note("reminder", f"unanswered for {item.reminders} day(s): {item.question}")
        await self.publish()

    def _decision(self, item_id: str) -> str | None:
        return self.state.attention[item_id].resolved

    def _close(self, item: AttentionItem, choice: str, by: str, reason: str) -> None:
        decided = {"resolved": choice, "resolved_by": by, "resolved_reason": reason, "resolved_at": workflow.now()}
        self.state.attention[item.item_id] = item.model_copy(update=decided)
        self.note("decision", f"{by} chose {choice} for {item.kind}: {reason}")

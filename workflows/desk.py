"""What every step of an order shares: its state, its one alarm, publishing what changed, and asking a person."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar

from temporalio import workflow

from activities.journal import Journal
from ordersaga.domain.amounts import format_amount
from ordersaga.domain.approvals import same_person
from ordersaga.domain.journal import AttentionItem
from workflows import presentation
from workflows.activity_policies import StepFailedError, in_task
from workflows.alarm import Alarm
from workflows.messages import Resolution
from workflows.order_state import OrderState, ParcelState

REMIND_EVERY = timedelta(days=1)
S = TypeVar("S")
A = TypeVar("A")
Step = Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class Stake:
    """The money a question is about, in minor units, and the choices that would move it.

    Such a choice takes a second person where it is more than the seller lets one person move.
    """

    money: int = 0
    guarded: tuple[str, ...] = ()
    proposed: str | None = None
    proposed_by: str | None = None


NOTHING = Stake()


class Siblings(Protocol):
    """The order's parcels, to one of them."""

    def join(self, parcel: ParcelState) -> object:
        """Add a parcel to the order."""
        ...

    async def refund(self, number: int) -> None:
        """Give back what was paid for a parcel that came to nothing."""
        ...

    async def reduce(self, number: int, by: int) -> tuple[int, int]:
        """Less of a parcel is bought: (released from its reservation, refunded) minor units."""
        ...

    async def goodwill(self, number: int, amount: int) -> bool:
        """Give part of a parcel's price back; False when less than that is left of it."""
        ...


class Desk:
    """The working place of one order's saga. `siblings`: its parcels, once it has any."""

    siblings: Siblings

    def __init__(self, state: OrderState) -> None:
        self.state = state
        self.alarm = Alarm()
        self.recording = asyncio.Lock()
        self._errands: list[asyncio.Task[None]] = []

    @property
    def cancel_wanted(self) -> bool:
        """Somebody asked to cancel the order."""
        return self.state.cancel is not None

    def canceled(self) -> StepFailedError:
        """Why a step does not go on: somebody canceled."""
        cancel = self.state.cancel
        return StepFailedError("customer", "canceled", f"canceled by {cancel.by}: {cancel.reason}" if cancel else "")

    def stop(self, parcel: ParcelState) -> StepFailedError | None:
        """Why this parcel is to be canceled, alone or with its order; None: it is not."""
        return parcel.stop or (self.canceled() if self.cancel_wanted else None)

    def errand(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Do something beside the parcels' ways; the order does not close before it is done."""
        task = asyncio.create_task(work)
        self._errands.append(task)
        return task

    @property
    def busy(self) -> bool:
        """An errand was begun that nobody has waited for yet."""
        return bool(self._errands)

    async def errands_done(self) -> None:
        """Wait for every errand, those that begin meanwhile included."""
        while self._errands:
            await self._errands[0]
            del self._errands[0]

    @property
    def deadline(self) -> datetime | None:
        """The next deadline, as people are told it."""
        return self.state.answer_by or self.alarm.next_deadline

    def money(self, amount: int) -> str:
        """An amount of the order's currency, for people."""
        return format_amount(amount, self.state.order.currency)

    def note(self, kind: str, text: str, parcel: int = 0) -> None:
        """Add a line to the order's story and show it."""
        self.state.note(kind, text, parcel)
        self.show()

    def show(self) -> None:
        """Bring Temporal's current details up to date."""
        presentation.show(self.state, self.deadline)

    async def until(self, condition: Callable[[], bool], deadline: datetime, what: str) -> bool:
        """Wait for `condition`, at most until `deadline`; whether it came true. `what` is shown to people."""
        self.state.awaiting = what
        presentation.show(self.state, self.state.answer_by or min(deadline, self.alarm.next_deadline or deadline))
        return await self.alarm.until(condition, deadline, what)

    async def publish(self) -> None:
        """Write what changed to PostgreSQL, then to the search attributes.

        One at a time, so that an older status never overwrites a newer one. What PostgreSQL refuses is kept for the
        next time: the order goes on without it, but does not close.
        """
        async with self.recording:
            if self.state.unrecorded and self.state.closed_as is None:
                await self._record()
        presentation.upsert(self.state)
        self.show()

    async def _record(self) -> None:
        known = self.state.known
        update = self.state.to_record()
        try:
            await in_task(Journal.record, update, f"Record {update.status}")
        except StepFailedError as failure:
            self.state.known = known
            workflow.logger.error("journal refused an update: %s", failure)

    async def park(
        self,
        kind: str,
        question: str,
        choices: tuple[str, ...],
        parcel: int = 0,
        settled: Callable[[], bool] = lambda: False,
        wake: datetime | None = None,
        stake: Stake = NOTHING,
    ) -> str | None:
        """Ask a person and wait for the choice; None when `settled` came true by itself.

        Reminds daily; `wake` is when `settled` may come true by the passing of time. `stake`: the money in it.
        """
        item = self._open(kind, question, choices, parcel, stake)
        await self.publish()
        while not (self._decision(item) or settled()):
            daily = workflow.now() + REMIND_EVERY
            deadline = min(daily, wake) if wake and wake > workflow.now() else daily
            await self.until(lambda: bool(self._decision(item)) or settled(), deadline, f"a decision: {question}")
            if workflow.now() >= daily and not (self._decision(item) or settled()):
                await self._remind(item)
        choice = self._decision(item)
        if choice is None:
            self._close(self.state.attention[item], "settled", "ordersaga", "no longer needed")
        await self.publish()
        return choice

    async def _remind(self, item_id: str) -> None:
        """Nobody answered for another day: it is said again, and lists show for how long."""
        item = self.state.attention[item_id]
        item = item.model_copy(update={"reminders": item.reminders + 1})
        self.state.attention[item_id] = item
        self.note("reminder", f"unanswered for {item.reminders} day(s): {item.question}", item.parcel)
        await self.publish()

    async def insist(self, name: str, step: Step, parcel: int = 0, by_hand: Step | None = None, money: int = 0) -> None:
        """Run a step that must come to an end: when it finds no answer, a person is asked.

        `by_hand`: enters what the person has settled outside into our books; without it only `retry` can help.
        `money`: how much, in minor units, the person would vouch for.
        """
        while True:
            self.state.awaiting = f"an attempt to {name}"
            try:
                return await step()
            except StepFailedError as failure:
                if by_hand is not None and await self._asked_to_settle(name, failure, parcel, money):
                    step, by_hand = by_hand, None
                elif by_hand is None:
                    await self.park("step_failed", f"Could not {name} ({failure}). Try again?", ("retry",), parcel)

    async def _asked_to_settle(self, name: str, failure: StepFailedError, parcel: int, money: int) -> bool:
        question = f"Could not {name} ({failure}). Try again, or settle it outside and say so?"
        stake = Stake(money, ("settled_by_hand",))
        choices = ("retry", "settled_by_hand")
        return await self.park("step_failed", question, choices, parcel, stake=stake) == "settled_by_hand"

    async def settle(
        self, name: str, activity: Callable[[S, A], Awaitable[object]], arg: A, summary: str, parcel: int
    ) -> None:
        """Enter something that already happened into our own books; when they refuse, a person is asked."""

        async def enter() -> None:
            await in_task(activity, arg, summary)

        await self.insist(name, enter, parcel)

    def resolve(self, resolution: Resolution) -> AttentionItem:
        """Take a person's answer; one that moves much money waits for a second person of the same mind."""
        item = self.state.attention[resolution.item_id]
        if self._needs_second(item, resolution):
            self._propose(item, resolution)
        else:
            self._close(item, resolution.choice, resolution.by, resolution.reason)
        return self.state.attention[resolution.item_id]

    def _needs_second(self, item: AttentionItem, resolution: Resolution) -> bool:
        guarded = resolution.choice in item.guarded and item.money > self.state.order.terms.second_person_above
        return guarded and (item.proposed != resolution.choice or same_person(item.proposed_by or "", resolution.by))

    def _propose(self, item: AttentionItem, resolution: Resolution) -> None:
        proposal = {"proposed": resolution.choice, "proposed_by": resolution.by}
        self.state.attention[item.item_id] = item.model_copy(update=proposal)
        said = f"{resolution.by} proposes {resolution.choice} for {item.kind}: {resolution.reason}"
        self.note("proposal", f"{said}; a second person decides", item.parcel)

    def _open(self, kind: str, question: str, choices: tuple[str, ...], parcel: int, stake: Stake) -> str:
        item_id = f"{self.state.order.order_id}-a{len(self.state.attention) + 1}"
        self.state.attention[item_id] = AttentionItem(
            item_id=item_id,
            order_id=self.state.order.order_id,
            parcel=parcel,
            kind=kind,
            question=question,
            choices=choices,
            opened_at=workflow.now(),
            money=stake.money,
            currency=self.state.order.currency,
            guarded=stake.guarded,
            proposed=stake.proposed,
            proposed_by=stake.proposed_by,
        )
        self.note("attention", question, parcel)
        return item_id

    def _decision(self, item_id: str) -> str | None:
        return self.state.attention[item_id].resolved

    def _close(self, item: AttentionItem, choice: str, by: str, reason: str) -> None:
        decided = {"resolved": choice, "resolved_by": by, "resolved_reason": reason, "resolved_at": workflow.now()}
        self.state.attention[item.item_id] = item.model_copy(update=decided)
        self.note("decision", f"{by} chose {choice} for {item.kind}: {reason}", item.parcel)

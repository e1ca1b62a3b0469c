"""What every step of an order, or of a return, shares: its state, its one alarm, publishing what changed, and asking.

The desks of both are this one; each says where its state is written and how it is shown.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, Protocol, TypeVar

from temporalio import workflow

from ordersaga.domain.amounts import format_amount
from ordersaga.domain.approvals import waits_for_second_person
from ordersaga.domain.journal import AttentionItem
from ordersaga.domain.orders import Order
from workflows.activity_policies import StepFailedError, in_task
from workflows.alarm import Alarm
from workflows.messages import Resolution

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


class Kept(Protocol):
    """What a desk needs of the state on it. `known`: how much of it PostgreSQL was told."""

    awaiting: str
    attention: dict[str, AttentionItem]
    known: Any

    @property
    def order(self) -> Order: ...

    @property
    def unrecorded(self) -> bool: ...

    def note(self, kind: str, text: str, parcel: int = 0) -> None:
        """Add a line to the story."""
        ...


K = TypeVar("K", bound=Kept)


class CommonDesk(ABC, Generic[K]):
    """The working place of one workflow.

    `name`: what its questions are named after; `about`: the parcel they are about where none is given.
    """

    def __init__(self, state: K, name: str, about: int = 0) -> None:
        self.state = state
        self.alarm = Alarm()
        self.recording = asyncio.Lock()
        self._name = name
        self._about = about

    @property
    @abstractmethod
    def _closed(self) -> bool:
        """Nothing is recorded any more: the close has done it."""

    @abstractmethod
    async def _write(self) -> None:
        """Write to PostgreSQL what it does not have yet; raises StepFailedError when it refuses."""

    @abstractmethod
    def _show(self, deadline: datetime | None) -> None:
        """Set Temporal's current details."""

    @abstractmethod
    def _upsert(self) -> None:
        """Bring the search attributes up to date."""

    @property
    def _answer_by(self) -> datetime | None:
        """Until when somebody outside may act, where the workflow itself looks earlier."""
        return None

    @property
    def deadline(self) -> datetime | None:
        """The next deadline, as people are told it."""
        return self._answer_by or self.alarm.next_deadline

    def money(self, amount: int) -> str:
        """An amount of the order's currency, for people."""
        return format_amount(amount, self.state.order.currency)

    def note(self, kind: str, text: str, parcel: int = 0) -> None:
        """Add a line to the story and show it."""
        self.state.note(kind, text, parcel)
        self.show()

    def show(self) -> None:
        """Bring Temporal's current details up to date."""
        self._show(self.deadline)

    async def until(self, condition: Callable[[], bool], deadline: datetime, what: str) -> bool:
        """Wait for `condition`, at most until `deadline`; whether it came true. `what` is shown to people."""
        self.state.awaiting = what
        self._show(self._answer_by or min(deadline, self.alarm.next_deadline or deadline))
        return await self.alarm.until(condition, deadline, what)

    async def publish(self) -> None:
        """Write what changed to PostgreSQL, then to the search attributes.

        One at a time, so that an older status never overwrites a newer one. What PostgreSQL refuses is kept for the
        next time: the work goes on without it, but does not close.
        """
        async with self.recording:
            if self.state.unrecorded and not self._closed:
                await self._record()
        self._upsert()
        self.show()

    async def _record(self) -> None:
        known = self.state.known
        try:
            await self._write()
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
        before, attempt = self.state.awaiting, f"an attempt to {name}"
        while True:
            self.state.awaiting = attempt
            try:
                await step()
                self.state.awaiting = before if self.state.awaiting == attempt else self.state.awaiting
                return
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
        self, name: str, activity: Callable[[S, A], Awaitable[object]], arg: A, summary: str, parcel: int = 0
    ) -> None:
        """Enter something that already happened into our own books; when they refuse, a person is asked."""

        async def enter() -> None:
            await in_task(activity, arg, summary)

        await self.insist(name, enter, parcel)

    def resolve(self, resolution: Resolution) -> AttentionItem:
        """Take a person's answer; one that moves much money waits for a second person of the same mind."""
        item = self.state.attention[resolution.item_id]
        above = self.state.order.terms.second_person_above
        if waits_for_second_person(item, resolution.choice, resolution.by, above):
            self._propose(item, resolution)
        else:
            self._close(item, resolution.choice, resolution.by, resolution.reason)
        return self.state.attention[resolution.item_id]

    def _propose(self, item: AttentionItem, resolution: Resolution) -> None:
        proposal = {"proposed": resolution.choice, "proposed_by": resolution.by}
        self.state.attention[item.item_id] = item.model_copy(update=proposal)
        said = f"{resolution.by} proposes {resolution.choice} for {item.kind}: {resolution.reason}"
        self.note("proposal", f"{said}; a second person decides", item.parcel)

    def _open(self, kind: str, question: str, choices: tuple[str, ...], parcel: int, stake: Stake) -> str:
        item_id = f"{self._name}-a{len(self.state.attention) + 1}"
        self.state.attention[item_id] = AttentionItem(
            item_id=item_id,
            order_id=self.state.order.order_id,
            parcel=parcel or self._about,
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

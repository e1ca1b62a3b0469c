"""While an order waits, its parcels' units are set aside at the providers that can; the hand-off ships those.

Nothing ships that is only set aside. So nobody waits for it: neither a hand-off for a provider that does not answer,
nor a cancellation until its provider has let go.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from temporalio import workflow

from activities.by_hand import ByHand
from activities.providers import HandOffParcel
from activities.setting_aside import LetGo, SettingAside
from ordersaga.domain.lanes import Urgency
from ordersaga.domain.orders import MoveCause
from ordersaga.domain.shipping import CancelDecision, ParcelEvent
from ordersaga.domain.statuses import ParcelStatus
from workflows.activity_policies import StepFailedError, in_task, on_lane
from workflows.desk import Desk
from workflows.elsewhere import Moves
from workflows.messages import provider_queue
from workflows.order_state import ParcelState
from workflows.saga import Phase, UndoPlan

LETS_GO_WITHIN = timedelta(minutes=5)
"""How long a hand-off waits for units that the same provider still keeps aside under the parcel's former name."""
NEARLY = timedelta(days=1)
"""What ends this near to its time has lapsed; what ends sooner, its provider gave up."""


class SetAside:
    """One parcel's units at its provider, from the confirmation to the hand-off.

    `request`: the hand-off to come, whose reference it has. `anew`: that reference is used up.
    """

    def __init__(
        self,
        desk: Desk,
        parcel: ParcelState,
        undo: UndoPlan,
        moves: Moves,
        request: Callable[[], HandOffParcel],
        anew: Callable[[], None],
    ) -> None:
        self.parcel = parcel
        self._desk = desk
        self._number = parcel.plan.parcel
        self._undo = undo
        self._moves = moves
        self._request = request
        self._anew = anew
        self._asking: asyncio.Task[None] | None = None
        self._letting_go: dict[str, asyncio.Task[None]] = {}
        self._refused: set[str] = set()
        self._over = True
        self._known = False
        self._lapses: datetime | None = None

    @property
    def _provider(self) -> str:
        return self.parcel.plan.provider

    def begin(self) -> None:
        """The order waits: have the units set aside meanwhile, where they are not and the provider does that."""
        self._over = False
        if not self._wanted or not (self._asking is None or self._asking.done()):
            return
        if self._asking is None:
            self._undo.register(Phase.GOODS, self.let_go)
        self._asking = asyncio.create_task(self._ask())

    async def ended(self) -> None:
        """The wait is over, or the parcel is changed: no further attempt, and what was sent has its answer."""
        self._over = True
        if self._asking is not None:
            await self._asking

    def hear(self, event: ParcelEvent) -> None:
        """Its provider ended it by itself: because it lapsed, or because it lacks the units after all.

        Once a hand-off is under way, that finds it out.
        """
        if event.status is not ParcelStatus.CANCELED or not self._known or self._over:
            return
        self._desk.note("not_set_aside", f"{self._provider} no longer keeps the units aside", self._number)
        lapsed = self._lapses is not None and workflow.now() >= self._lapses - NEARLY
        if not lapsed:
            self._refused.add(self.parcel.plan.location)
        self._anew()
        self._asking = asyncio.create_task(self._ask(elsewhere=not lapsed))

    async def let_go(self) -> None:
        """Undo: nobody asks any more, and what is set aside is let go beside everything else."""
        await self.ended()
        self.give_up()

    def give_up(self) -> None:
        """What is set aside is not needed; the order does not close before it is let go."""
        if not self.parcel.set_aside:
            return
        self.parcel.set_aside = self._known = False
        order_id, provider = self._desk.state.order.order_id, self._provider
        aside = LetGo(provider=provider, order_id=order_id, parcel=self._number, generation=self.parcel.generation)
        self._letting_go[provider] = self._desk.errand(self._let_go(aside))

    async def free(self) -> None:
        """Units let go at this provider can be had again; not waited for long."""
        leaving = self._letting_go.get(self._provider)
        if leaving is not None and not leaving.done():
            due = workflow.now() + LETS_GO_WITHIN
            await self._desk.until(leaving.done, due, f"{self._provider} to let go of parcel {self._number}")

    # ---- asked for -------------------------------------------------------------------------------------------

    @property
    def _wanted(self) -> bool:
        state, parcel = self._desk.state, self.parcel
        possible = self._provider in state.set_aside_at and parcel.plan.location not in self._refused
        return possible and not (self._known or self._stopped() or state.order.address_awaited)

    def _stopped(self) -> bool:
        parcel = self.parcel
        changed = parcel.wanted is not None and not parcel.wanted.by_provider
        return self._over or parcel.undone or changed or self._desk.stop(parcel) is not None

    async def _ask(self, *, elsewhere: bool = False) -> None:
        """A refusal here loses no order; what refuses for good is asked again by the hand-off."""
        try:
            if not elsewhere or await self._moved():
                await self._ask_everywhere()
        except StepFailedError as failure:
            self._desk.note("not_set_aside", str(failure), self._number)
        await self._desk.publish()

    async def _ask_everywhere(self) -> None:
        """One place after another, as at a hand-off; where the same provider still lets go of units, once it has."""
        leaving = self._letting_go.get(self._provider)
        await workflow.wait_condition(lambda: leaving is None or leaving.done() or self._stopped())
        while self._wanted and (refusal := await self._refusal()) is not None:
            self._anew()
            if refusal.kind == "customer" or not await self._moved():
                return

    async def _refusal(self) -> StepFailedError | None:
        """None: it is set aside, or nobody knows: then the hand-off finds out."""
        self.parcel.set_aside = True
        try:
            await self._set_aside()
        except StepFailedError as failure:
            if failure.kind != "given_up":
                self._desk.note("not_set_aside", f"{self._provider} sets nothing aside ({failure})", self._number)
            if failure.kind not in ("refused", "customer"):
                return None
            self.parcel.set_aside = False
            self._refused.add(self.parcel.plan.location)
            return failure
        return None

    async def _set_aside(self) -> None:
        told = await on_lane(
            SettingAside.set_aside,
            self._request(),
            queue=provider_queue(self._provider),
            summary=f"Have parcel {self._number} set aside at {self._provider}",
            urgency=Urgency.IN_TIME,
            patience=None,
            give_up=self._stopped,
        )
        if not told.set_aside:
            kind = "refused" if told.code == "not_set_aside" else "customer"
            raise StepFailedError(kind, told.code or "not_set_aside", told.message or "")
        self._known = True
        self._lapses = workflow.now() + told.lasts if told.lasts is not None else None
        self._desk.note("set_aside", f"its units are set aside at {self._provider}", self._number)

    async def _moved(self) -> bool:
        """The place is out of stock: whether the parcel goes from another one."""
        found = await self._moves.look(MoveCause.REFUSED) if self._moves.allowed else None
        if found is None or not found.automatic or self._stopped():
            return False
        return await self._moves.move(found)

    # ---- let go ----------------------------------------------------------------------------------------------

    async def _let_go(self, aside: LetGo) -> None:
        async def ask() -> None:
            decision = await on_lane(
                SettingAside.let_go,
                aside,
                queue=provider_queue(aside.provider),
                summary=f"Let go of parcel {aside.parcel} at {aside.provider}",
                urgency=Urgency.UNDO,
            )
            if decision is CancelDecision.REFUSED:
                raise StepFailedError("operator", "not_let_go", f"{aside.provider} ships it although nobody asked")

        async def by_hand() -> None:
            await in_task(ByHand.let_go_by_hand, aside, f"Enter that parcel {aside.parcel} is let go")

        await self._desk.insist(f"have {aside.provider} let go of its units", ask, aside.parcel, by_hand)
        self._desk.note("let_go", f"no longer set aside at {aside.provider}", aside.parcel)
        await self._desk.publish()

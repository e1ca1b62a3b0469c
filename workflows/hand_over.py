"""Giving a parcel away: to its provider, and where that books no carrier itself, a label; each beside its undo."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import TypeVar

from temporalio import workflow

from activities.by_hand import ByHand
from activities.providers import ENDED_THERE, HandOffParcel, HandOffResult, Providers, WithdrawParcel
from ordersaga.domain.carriers import CARRIER_STOPPED
from ordersaga.domain.lanes import Urgency
from ordersaga.domain.orders import MoveCause, Order
from ordersaga.domain.shipping import CancelDecision, HandOff
from ordersaga.domain.statuses import ParcelStatus
from workflows.activity_policies import NOT_HANDED_OUT, StepFailedError, in_task, on_lane
from workflows.carrier_stops import StopWatch
from workflows.desk import Desk
from workflows.elsewhere import Moves
from workflows.labels import Labels
from workflows.messages import provider_queue
from workflows.news import look_at_provider
from workflows.order_state import ParcelState
from workflows.parcel_payments import ParcelPayments
from workflows.promise import Promise
from workflows.saga import GoodsGoneError, Phase, UndoPlan
from workflows.setting_aside import SetAside

T = TypeVar("T")

SILENCE = timedelta(hours=4)
"""How long a provider that answers nothing is asked again before a person hears of it."""
MOVED = "moved"
"""The code of a hand-off that ended because the parcel ships from elsewhere: it is handed off anew, there."""


class HandOver:
    """The steps of one parcel at its provider and its carrier.

    `left_late` hears that the parcel ships although its undo went on without the carrier's answer. `promise` and
    `payments` have deadlines of their own, which pass here too.
    """

    def __init__(
        self,
        desk: Desk,
        parcel: ParcelState,
        undo: UndoPlan,
        left_late: Callable[[], None],
        promise: Promise,
        payments: ParcelPayments,
        moves: Moves,
    ) -> None:
        self.parcel = parcel
        self._desk = desk
        self._number = parcel.plan.parcel
        self._undo = undo
        self._promise = promise
        self._payments = payments
        self._moves = moves
        self._silent_since: datetime | None = None
        self.set_aside = SetAside(desk, parcel, undo, moves, self._hand_off_request, self._renew_hand_off)
        self._labels = Labels(desk, parcel, promise, left_late, self._interrupted, self._check_goes_on)

    @property
    def _order(self) -> Order:
        return self._desk.state.order_of(self.parcel)

    @property
    def _lane(self) -> str:
        return provider_queue(self.parcel.plan.provider)

    @property
    def _needs_label(self) -> bool:
        return self.parcel.books_carrier is False

    async def run(self) -> None:
        """Hand the parcel off, and buy its label if its provider does not; raises StepFailedError."""
        await self.set_aside.ended()
        await self.set_aside.free()
        self._heard(await self._hand_off())
        if self._needs_label:
            await self._book_carrier()
        self.parcel.given_away, self.parcel.former_ship_to = True, None

    async def given_up(self) -> bool:
        """Its provider has stopped it: True when it is back from there and ships from elsewhere."""
        found = await self._moves.look(MoveCause.REFUSED) if self._moves.allowed else None
        if found is None or not found.automatic or not await self.taken_back():
            return False
        return await self._moves.move(found)

    async def label_after_all(self) -> None:
        """A parcel that could not be stopped does not go without its label; whether it needs one may be unheard."""
        if self.parcel.books_carrier is None and not self.parcel.goods_left:
            await self._desk.insist("hear what became of the hand-off", self._hear_of_hand_off, self._number)
        if self._needs_label and self.parcel.tracking_number is None:
            await self._desk.insist("buy a label", self._labels.buy_after_all, self._number)

    async def _hear_of_hand_off(self) -> None:
        self._heard(await self._try_hand_off())

    def _heard(self, handed: HandOffResult) -> None:
        self.parcel.books_carrier, self.parcel.carrier_accounts = handed.books_carrier, handed.carrier_accounts
        self.parcel.tells_delivery = handed.tells_delivery
        self.parcel.changes_address, self.parcel.cancels_parts = handed.changes_address, handed.cancels_parts

    async def taken_back(self) -> bool:
        """Have the parcel back from its provider, its label voided; False when it can no longer be stopped.

        It is then as if it had never been given away: another hand-off is a new generation.
        """
        if not self.parcel.handed_off:
            await self._no_longer_set_aside()
            return True
        try:
            await self._undo.run(Phase.GOODS, Phase.LABEL)
        except GoodsGoneError:
            self.parcel.too_late = True
            return False
        self._forget_hand_off()
        return True

    async def _no_longer_set_aside(self) -> None:
        if self.parcel.set_aside:
            await self.set_aside.let_go()
            self._begin_anew()

    def _forget_hand_off(self) -> None:
        self._begin_anew()
        self._desk.note("taken_back", f"taken back from {self.parcel.plan.provider}", self._number)

    def _begin_anew(self) -> None:
        parcel = self.parcel
        parcel.taken_back |= {parcel.generation, parcel.label_generation}
        parcel.generation = parcel.label_generation = max(parcel.generation, parcel.label_generation) + 1
        parcel.status, parcel.problem, parcel.partial = ParcelStatus.PLANNED, None, False
        parcel.handed_off = parcel.given_away = parcel.too_late = False
        self._forget_missing()
        parcel.carrier = parcel.tracking_number = None
        self._labels.forget()

    def _forget_missing(self) -> None:
        """What its provider left out of a hand-off that is over is in the next one again."""
        self.parcel.missing.clear()
        for change in self.parcel.changes:
            if change.undecided and change.by_provider and change.removes and not change.begun:
                change.refuse(f"{change.what}; it was taken back from there, and all of it is handed over anew")
                self._desk.note("change_refused", change.message, self._number)

    async def _hand_off(self) -> HandOffResult:
        self._check_goes_on()
        self._undo.register(Phase.GOODS, self._withdraw)
        name = f"hand parcel {self._number} to {self.parcel.plan.provider}"
        self._silent_since = None
        return await self._forward(self._try_hand_off, name, self._renew_hand_off, self._moved_or_tried)

    async def _try_hand_off(self) -> HandOffResult:
        if self._order.address_awaited:
            raise StepFailedError("operator", "address_awaited", "nobody knows yet where it goes")
        self.parcel.handed_off = True
        handed = await on_lane(
            Providers.hand_off,
            self._hand_off_request(),
            queue=self._lane,
            summary=f"Hand parcel {self._number} to {self.parcel.plan.provider}",
            urgency=self._promise.urgency,
            patience=self._moves.patience(SILENCE),
            give_up=self._interrupted,
        )
        self.parcel.point_of_no_return = handed.point_of_no_return
        if not handed.accepted:
            raise StepFailedError("customer", handed.code or "provider_refused", handed.message or "")
        self._accepted()
        return handed

    async def _moved_or_tried(self, failure: StepFailedError) -> bool:
        """Move a parcel that its provider surely does not have, which ends the hand-off (`moved`).

        True: nobody is asked yet, it is tried again here.
        """
        if failure.code == ENDED_THERE:
            self._renew_hand_off()
            return True
        cause = {"refused": MoveCause.REFUSED, "unresolved": MoveCause.UNAVAILABLE}.get(failure.kind)
        if cause is None or not self._moves.allowed:
            return False
        began = self._silent_since = self._silent_since or workflow.now() - self._moves.patience(SILENCE)
        found = await self._moves.look(cause)
        self._check_goes_on()
        if found is not None and found.automatic and await self._called_off():
            await self._moves.move(found)
            raise StepFailedError("given_up", MOVED, f"it ships from {self.parcel.plan.location}")
        if cause is MoveCause.UNAVAILABLE and workflow.now() - began < SILENCE:
            return True
        self._silent_since = None
        self._moves.forget()
        return False

    async def _called_off(self) -> bool:
        """Whether it is on record that this hand-off never reached its provider; then it is as if it had not begun."""
        if not await self._never_sent():
            await self._moves.stays(f"{self.parcel.plan.provider} may have it: nobody can tell before it answers")
            return False
        self._undo.forget(Phase.GOODS, Phase.LABEL)
        self.set_aside.give_up()
        self._begin_anew()
        return True

    async def _never_sent(self) -> bool:
        """Whether the hand-off surely did not leave; from then on it cannot."""
        summary = f"Call off the hand-off of parcel {self._number}"
        return await in_task(Providers.call_off, self._hand_off_request(), summary)

    async def _forward(
        self,
        step: Callable[[], Awaitable[T]],
        name: str,
        renew: Callable[[], None],
        tried: Callable[[StepFailedError], Awaitable[bool]] | None = None,
    ) -> T:
        """Go on where it can: a failure that is ours to repair is parked, not undone.

        `renew` starts a new generation of the step: only after an answer that proves the old one did not happen.
        `tried`: whether something else is done first; True: the step is tried again without asking anybody.

        Raises StepFailedError when the shopper's side refused, somebody cancels or changes the parcel, or a person
        gives it up.
        """
        while True:
            self._check_goes_on()
            await self._in_time()
            self._desk.state.awaiting = f"an attempt to {name}"
            try:
                return await step()
            except StepFailedError as failure:
                if failure.kind == "customer":
                    raise
                if tried is not None and await tried(failure):
                    continue
                if failure.code == NOT_HANDED_OUT:
                    continue  # nobody can answer what keeps a lane full
                if failure.kind == "refused":
                    renew()
                self._check_goes_on()
                await self._ask_about_failure(name, failure)

    async def _in_time(self) -> None:
        """Tell the shopper of a delay, and keep the reservation, when that is due."""
        self._promise.notify_of_delay()
        await self._payments.secure()
        self._check_goes_on()

    def _due(self) -> datetime | None:
        return min((due for due in (self._promise.notice_due, self._payments.renew_at) if due), default=None)

    async def _ask_about_failure(self, name: str, failure: StepFailedError) -> None:
        """Try again after a repair, give the parcel up, or change it: move it to another location, for one.

        When a deadline comes first, what it asks for is done; then it is tried once more, and asked again. When a stop
        that kept its carrier from it is undone, nobody has to answer.
        """
        question = f"Could not {name} ({failure}). Try again, move the parcel to another location, or cancel it?"
        kind = "provider_silent" if failure.kind == "unresolved" else "step_failed"
        due, stops = self._due(), StopWatch(self._desk, self.parcel)
        if failure.code == CARRIER_STOPPED:
            self._desk.errand(stops.look())
        choice = await self._desk.park(
            kind,
            question,
            ("retry", "cancel"),
            self._number,
            lambda: self._interrupted() or stops.undone or (due is not None and workflow.now() >= due),
            due,
        )
        stops.over = True
        if choice == "cancel":
            raise failure
        self._check_goes_on()

    def _renew_hand_off(self) -> None:
        self.set_aside.give_up()
        self.parcel.generation += 1

    def _hand_off_request(self) -> HandOffParcel:
        order, plan = self._order, self.parcel.plan
        return HandOffParcel(
            provider=plan.provider,
            parcel=self._number,
            generation=self.parcel.generation,
            hand_off=HandOff(
                reference=self._reference,
                order_id=order.order_id,
                seller=order.seller,
                location=plan.location,
                lines=plan.lines,
                ship_to=order.ship_to,
                ship_by=self._promise.ship_by,
                service=self.parcel.service,
            ),
        )

    @property
    def _reference(self) -> str:
        return self.parcel.plan.reference(self._order.order_id, self.parcel.generation)

    def _accepted(self) -> None:
        self.parcel.set_aside = False
        if self.parcel.status is ParcelStatus.PLANNED:
            self.parcel.status = ParcelStatus.ACCEPTED
        self._desk.note("accepted", f"accepted by {self.parcel.plan.provider}", self._number)

    async def _withdraw(self) -> None:
        """Stop the goods. Asking ends when they leave anyway: no answer could keep them back any more."""
        if self.parcel.status is ParcelStatus.PLANNED and self._moves.allowed and await self._never_sent():
            return  # whether its provider answers or not
        decision: CancelDecision | None = None
        while decision is None:
            try:
                decision = await self._ask_to_stop()
            except StepFailedError as failure:
                if failure.kind != "given_up" or not self.parcel.goods_left:
                    decision = await self._ask_where_it_is(failure)
        if decision is CancelDecision.REFUSED and not self.parcel.goods_left and self.parcel.cancels_parts:
            await look_at_provider(self._desk, self.parcel)  # it may have stopped a part of it
        if decision is CancelDecision.REFUSED or self.parcel.goods_left:
            raise GoodsGoneError

    async def _ask_where_it_is(self, failure: StepFailedError) -> CancelDecision | None:
        """Nobody could say whether the goods are stopped: a person finds out. None: ask the provider again."""
        provider = self.parcel.plan.provider
        question = f"{provider} could not be made to stop parcel {self._number} ({failure}). Is it stopped?"
        choices = ("retry", "it_is_stopped", "it_ships")
        left = self.parcel.goods_left
        choice = await self._desk.park(
            "not_stopped", question, choices, self._number, lambda: self.parcel.goods_left != left
        )
        if choice == "it_is_stopped":
            summary = f"Enter that parcel {self._number} is stopped"
            await self._desk.settle("enter it", ByHand.stopped_by_hand, self._withdrawal(), summary, self._number)
            return CancelDecision.CANCELED
        return CancelDecision.REFUSED if choice == "it_ships" else None

    def _withdrawal(self) -> WithdrawParcel:
        return WithdrawParcel(
            provider=self.parcel.plan.provider,
            order_id=self._order.order_id,
            parcel=self._number,
            goods_left=self.parcel.goods_left,
        )

    async def _ask_to_stop(self) -> CancelDecision:
        left = self.parcel.goods_left
        return await on_lane(
            Providers.withdraw,
            self._withdrawal(),
            queue=self._lane,
            summary=f"Withdraw parcel {self._number}",
            urgency=Urgency.UNDO,
            give_up=lambda: self.parcel.goods_left != left,
        )

    # ---- book the carrier (only where the provider does not) -------------------------------------------------

    async def _book_carrier(self) -> None:
        self._check_goes_on()
        self._undo.register(Phase.LABEL, self._labels.void)
        await self._forward(self._labels.buy, f"buy a label for parcel {self._number}", self._labels.renew)

    def _interrupted(self) -> bool:
        """Somebody cancels, or asks for a change that the parcel must be back for: no further attempt."""
        return not self.parcel.too_late and (self._stop() is not None or self._change_wanted())

    def _stop(self) -> StepFailedError | None:
        return self._desk.stop(self.parcel)

    def _change_wanted(self) -> bool:
        wanted = self.parcel.wanted
        return wanted is not None and not wanted.by_provider

    def _check_goes_on(self) -> None:
        if self._interrupted():
            raise self._stop() or StepFailedError("given_up", "changed", "a change of the parcel was asked for")

"""Giving a parcel away: to its provider, and where that books no carrier itself, a label; each beside its undo."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import TypeVar

from temporalio import workflow

from activities.by_hand import ByHand
from activities.carriers import BookLabel, Carriers, VoidLabel
from activities.providers import HandOffParcel, HandOffResult, Providers, WithdrawParcel
from ordersaga.domain.lanes import Urgency
from ordersaga.domain.orders import Order
from ordersaga.domain.shipping import CancelDecision, HandOff
from ordersaga.domain.statuses import ParcelStatus
from workflows.activity_policies import CARRIER_ATTEMPT, NOT_HANDED_OUT, StepFailedError, in_task, on_lane
from workflows.desk import REMIND_EVERY, Desk
from workflows.messages import CARRIER_QUEUE, provider_queue
from workflows.news import look_at_provider
from workflows.order_state import ParcelState
from workflows.parcel_payments import ParcelPayments
from workflows.promise import Promise
from workflows.saga import GoodsGoneError, Phase, UndoPlan

T = TypeVar("T")

MONEY_WAITS = timedelta(hours=20)
"""How long the undo of the money waits for a label whose carrier does not take it back."""
SILENCE = timedelta(hours=4)
"""How long a provider that answers nothing is asked again before a person hears of it."""


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
    ) -> None:
        self.parcel = parcel
        self.left_late = left_late
        self._desk = desk
        self._number = parcel.plan.parcel
        self._undo = undo
        self._promise = promise
        self._payments = payments
        self._label_ships = self._label_answered_late = False

    @property
    def _order(self) -> Order:
        return self._desk.state.order

    @property
    def _lane(self) -> str:
        return provider_queue(self.parcel.plan.provider)

    @property
    def _needs_label(self) -> bool:
        return self.parcel.books_carrier is False

    async def run(self) -> None:
        """Hand the parcel off, and buy its label if its provider does not; raises StepFailedError."""
        self.parcel.books_carrier = (await self._hand_off()).books_carrier
        if self._needs_label:
            await self._book_carrier()
        self.parcel.given_away, self.parcel.former_ship_to = True, None

    async def label_after_all(self) -> None:
        """A parcel that could not be stopped does not go without its label; whether it needs one may be unheard."""
        if self.parcel.books_carrier is None and not self.parcel.goods_left:
            await self._desk.insist("hear what became of the hand-off", self._hear_of_hand_off, self._number)
        if self._needs_label and self.parcel.tracking_number is None:
            await self._desk.insist("buy a label", self._try_book_carrier, self._number)

    async def _hear_of_hand_off(self) -> None:
        self.parcel.books_carrier = (await self._try_hand_off()).books_carrier

    async def taken_back(self) -> bool:
        """Have the parcel back from its provider, its label voided; False when it can no longer be stopped.

        It is then as if it had never been given away: another hand-off is a new generation.
        """
        if not self.parcel.handed_off:
            return True
        try:
            await self._undo.run(Phase.GOODS, Phase.LABEL)
        except GoodsGoneError:
            self.parcel.too_late = True
            return False
        self._forget_hand_off()
        return True

    def _forget_hand_off(self) -> None:
        parcel = self.parcel
        parcel.taken_back |= {parcel.generation, parcel.label_generation}
        parcel.generation = parcel.label_generation = max(parcel.generation, parcel.label_generation) + 1
        parcel.status, parcel.problem, parcel.partial = ParcelStatus.PLANNED, None, False
        parcel.handed_off = parcel.given_away = parcel.too_late = False
        parcel.missing.clear()
        parcel.carrier = parcel.tracking_number = None
        self._desk.note("taken_back", f"taken back from {parcel.plan.provider}", self._number)

    async def _hand_off(self) -> HandOffResult:
        self._check_goes_on()
        self._undo.register(Phase.GOODS, self._withdraw)
        name = f"hand parcel {self._number} to {self.parcel.plan.provider}"
        return await self._forward(self._try_hand_off, name, self._renew_hand_off)

    async def _try_hand_off(self) -> HandOffResult:
        self.parcel.handed_off = True
        handed = await on_lane(
            Providers.hand_off,
            self._hand_off_request(),
            queue=self._lane,
            summary=f"Hand parcel {self._number} to {self.parcel.plan.provider}",
            urgency=self._promise.urgency,
            patience=SILENCE,
            give_up=self._interrupted,
        )
        self.parcel.point_of_no_return = handed.point_of_no_return
        if not handed.accepted:
            raise StepFailedError("customer", handed.code or "provider_refused", handed.message or "")
        self._accepted()
        return handed

    async def _forward(self, step: Callable[[], Awaitable[T]], name: str, renew: Callable[[], None]) -> T:
        """Go on where it can: a failure that is ours to repair is parked, not undone.

        `renew` starts a new generation of the step: only after an answer that proves the old one did not happen.

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

        When a deadline comes first, what it asks for is done; then it is tried once more, and asked again.
        """
        question = f"Could not {name} ({failure}). Try again, move the parcel to another location, or cancel it?"
        kind = "provider_silent" if failure.kind == "unresolved" else "step_failed"
        due = self._due()
        choice = await self._desk.park(
            kind,
            question,
            ("retry", "cancel"),
            self._number,
            lambda: self._interrupted() or (due is not None and workflow.now() >= due),
            due,
        )
        if choice == "cancel":
            raise failure
        self._check_goes_on()

    def _renew_hand_off(self) -> None:
        self.parcel.generation += 1

    def _renew_label(self) -> None:
        self.parcel.label_generation += 1

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
        if self.parcel.status is ParcelStatus.PLANNED:
            self.parcel.status = ParcelStatus.ACCEPTED
        self._desk.note("accepted", f"accepted by {self.parcel.plan.provider}", self._number)

    async def _withdraw(self) -> None:
        """Stop the goods. Asking ends when they leave anyway: no answer could keep them back any more."""
        decision: CancelDecision | None = None
        while decision is None:
            try:
                decision = await self._ask_to_stop()
            except StepFailedError as failure:
                if failure.kind != "given_up" or not self.parcel.goods_left:
                    decision = await self._ask_where_it_is(failure)
        if decision is CancelDecision.REFUSED and not self.parcel.goods_left:
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

    def _goods_left(self) -> bool:
        return self.parcel.goods_left

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
        self._undo.register(Phase.LABEL, self._void_label)
        await self._forward(self._try_book_carrier, f"buy a label for parcel {self._number}", self._renew_label)

    async def _try_book_carrier(self) -> None:
        label = await on_lane(
            Carriers.book_label,
            self._label_request(),
            queue=CARRIER_QUEUE,
            summary=f"Buy a label for parcel {self._number}",
            urgency=self._promise.urgency,
            attempt=CARRIER_ATTEMPT,
            give_up=self._interrupted,
        )
        if not label.bought:
            raise StepFailedError("customer", label.code or "label_refused", label.message or "")
        self.parcel.carrier, self.parcel.tracking_number = label.carrier, label.tracking_number
        self.parcel.can_intercept = label.can_intercept
        self._desk.note("label", f"{label.carrier} label bought", self._number)

    def _label_request(self) -> BookLabel:
        parcel = self.parcel
        return BookLabel(
            order=self._order,
            plan=parcel.plan,
            generation=parcel.label_generation,
            service=parcel.service,
            carrier=parcel.carrier_wanted,
        )

    async def _void_label(self) -> None:
        """Give the label back. A carrier that refuses may have the parcel: then a person looks.

        Card schemes want a reservation voided within a day of knowing that the sale is dead, so the shopper's money
        waits for that person only so long; should the parcel turn out to ship, it is charged for or written off.
        """
        voiding, due = self._desk.errand(self._voided()), workflow.now() + MONEY_WAITS

        def waited() -> bool:
            return voiding.done() or (self._money_waits() and workflow.now() >= due)

        while not waited():
            again = due if workflow.now() < due else workflow.now() + REMIND_EVERY
            await self._desk.until(waited, again, "the label to be voided")
        self._label_answered_late = not voiding.done()
        if self._label_ships and not self._label_answered_late:
            raise GoodsGoneError

    def _money_waits(self) -> bool:
        """The shopper's money does; a parcel taken back for a change has time: it must not leave twice."""
        return self.parcel.undoing or self._stop() is not None

    async def _voided(self) -> None:
        insist = self._desk.insist
        try:
            await insist("void the label", self._try_void_label, self._number, self._label_voided_by_hand)
        except GoodsGoneError:
            self._label_ships = True
            if self._label_answered_late:
                self.left_late()

    async def _try_void_label(self) -> None:
        request = VoidLabel(order_id=self._order.order_id, parcel=self._number)
        decision = await on_lane(
            Carriers.void_label,
            request,
            queue=CARRIER_QUEUE,
            summary="Void the label",
            urgency=Urgency.UNDO,
            attempt=CARRIER_ATTEMPT,
        )
        if decision is CancelDecision.REFUSED and not self.parcel.goods_left:
            await self._ask_about_label()
        if self.parcel.goods_left:
            raise GoodsGoneError

    async def _ask_about_label(self) -> None:
        question = f"The carrier refused to void the label of parcel {self._number}. Does it have the parcel?"
        choices = ("it_has_not", "it_ships")
        choice = await self._desk.park("label_not_voided", question, choices, self._number, self._goods_left)
        if choice == "it_ships":
            raise GoodsGoneError
        if choice == "it_has_not":
            await self._label_voided_by_hand()

    async def _label_voided_by_hand(self) -> None:
        request = VoidLabel(order_id=self._order.order_id, parcel=self._number)
        await in_task(ByHand.label_settled_by_hand, request, "Enter that the label will not be used")
        self._desk.note("label_kept", "the label will not be used; its cost stays", self._number)

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

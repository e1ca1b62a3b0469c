"""Giving a parcel away: to its provider, and where that books no carrier itself, a label; each beside its undo."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from temporalio import workflow

from activities.by_hand import ByHand
from activities.carriers import BookLabel, Carriers, VoidLabel
from activities.providers import HandOffParcel, HandOffResult, Providers, WithdrawParcel
from ordersaga.domain.shipping import CancelDecision, HandOff
from ordersaga.domain.statuses import ParcelStatus
from workflows.activity_policies import CARRIER_ATTEMPT, StepFailedError, in_task, on_lane
from workflows.desk import REMIND_EVERY, Desk
from workflows.messages import CARRIER_QUEUE, provider_queue
from workflows.order_state import ParcelState
from workflows.saga import GoodsGoneError, Phase, UndoPlan

T = TypeVar("T")


class HandOver:
    """The steps of one parcel at its provider and its carrier."""

    def __init__(self, desk: Desk, parcel: ParcelState, undo: UndoPlan) -> None:
        self.parcel = parcel
        self._desk = desk
        self._order = desk.state.order
        self._number = parcel.plan.parcel
        self._lane = provider_queue(parcel.plan.provider)
        self._undo = undo
        self._needs_label = False

    async def run(self) -> None:
        """Hand the parcel off, and buy its label if its provider does not; raises StepFailedError."""
        handed = await self._hand_off()
        self._needs_label = not handed.books_carrier
        if self._needs_label:
            await self._book_carrier()

    async def label_after_all(self) -> None:
        """A parcel that could not be stopped does not go without its label."""
        if self._needs_label and self.parcel.tracking_number is None:
            await self._desk.insist("buy a label", self._try_book_carrier, self._number)

    async def _hand_off(self) -> HandOffResult:
        self._check_not_canceled()
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
            patience=max(self._order.ship_by - workflow.now(), REMIND_EVERY),
            give_up=self._stop_wanted,
        )
        if not handed.accepted:
            raise StepFailedError("customer", handed.code or "provider_refused", handed.message or "")
        self._accepted()
        return handed

    async def _forward(self, step: Callable[[], Awaitable[T]], name: str, renew: Callable[[], None]) -> T:
        """Go on where it can: a failure that is ours to repair is parked, not undone.

        `renew` starts a new generation of the step: only after an answer that proves the old one did not happen.

        Raises StepFailedError when the shopper's side refused, somebody cancels, or a person gives the parcel up.
        """
        while True:
            self._check_not_canceled()
            self._desk.state.awaiting = f"an attempt to {name}"
            try:
                return await step()
            except StepFailedError as failure:
                if failure.kind == "customer":
                    raise
                self._check_not_canceled()
                await self._ask_about_failure(name, failure)
                if failure.kind == "refused":
                    renew()

    async def _ask_about_failure(self, name: str, failure: StepFailedError) -> None:
        question = f"Could not {name} ({failure}). Try again, or cancel the parcel?"
        choice = await self._desk.park(
            "step_failed", question, ("retry", "cancel"), self._number, lambda: self._desk.cancel_wanted
        )
        if choice == "cancel":
            raise failure
        self._check_not_canceled()

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
                ship_by=order.ship_by,
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
            give_up=lambda: self.parcel.goods_left != left,
        )

    # ---- book the carrier (only where the provider does not) -------------------------------------------------

    async def _book_carrier(self) -> None:
        self._check_not_canceled()
        self._undo.register(Phase.LABEL, self._void_label)
        await self._forward(self._try_book_carrier, f"buy a label for parcel {self._number}", self._renew_label)

    async def _try_book_carrier(self) -> None:
        label = await on_lane(
            Carriers.book_label,
            BookLabel(order=self._order, plan=self.parcel.plan, generation=self.parcel.label_generation),
            queue=CARRIER_QUEUE,
            summary=f"Buy a label for parcel {self._number}",
            attempt=CARRIER_ATTEMPT,
            give_up=self._stop_wanted,
        )
        if not label.bought:
            raise StepFailedError("customer", label.code or "label_refused", label.message or "")
        self.parcel.carrier, self.parcel.tracking_number = label.carrier, label.tracking_number
        self._desk.note("label", f"{label.carrier} label bought", self._number)

    async def _void_label(self) -> None:
        """Give the label back. A carrier that refuses may have the parcel: then a person looks."""
        await self._desk.insist("void the label", self._try_void_label, self._number, self._label_voided_by_hand)

    async def _try_void_label(self) -> None:
        request = VoidLabel(order_id=self._order.order_id, parcel=self._number)
        decision = await on_lane(
            Carriers.void_label, request, queue=CARRIER_QUEUE, summary="Void the label", attempt=CARRIER_ATTEMPT
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

    def _stop_wanted(self) -> bool:
        return self._desk.cancel_wanted and not self.parcel.too_late

    def _check_not_canceled(self) -> None:
        if self._stop_wanted():
            raise self._desk.canceled()

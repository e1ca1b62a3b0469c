"""One parcel's way: handed to its provider, booked with a carrier, scanned, captured, delivered."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TypeVar

from temporalio import workflow

from activities.by_hand import ByHand
from activities.carriers import BookLabel, Carriers, VoidLabel
from activities.inventory import Inventory, ParcelUnits, ShipUnits
from activities.providers import HandOffParcel, HandOffResult, Providers, WithdrawParcel
from ordersaga.domain.shipping import CancelDecision, HandOff
from ordersaga.domain.statuses import ParcelStatus
from workflows.activity_policies import CARRIER_ATTEMPT, StepFailedError, in_task, on_lane
from workflows.desk import REMIND_EVERY, Desk
from workflows.messages import CARRIER_QUEUE, provider_queue
from workflows.order_state import ParcelState
from workflows.parcel_payments import ParcelPayments
from workflows.saga import GoodsGoneError, Phase, UndoPlan

_PROBLEMS = frozenset({ParcelStatus.EXCEPTION, ParcelStatus.CANCELED})
_JOURNEY_ENDS = frozenset({ParcelStatus.DELIVERED, ParcelStatus.LOST, ParcelStatus.RETURNED_TO_SENDER})
T = TypeVar("T")


class ParcelSaga:
    """The steps of one parcel, each with its undo registered beside it."""

    def __init__(self, desk: Desk, parcel: ParcelState) -> None:
        self.parcel = parcel
        self._desk = desk
        self._order = desk.state.order
        self._number = parcel.plan.parcel
        self._lane = provider_queue(parcel.plan.provider)
        self._undo = UndoPlan()
        self._undo.register(Phase.STOCK, self._release_stock)
        self.payments = ParcelPayments(desk, parcel, self._undo)
        self._owning_up: asyncio.Task[None] | None = None
        self._needs_label = False

    async def travel(self) -> None:
        """The whole way, whatever the other parcels do."""
        await self._ship()
        await self._see_delivered()

    async def _ship(self) -> None:
        """Forward to the carrier's first scan; or, before the point of no return, back to nothing."""
        try:
            handed = await self._hand_off()
            self._needs_label = not handed.books_carrier
            if self._needs_label:
                await self._book_carrier()
        except StepFailedError as failure:
            if not await self.undone(failure) and self._needs_label:
                await self._desk.insist("buy a label", self._try_book_carrier, self._number)
        while not (self.parcel.scanned or self.parcel.undone):
            problem = await self._first_scan()
            if problem is not None and not await self.undone(problem):
                await self._ask_about_contradiction()
        if not self.parcel.undone:
            await self._shipped()

    async def _see_delivered(self) -> None:
        """Follow the parcel to its end: delivered, lost, or returned to its sender."""
        if self.parcel.undone:
            return
        await self._delivery()
        if self.parcel.status is not ParcelStatus.DELIVERED:
            await self._lose_goods()

    async def undone(self, reason: StepFailedError) -> bool:
        """Undo everything done for this parcel; False when its goods could not be stopped and it goes on."""
        self.parcel.undoing = True
        try:
            await self._undo.run()
        except GoodsGoneError:
            self.parcel.undoing, self.parcel.too_late = False, True
            self._desk.note("too_late", "the provider could not stop the parcel: it ships", self._number)
            return False
        self.parcel.undoing, self.parcel.undone = False, True
        self._desk.state.reason = self._desk.state.reason or reason.code
        self._desk.note("parcel_canceled", f"parcel undone: {reason.message or reason.code}", self._number)
        if self.parcel.goods_left:
            self.own_up()
        return True

    async def _ask_about_contradiction(self) -> None:
        """Reported as canceled, yet not confirmed as stopped: a person clears it up."""
        if self.parcel.status is ParcelStatus.CANCELED:
            question = f"Parcel {self._number} is reported as canceled, but was not confirmed as stopped. Ask again?"
            await self._desk.park("not_stopped", question, ("retry",), self._number, self._goods_left)

    def own_up(self) -> None:
        """The goods left although everything was undone: enter it into the books, and have it settled."""
        if self._owning_up is None:
            self._owning_up = asyncio.create_task(self._left_after_all())

    async def owned_up(self) -> None:
        """Wait until that is settled, if it had to be."""
        if self._owning_up is not None:
            await self._owning_up

    async def _left_after_all(self) -> None:
        self.parcel.undone, self.parcel.too_late = False, True
        await self._enter_shipment()
        question = f"Parcel {self._number} was canceled and left all the same. Charge it after all, or write it off?"
        await self.payments.charge_or_write_off("shipped_after_cancel", question)
        await self._see_delivered()

    # ---- hand to the provider --------------------------------------------------------------------------------

    async def _hand_off(self) -> HandOffResult:
        self._check_not_canceled()
        await self.payments.secure()
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

    # ---- leave, and arrive -----------------------------------------------------------------------------------

    async def _first_scan(self) -> StepFailedError | None:
        """Wait for the carrier's scan; returns why the parcel should be undone instead, if it should."""
        renew_at = self.payments.renew_at or self._order.ship_by
        if await self._desk.until(self._news, min(renew_at, self._order.ship_by), "the carrier's first scan"):
            return None if self.parcel.scanned else self._trouble()
        return await (self._secured() if self._renewal_due() else self._late())

    def _renewal_due(self) -> bool:
        renew_at = self.payments.renew_at
        return renew_at is not None and workflow.now() >= renew_at

    async def _secured(self) -> StepFailedError | None:
        try:
            await self.payments.secure()
        except StepFailedError as failure:
            return failure
        return None

    def _news(self) -> bool:
        return self.parcel.scanned or self._trouble() is not None

    def _trouble(self) -> StepFailedError | None:
        if self.parcel.too_late and self.parcel.status is not ParcelStatus.CANCELED:
            return None
        if self.parcel.status in _PROBLEMS:
            detail = self.parcel.problem or "no reason given"
            return StepFailedError("operator", f"provider_{self.parcel.status}", f"the provider stopped it: {detail}")
        return self._canceled() if self._desk.cancel_wanted else None

    async def _late(self) -> StepFailedError | None:
        """Ship-by passed without a scan: a person decides, unless the scan or a cancellation comes first."""
        question = f"Parcel {self._number} missed its ship-by without a carrier scan. Keep waiting, or cancel it?"
        choices = ("keep_waiting", "cancel")
        choice = await self._desk.park(
            "ship_by_missed",
            question,
            choices,
            self._number,
            settled=lambda: self._news() or self._renewal_due(),
            wake=self.payments.renew_at,
        )
        if choice == "cancel":
            return StepFailedError("operator", "ship_by_missed", "canceled because it missed its ship-by")
        if choice == "keep_waiting":
            again = workflow.now() + REMIND_EVERY
            renew_at = self.payments.renew_at or again
            await self._desk.until(self._news, min(again, renew_at), "the carrier's first scan")
        return None

    async def _shipped(self) -> None:
        """The point of no return: stock and sale enter the books, then the money is taken."""
        await self._enter_shipment()
        self._desk.state.awaiting = f"the capture for parcel {self._number}"
        if self.parcel.partial:
            question = f"The provider canceled part of parcel {self._number}; the rest left. Charge it in full?"
            await self.payments.charge_or_write_off("partly_canceled", question)
        else:
            await self.payments.capture()
        await self._desk.publish()

    async def _enter_shipment(self) -> None:
        self.parcel.scanned_at = workflow.now()
        self._undo.forget(*Phase)
        summary = f"Parcel {self._number} leaves stock"
        await self._desk.settle("enter the shipment", Inventory.ship_stock, self._units(), summary, self._number)
        self._desk.note("shipped", "first scan by the carrier", self._number)

    async def _delivery(self) -> None:
        deadline = self._deliver_by()
        while not self._arrived():
            if await self._desk.until(self._arrived, deadline, "delivery"):
                return
            question = f"Parcel {self._number} is overdue. Keep waiting, or treat it as lost and refund?"
            choices = ("keep_waiting", "refund_as_lost")
            choice = await self._desk.park("delivery_overdue", question, choices, self._number, self._arrived)
            if choice == "refund_as_lost":
                self.parcel.status = ParcelStatus.LOST
            deadline = workflow.now() + REMIND_EVERY

    def _deliver_by(self) -> datetime:
        return (self.parcel.scanned_at or workflow.now()) + self._order.terms.deliver_within

    def _arrived(self) -> bool:
        return self.parcel.status in _JOURNEY_ENDS

    async def _lose_goods(self) -> None:
        """The shopper keeps nothing of this parcel: the sale is reversed and the money goes back."""
        units = self._units()
        summary = f"Parcel {self._number}: {self.parcel.status}"
        await self._desk.settle("reverse the sale", Inventory.lose_goods, units, summary, self._number)
        await self.payments.give_back()
        self._desk.note("goods_lost", f"{self.parcel.status}: the shopper is refunded", self._number)

    def _units(self) -> ShipUnits:
        return ShipUnits(
            order_id=self._order.order_id,
            plan=self.parcel.plan,
            currency=self._order.currency,
            written_off=self.parcel.written_off,
        )

    async def _release_stock(self) -> None:
        units = ParcelUnits(order_id=self._order.order_id, parcel=self._number)
        summary = f"Release stock of parcel {self._number}"
        await self._desk.settle("release the stock", Inventory.release_stock, units, summary, self._number)

    def _stop_wanted(self) -> bool:
        return self._desk.cancel_wanted and not self.parcel.too_late

    def _check_not_canceled(self) -> None:
        if self._stop_wanted():
            raise self._canceled()

    def _canceled(self) -> StepFailedError:
        cancel = self._desk.state.cancel
        return StepFailedError("customer", "canceled", f"canceled by {cancel.by}: {cancel.reason}" if cancel else "")

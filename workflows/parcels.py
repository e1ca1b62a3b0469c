"""One parcel's way: handed to its provider, booked with a carrier, scanned, captured, delivered."""

import asyncio
from datetime import datetime

from temporalio import workflow

from activities.inventory import Inventory, ParcelUnits, ShipUnits
from ordersaga.domain.statuses import ParcelStatus
from workflows.activity_policies import StepFailedError
from workflows.desk import REMIND_EVERY, Desk
from workflows.hand_over import HandOver
from workflows.order_state import ParcelState
from workflows.parcel_payments import ParcelPayments
from workflows.saga import GoodsGoneError, Phase, UndoPlan

_PROBLEMS = frozenset({ParcelStatus.EXCEPTION, ParcelStatus.CANCELED})
_JOURNEY_ENDS = frozenset({ParcelStatus.DELIVERED, ParcelStatus.LOST, ParcelStatus.RETURNED_TO_SENDER})


class ParcelSaga:
    """The steps of one parcel, each with its undo registered beside it."""

    def __init__(self, desk: Desk, parcel: ParcelState) -> None:
        self.parcel = parcel
        self._desk = desk
        self._order = desk.state.order
        self._number = parcel.plan.parcel
        self._undo = UndoPlan()
        self._undo.register(Phase.STOCK, self._release_stock)
        self.payments = ParcelPayments(desk, parcel, self._undo)
        self._hand_over = HandOver(desk, parcel, self._undo)
        self._owning_up: asyncio.Task[None] | None = None

    async def travel(self) -> None:
        """The whole way, whatever the other parcels do."""
        await self._ship()
        await self._see_delivered()

    async def _ship(self) -> None:
        """Forward to the carrier's first scan; or, before the point of no return, back to nothing."""
        try:
            if not self._desk.cancel_wanted:
                await self.payments.secure()
            await self._hand_over.run()
        except StepFailedError as failure:
            if not await self.undone(failure):
                await self._hand_over.label_after_all()
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
            await self._desk.park("not_stopped", question, ("retry",), self._number, lambda: self.parcel.goods_left)

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
        return self._desk.canceled() if self._desk.cancel_wanted else None

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

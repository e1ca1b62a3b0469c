"""One parcel's way: secured, handed to its provider, booked with a carrier, scanned, captured, delivered."""

import asyncio

from temporalio import workflow

from activities.inventory import Inventory, ParcelUnits, ShipUnits
from ordersaga.domain.orders import Address, Order
from ordersaga.domain.statuses import ParcelStatus
from workflows.activity_policies import StepFailedError
from workflows.change import Change, ChangeRefusedError
from workflows.delivery import Delivery
from workflows.desk import REMIND_EVERY, Desk
from workflows.elsewhere import Moves
from workflows.hand_over import MOVED, HandOver
from workflows.marketplace import canceled_there, shipped_there
from workflows.order_state import ParcelState
from workflows.parcel_payments import ParcelPayments
from workflows.promise import Promise
from workflows.saga import GoodsGoneError, Phase, UndoPlan
from workflows.short_picks import ShortPick

_ADDRESS_REFUSED = ("address_refused", "label_refused")
_PROBLEMS = frozenset({ParcelStatus.EXCEPTION, ParcelStatus.CANCELED})
UNDO_UNBEGUN = "undo-unbegun-money"
_NEVER_ARRIVES = frozenset({ParcelStatus.LOST, ParcelStatus.RETURNED_TO_SENDER})


class ParcelSaga:
    """The steps of one parcel, each with its undo registered beside it."""

    def __init__(self, desk: Desk, parcel: ParcelState) -> None:
        self.parcel = parcel
        self._desk = desk
        self._number = parcel.plan.parcel
        self._undo = UndoPlan()
        self._undo.register(Phase.STOCK, self._canceled_there)  # once the stock is free: it is asked for last
        self._undo.register(Phase.STOCK, self._release_stock)
        self.payments = ParcelPayments(desk, parcel, self._undo)
        self.delivery = Delivery(desk, parcel, self.payments, self.units)
        self.promise = Promise(desk, parcel)
        self._moves = Moves(desk, parcel, self.promise)
        self._hand_over = HandOver(desk, parcel, self._undo, self._left_late, self.promise, self.payments, self._moves)
        self.set_aside = self._hand_over.set_aside
        self.short_pick = ShortPick(desk, parcel, self._moves, self.payments, self.take_back)
        self._owning_up: asyncio.Task[None] | None = None
        self._why = ""

    @property
    def _order(self) -> Order:
        return self._desk.state.order

    async def travel(self) -> None:
        """The whole way, whatever the other parcels do."""
        await self._ship()
        if not self.parcel.undone:
            await self.delivery.run()

    async def _ship(self) -> None:
        """Forward to the carrier's first scan; or, before the point of no return, back to nothing."""
        while not (self.parcel.scanned or self.parcel.undone):
            problem = await self._next_step()
            if problem is None or await self._moved(problem):
                continue
            if not await self.undone(problem):
                await self._hand_over.label_after_all()
                await self._ask_about_contradiction()
        await self.refuse_changes()
        if not self.parcel.undone:
            await self._shipped()

    async def _moved(self, problem: StepFailedError) -> bool:
        """Its provider gave it up: whether it goes from elsewhere."""
        given_up = self.parcel.status in _PROBLEMS and problem.code == f"provider_{self.parcel.status}"
        return given_up and await self._hand_over.given_up()

    async def _next_step(self) -> StepFailedError | None:
        """Change it, give it away, or wait for its first scan; returns why it should be undone, if it should."""
        try:
            if self.parcel.wanted is not None:
                await self.changed()
            elif not (self.parcel.given_away or self.parcel.too_late):
                await self._hand_over.run()
            else:
                return await self._first_scan()
        except StepFailedError as failure:
            if failure.code in _ADDRESS_REFUSED and self.parcel.former_ship_to is not None:
                return await self._other_address(failure, self.parcel.former_ship_to)
            goes_on = failure.code == MOVED or self.parcel.wanted
            return None if failure.kind == "given_up" and goes_on else failure
        return None

    async def _other_address(self, refused: StepFailedError, former: Address) -> StepFailedError | None:
        """An address given later is refused: that loses no order, a person decides where it goes."""
        if not await self._hand_over.taken_back():
            return refused
        question = f"The new address of parcel {self._number} is refused ({refused.message}). Ship to the former one?"
        choices = ("ship_to_former", "cancel")
        choice = await self._desk.park("address_refused", question, choices, self._number, self._interrupted)
        if choice == "ship_to_former":
            await self._goes_back(former)
        return refused if choice == "cancel" else None

    async def _goes_back(self, former: Address) -> None:
        """Stops must know before it is handed off."""
        self._desk.state.goes_back(self.parcel, former)
        if self.parcel.tells_former:
            self._desk.note("goes_back", "it goes to the former address", self._number)
            await self._desk.publish()

    def _interrupted(self) -> bool:
        return self.parcel.wanted is not None or self._desk.stop(self.parcel) is not None

    # ---- changes ---------------------------------------------------------------------------------------------

    async def changed(self) -> None:
        """Carry out what was asked of the parcel, oldest first; what needs it here takes it back first."""
        while change := self.parcel.wanted:
            change.begun = True
            try:
                await self._make(change)
                change.done()
            except (ChangeRefusedError, StepFailedError) as refused:
                change.refuse(str(refused))
            self._desk.note(f"change_{change.outcome}", change.message, self._number)
            await self._desk.publish()

    async def _make(self, change: Change) -> None:
        stop = None if change.by_provider else self._desk.stop(self.parcel)
        if stop is not None:
            change.superseded = True
            raise ChangeRefusedError(f"the parcel is being canceled ({stop.message}); ask what became of that")
        await self.set_aside.ended()
        if change.takes_back:
            await self.take_back()
        await change.make()

    async def take_back(self) -> None:
        """Have the parcel here again, as if it had never been given away; ChangeRefusedError when it cannot be."""
        if not await self._hand_over.taken_back():
            await self._hand_over.label_after_all()
            provider = self.parcel.plan.provider
            raise ChangeRefusedError(f"{provider} could not give the parcel back: it ships as it is; offer a return")

    async def refuse_changes(self) -> None:
        """The parcel has left, or is undone: only what its provider itself did to it can still be entered."""
        for change in self.parcel.changes:
            if change.undecided and (self.parcel.undone or not change.by_provider):
                change.superseded = self.parcel.undone
                change.refuse("the parcel has left or is undone; offer a return after delivery")
        await self.changed()

    # ---- undo ------------------------------------------------------------------------------------------------

    def may_be_paid(self) -> None:
        """A workflow task that was lost may have authorized what this run has not come to: that is undone too.

        What a lost task did by quick calls stands in no history, only in the effect ledger and at the company.
        """
        if not self._undo.holds(Phase.MONEY):
            workflow.deprecate_patch(UNDO_UNBEGUN)
            self._undo.register(Phase.MONEY, self.payments.give_back)

    async def undone(self, reason: StepFailedError) -> bool:
        """Undo everything done for this parcel; False when its goods could not be stopped and it goes on."""
        self.parcel.undoing, self._why = True, reason.code
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
        elif self.parcel.replaces:
            await self.delivery.replacement_failed()
        return True

    async def _ask_about_contradiction(self) -> None:
        """Reported as canceled, yet not confirmed as stopped: a person clears it up."""
        if self.parcel.status is ParcelStatus.CANCELED:
            question = f"Parcel {self._number} is reported as canceled, but was not confirmed as stopped. Ask again?"
            await self._desk.park("not_stopped", question, ("retry",), self._number, lambda: self.parcel.goods_left)

    def own_up(self) -> None:
        """The goods left although everything was undone: enter it into the books, and have it settled."""
        if self._owning_up is None:
            self._owning_up = self._desk.errand(self._left_after_all())

    def _left_late(self) -> None:
        """A person found, long after we had to go on, that the parcel ships."""
        if not self.parcel.goods_left:
            self.parcel.status = ParcelStatus.LEFT_WAREHOUSE
        if self.parcel.undone:
            self.own_up()

    async def owned_up(self) -> None:
        """Wait until that is settled, if it had to be."""
        if self._owning_up is not None:
            await self._owning_up

    async def _left_after_all(self) -> None:
        self.parcel.undone, self.parcel.too_late = False, True
        await self._enter_shipment()
        question = f"Parcel {self._number} was canceled and left all the same. Charge it after all, or write it off?"
        await self.payments.charge_or_write_off("shipped_after_cancel", question)
        await self.delivery.run()

    # ---- leave -----------------------------------------------------------------------------------------------

    async def _first_scan(self) -> StepFailedError | None:
        """Wait for the carrier's scan; returns why the parcel should be undone instead, if it should."""
        looks = [self.promise.next_look(), self.payments.renew_at]
        deadline = min((look for look in looks if look), default=workflow.now() + REMIND_EVERY)
        reserved = self.payments.reserved_by

        def moved() -> bool:
            """Also when another payment replaced the one whose deadline we wait for."""
            return self._news() or self.payments.reserved_by is not reserved

        def sooner() -> bool:
            """Also when it left, which begins a wait of its own."""
            return moved() or self.promise.next_look() < deadline

        if await self._desk.until(sooner, deadline, "the carrier's first scan"):
            return None if self.parcel.scanned else self._trouble()
        if self._renewal_due():
            await self.payments.secure()
            return None
        problem = await self.promise.look(moved, self.payments.renew_at)
        if problem is None and self.promise.pick_missed():
            await self._moves.after_missed_pick(moved)
        return problem

    def _renewal_due(self) -> bool:
        renew_at = self.payments.renew_at
        return renew_at is not None and workflow.now() >= renew_at

    def _news(self) -> bool:
        return self.parcel.scanned or self.parcel.wanted is not None or self._trouble() is not None

    def _trouble(self) -> StepFailedError | None:
        if self.parcel.too_late and self.parcel.status is not ParcelStatus.CANCELED:
            return None
        if self.parcel.status in _PROBLEMS:
            detail = self.parcel.problem or "no reason given"
            return StepFailedError("operator", f"provider_{self.parcel.status}", f"the provider stopped it: {detail}")
        return self._desk.stop(self.parcel)

    async def _shipped(self) -> None:
        """The point of no return: stock and sale enter the books, then the money is taken."""
        await self._enter_shipment()
        self._desk.state.awaiting = f"the capture for parcel {self._number}"
        if self.parcel.status in _NEVER_ARRIVES:
            return  # nobody pays for what is known never to arrive
        if self.parcel.partial:
            question = f"The provider canceled part of parcel {self._number}; the rest left. Charge it in full?"
            await self.payments.charge_or_write_off("partly_canceled", question)
        else:
            await self.payments.capture()
        if self._order.sold_at is not None:
            self._desk.errand(shipped_there(self._desk, self.parcel))
        await self._desk.publish()

    async def _enter_shipment(self) -> None:
        self.parcel.scanned_at = workflow.now()
        self._undo.forget(*Phase)
        summary = f"Parcel {self._number} leaves stock"
        await self._desk.settle("enter the shipment", Inventory.ship_stock, self.units(), summary, self._number)
        self._desk.note("shipped", "first scan by the carrier", self._number)

    def units(self) -> ShipUnits:
        """The parcel's goods and what they are worth in the books."""
        return ShipUnits(
            order_id=self._order.order_id,
            plan=self.parcel.plan,
            currency=self._order.currency,
            written_off=self.parcel.written_off,
            allowed=self.parcel.allowed,
        )

    async def _canceled_there(self) -> None:
        await canceled_there(self._desk, self._why, self.parcel)

    async def _release_stock(self) -> None:
        units = ParcelUnits(order_id=self._order.order_id, parcel=self._number)
        summary = f"Release stock of parcel {self._number}"
        await self._desk.settle("release the stock", Inventory.release_stock, units, summary, self._number)

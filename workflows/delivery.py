"""A parcel on its way: to the shopper, turned around, lost, sent once more, or back at its sender."""

from collections.abc import Callable
from datetime import datetime

from temporalio import workflow

from activities.carriers import Carriers, InterceptParcel
from activities.inventory import Inventory, ParcelUnits, Replan, ShipUnits, TakeBack
from ordersaga.domain.lanes import Urgency
from ordersaga.domain.orders import LostPolicy, ParcelPlan
from ordersaga.domain.shipping import InterceptDecision
from ordersaga.domain.statuses import ParcelStatus
from workflows.activity_policies import StepFailedError, in_task, on_lane
from workflows.desk import REMIND_EVERY, Desk, Stake
from workflows.messages import carrier_queue
from workflows.news import look_at
from workflows.order_state import ParcelState
from workflows.parcel_payments import ParcelPayments

SENT_AFTER = "sent-after-the-lost-one"
_JOURNEY_ENDS = frozenset({ParcelStatus.DELIVERED, ParcelStatus.LOST, ParcelStatus.RETURNED_TO_SENDER})
_BY_POLICY = {LostPolicy.REFUND: "refund_as_lost", LostPolicy.RESHIP: "reship"}


class Delivery:
    """From the first scan to an end. A parcel that does not arrive is refunded, or sent once more."""

    def __init__(
        self, desk: Desk, parcel: ParcelState, payments: ParcelPayments, units: Callable[[], ShipUnits]
    ) -> None:
        self.parcel = parcel
        self._desk = desk
        self._number = parcel.plan.parcel
        self._payments = payments
        self._units = units
        self._replaced = self._decided_here = False
        self._intercept_open = False

    async def run(self) -> None:
        """Follow the parcel to its end, and settle what it comes to."""
        deadline = self._due()
        while not self._arrived():
            if self._to_intercept():
                await self._intercept()
            elif not await self._desk.until(self._news, deadline, "delivery"):
                await self._overdue()
                deadline = workflow.now() + REMIND_EVERY
        await self._close_interception()
        if self._reported_lost() and self._policy() is LostPolicy.RESHIP:
            self._replaced = await self._sent_again()
        if self.parcel.status is not ParcelStatus.DELIVERED and not self._replaced:
            await self._lose_goods()

    def _due(self) -> datetime:
        return (self.parcel.scanned_at or workflow.now()) + self._desk.state.order.terms.deliver_within

    def _arrived(self) -> bool:
        return self.parcel.status in _JOURNEY_ENDS

    def _news(self) -> bool:
        return self._arrived() or self._to_intercept()

    # ---- turn it around --------------------------------------------------------------------------------------

    def _to_intercept(self) -> bool:
        return self.parcel.interception_open and self._desk.stop(self.parcel) is not None

    async def _intercept(self) -> None:
        """Ask the carrier to bring it back; it may, or deliver it all the same: the parcel's end tells."""
        try:
            self.parcel.intercept = await self._ask_to_intercept()
        except StepFailedError as failure:
            self._intercept_open = True
            if self._arrived():
                return  # where it ended is the answer
            self.parcel.intercept = InterceptDecision.REFUSED
            self._desk.note("intercept_failed", str(failure), self._number)
        accepted = self.parcel.intercept is InterceptDecision.ACCEPTED
        words = "the carrier brings it back; refunded on receipt" if accepted else "the carrier delivers it"
        self._desk.note("intercepting" if accepted else "not_intercepted", words, self._number)
        await self._desk.publish()

    async def _ask_to_intercept(self) -> InterceptDecision:
        request = InterceptParcel(
            order_id=self._desk.state.order.order_id,
            parcel=self._number,
            generation=self.parcel.label_generation,
            way_ended=self._arrived(),
        )
        summary = f"Turn parcel {self._number} around"
        return await on_lane(
            Carriers.intercept,
            request,
            queue=carrier_queue(self.parcel.label_account),
            summary=summary,
            urgency=Urgency.UNDO,
            give_up=lambda: self._arrived() and not request.way_ended,
        )

    async def _close_interception(self) -> None:
        """The carrier never answered: the parcel's end does, so that the books have no open question left."""

        async def enter() -> None:
            await self._ask_to_intercept()

        if self._intercept_open:
            await self._desk.insist("enter how the interception ended", enter, self._number)

    # ---- lost ------------------------------------------------------------------------------------------------

    async def _overdue(self) -> None:
        """Look, then ask; where the seller's terms say so, do by themselves what they say once it counts as lost."""
        await look_at(self._desk, self.parcel)
        if self._arrived():
            return
        question = f"Parcel {self._number} is overdue. Keep waiting, treat it as lost and refund, or send it once more?"
        choices = ("keep_waiting", "refund_as_lost", "reship")
        choice = await self._desk.park(
            "delivery_overdue",
            question,
            choices,
            self._number,
            settled=lambda: self._news() or self._lost_by_policy(),
            wake=self._lost_at(),
            stake=Stake(self._worth(), ("refund_as_lost", "reship")),
        )
        if choice is None and self._lost_by_policy():
            choice = _BY_POLICY[self._policy()]
        await self._decided(choice)

    def _worth(self) -> int:
        """What refunding it moves: for a parcel sent free of charge, at least what its goods were sold for."""
        plan = self.parcel.plan
        return max(plan.amount, sum(line.value for line in plan.lines))

    def _lost_at(self) -> datetime:
        return self._due() + self._desk.state.order.terms.lost_after

    def _policy(self) -> LostPolicy:
        """What the seller's terms say; nothing is sent a third time, unpaid, or canceled, without a person."""
        policy = self._desk.state.order.terms.lost_parcel
        again = self.parcel.paid and not self.parcel.replaces and self._desk.stop(self.parcel) is None
        return LostPolicy.REFUND if policy is LostPolicy.RESHIP and not again else policy

    def _reported_lost(self) -> bool:
        """Its carrier says so, and nobody here has decided about it."""
        return self.parcel.status is ParcelStatus.LOST and not self._decided_here

    def _lost_by_policy(self) -> bool:
        """Where nobody tells of deliveries silence proves nothing: a person decides, whatever the terms say."""
        acts = self._policy() in _BY_POLICY and self.parcel.tells_delivery
        return acts and not self._arrived() and workflow.now() >= self._lost_at()

    async def _decided(self, choice: str | None) -> None:
        """Do what was chosen; a parcel that arrived while the choice was written down, or carried out, is not lost."""
        if choice == "reship" and not self._turned_up():
            self._replaced = await self._sent_again()
        if choice in ("reship", "refund_as_lost") and not self._turned_up():
            self.parcel.status, self._decided_here = ParcelStatus.LOST, True

    def _turned_up(self) -> bool:
        return self._arrived() and self.parcel.status is not ParcelStatus.LOST

    async def _sent_again(self) -> bool:
        """The same goods once more, free of charge; False when they are sold out: then the money goes back."""
        number = self._desk.state.next_parcel()
        again = self._again(self.parcel.plan.model_copy(update={"parcel": number, "amount": 0}))
        if not await self._held(again):
            self._desk.note("not_reshipped", "sold out, or stopped: the shopper is refunded instead", self._number)
            return False
        if self._turned_up():
            await self._released(number)
            return False
        self._desk.siblings.join(again)
        self._desk.note("reshipped", f"lost on the way; sent once more as parcel {number}", self._number)
        if again.ship_to is not None:
            await self._desk.publish()  # stops must know where it goes
        return True

    def _again(self, plan: ParcelPlan) -> ParcelState:
        """It goes where the lost one went."""
        went = self._desk.state.order_of(self.parcel).ship_to
        if went == self._desk.state.order.ship_to:
            return ParcelState(plan, replaces=self._number)
        if workflow.patched(SENT_AFTER):
            return ParcelState(plan, replaces=self._number, ship_to=went)
        return ParcelState(plan, replaces=self._number, former_ship_to=went)

    async def _held(self, again: ParcelState) -> bool:
        held: list[bool] = []
        order = self._desk.state.order_of(again)
        request = Replan(order_id=order.order_id, parcels=(again.plan,), again=order)

        async def hold() -> None:
            held.append(await in_task(Inventory.replan, request, f"Hold the goods of parcel {self._number} once more"))

        await self._desk.insist("hold the goods once more", hold, self._number)
        return held[-1]

    async def _released(self, number: int) -> None:
        units = ParcelUnits(order_id=self._desk.state.order.order_id, parcel=number)
        summary = f"Release stock of parcel {number}"
        await self._desk.settle("release the stock", Inventory.release_stock, units, summary, number)
        self._desk.note("not_reshipped", "it has turned up meanwhile", self._number)

    async def replacement_failed(self) -> None:
        """Neither this parcel nor the one it was sent for arrives: the shopper gets the money of the first back."""
        await self._desk.siblings.refund(self.parcel.replaces)

    async def _lose_goods(self) -> None:
        """The shopper keeps nothing of this parcel: the sale is reversed and the money goes back."""
        if self.parcel.status is ParcelStatus.RETURNED_TO_SENDER:
            await self._restock()
        await self.refund()

    async def refund(self) -> None:
        """Reverse the sale, and give back what was paid for it, or for the parcel it was sent for."""
        await self._payments.end_goodwill()
        summary = f"Parcel {self._number}: {self.parcel.status}"
        await self._desk.settle("reverse the sale", Inventory.lose_goods, self._units(), summary, self._number)
        await self._payments.give_back()
        self._desk.note("goods_lost", f"{self.parcel.status}: the shopper is refunded", self._number)
        if self.parcel.replaces:
            await self.replacement_failed()

    async def _restock(self) -> None:
        """It came back unopened: its units can be sold again."""
        order_id, plan = self._desk.state.order.order_id, self.parcel.plan
        back = TakeBack(
            order_id=order_id,
            parcel=self._number,
            reference=f"{order_id}-{self._number}-returned-to-sender",
            lines=plan.units(),
            location=plan.location,
            sellable=True,
        )
        summary = f"Parcel {self._number} goes back on the shelf"
        await self._desk.settle("put it back on the shelf", Inventory.take_back, back, summary, self._number)

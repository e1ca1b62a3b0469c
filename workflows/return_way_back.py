"""The goods' way back: a label, the wait for them, and what is done when they do not come."""

from datetime import datetime, timedelta
from functools import partial

from temporalio import workflow

from activities.return_labels import ReturnLabel, ReturnLabels
from ordersaga.domain.lanes import Urgency
from ordersaga.domain.orders import LostPolicy
from ordersaga.domain.return_rules import value_of
from ordersaga.domain.returns import InspectedLine, Inspection, ReturnStatus
from ordersaga.domain.shipping import CancelDecision
from ordersaga.domain.statuses import ParcelStatus
from workflows.activity_policies import CARRIER_ATTEMPT, StepFailedError, in_task, on_lane
from workflows.common_desk import Stake
from workflows.messages import carrier_queue
from workflows.return_desk import ReturnDesk

REMIND_AFTER = timedelta(days=10)
"""How long after the request the shopper is reminded of goods that are not on their way."""
EXPIRES_AFTER = timedelta(days=21)
"""How long after the request a return ends of which the carrier has seen nothing."""
TRAVELS_WITHIN = timedelta(days=14)
"""How long after the carrier's first scan a person is asked about goods that have not arrived."""
INSPECTED_WITHIN = timedelta(days=3)
"""How long after their arrival a person is asked about goods nobody has inspected."""
_LOOK_AGAIN = timedelta(days=3)


class WayBack:
    """From the label to the inspection, or to the certainty that none will come."""

    def __init__(self, desk: ReturnDesk) -> None:
        self._desk = desk
        self._state = desk.state
        self._case = desk.state.case
        self._label_settled = False

    # ---- the label -------------------------------------------------------------------------------------------

    async def provide(self) -> None:
        """Buy a label; where none can be bought, tell the shopper where to send the goods."""
        label = await self._label()
        if label is not None and label.bought:
            self._state.carrier, self._state.tracking_number = label.carrier, label.tracking_number
            self._state.label_url = label.url
            self._desk.note("return_label", f"label for the way back: {label.carrier} {label.tracking_number}")
        else:
            await self._instruct()
        if self._state.progress is ReturnStatus.REQUESTED:
            self._state.progress = ReturnStatus.AWAITING_GOODS
        await self._desk.publish()

    async def _label(self) -> ReturnLabel | None:
        """None: nobody knows whether one was bought; it is given back at the end if it was, and is not used."""
        try:
            return await on_lane(
                ReturnLabels.book_return_label,
                self._case,
                queue=carrier_queue(self._case.account),
                summary="Label for the way back",
                urgency=Urgency.URGENT,
                attempt=CARRIER_ATTEMPT,
                give_up=lambda: self._state.canceled is not None,
            )
        except StepFailedError as failure:
            self._state.label_in_doubt = failure.kind in ("unresolved", "given_up")
            self._desk.note("no_return_label", f"no label for the way back ({failure})")
            return None

    async def _instruct(self) -> None:
        try:
            told = await in_task(ReturnLabels.seller_instructions, self._case, "Where to send the goods")
            self._state.instructions = told
            self._desk.note("return_instructions", "no label could be bought: the shopper sends the goods as told")
        except StepFailedError as failure:
            await self._desk.park("no_instructions", f"Tell the shopper where to send it ({failure}).", ("told",))

    async def give_label_back(self) -> None:
        """A label nobody used is not paid for; one that may exist is looked for. Once is enough."""
        if self._label_settled:
            return
        self._label_settled = True
        bought = self._state.label_url is not None or self._state.tracking_number is not None
        unused = not self._state.under_way and self._state.inspection is None
        if self._state.label_in_doubt or (bought and unused):
            await self._desk.insist("give the label back", self._void, by_hand=self._voided_by_hand)

    async def _void(self) -> None:
        decision = await on_lane(
            ReturnLabels.void_return_label,
            self._case,
            queue=carrier_queue(self._case.account),
            summary="Give the label back",
            urgency=Urgency.SOON,
        )
        refused = decision is CancelDecision.REFUSED
        self._desk.note("return_label_voided", "the carrier keeps the label's price" if refused else "label given back")

    async def _voided_by_hand(self) -> None:
        await on_lane(
            ReturnLabels.return_label_settled_by_hand,
            self._case,
            queue=carrier_queue(self._case.account),
            summary="Label settled by hand",
            urgency=Urgency.SOON,
        )

    # ---- the goods -------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Until the goods are inspected, or `ends_as` says why they never will be.

        Goods nobody expects any more may be sent all the same, while their label is given back: they are on their way.
        """
        await self._run()
        if self._state.ends_unsent:
            await self.give_label_back()
            if self.sent_all_the_same():
                await self._run()

    def sent_all_the_same(self) -> bool:
        """Whether goods of a return that ends without any are on their way: from now on they are expected."""
        if not (self._state.ends_unsent and self._state.under_way):
            return False
        self._state.ends_as = self._state.canceled = self._state.reason = None
        self._desk.note("sent_all_the_same", "the goods were sent all the same: they are on their way back")
        return True

    async def _run(self) -> None:
        while self._undecided():
            if self._state.way_back is ParcelStatus.LOST:
                await self._lost()
            elif self._state.way_back is ParcelStatus.RETURNED_TO_SENDER:
                await self._back_at_the_shopper()
            elif self._state.way_back is ParcelStatus.DELIVERED:
                await self._arrived()
            elif self._state.under_way:
                await self._travels()
            else:
                await self._not_sent_yet()

    def _undecided(self) -> bool:
        if self._state.canceled is not None and self._state.inspection is None and self._state.ends_as is None:
            self._ends(ReturnStatus.CANCELED, f"canceled by {self._state.canceled.by}: {self._state.canceled.reason}")
        return self._state.inspection is None and self._state.ends_as is None

    def _ends(self, status: ReturnStatus, reason: str) -> None:
        self._state.ends_as, self._state.reason = status, reason

    async def _not_sent_yet(self) -> None:
        remind, expire = self._case.accepted_at + REMIND_AFTER, self._case.accepted_at + EXPIRES_AFTER
        await self._desk.publish()
        if workflow.now() < remind and not await self._moved(remind, "the goods, from the shopper"):
            self._desk.note("return_reminder", f"nothing was sent back yet; the return expires on {expire:%Y-%m-%d}")
            await self._desk.publish()
        if self._still() and not await self._moved(expire, "the goods, from the shopper"):
            self._ends(ReturnStatus.EXPIRED, f"nothing was sent back until {expire:%Y-%m-%d}")

    def _still(self) -> bool:
        return self._state.inspection is None and self._state.canceled is None and not self._state.under_way

    async def _moved(self, deadline: datetime, what: str) -> bool:
        """Wait for any news of the goods: another place, an inspection, a cancellation."""
        before = self._state.way_back
        return await self._desk.until(lambda: self._news(before), deadline, what)

    def _news(self, before: ParcelStatus) -> bool:
        gone_on = self._state.way_back is not before or self._state.inspection is not None
        return gone_on or self._state.canceled is not None

    async def _travels(self) -> None:
        await self._desk.publish()
        before, due = self._state.way_back, (self._state.scanned_at or workflow.now()) + TRAVELS_WITHIN
        if await self._moved(max(due, workflow.now() + _LOOK_AGAIN), "the goods' arrival at the warehouse"):
            return
        question = "The return is overdue on its way back. Keep waiting, or treat it as lost?"
        choices = ("keep_waiting", "treat_as_lost")
        moved = partial(self._news, before)
        if await self._desk.park("return_overdue", question, choices, settled=moved) == "treat_as_lost":
            self._state.way_back = ParcelStatus.LOST

    async def _arrived(self) -> None:
        await self._desk.publish()
        received = self._received
        if await self._desk.until(received, workflow.now() + INSPECTED_WITHIN, "the warehouse's inspection"):
            return
        question = "The goods arrived, but nobody has inspected them. Keep waiting, or refund them unseen, written off?"
        choices, stake = ("keep_waiting", "refund_unseen"), Stake(self._worth(), ("refund_unseen",))
        choice = await self._desk.park("inspection_due", question, choices, settled=received, stake=stake)
        if choice == "refund_unseen":
            self._state.inspection = self._unseen()
            self._state.progress = ReturnStatus.INSPECTED
            self._desk.note("return_inspected", "accepted unseen, and written off")

    def _received(self) -> bool:
        return self._state.inspection is not None

    def _unseen(self) -> Inspection:
        lines = tuple(InspectedLine(sku=one.sku, damaged=one.quantity) for one in self._case.request.lines)
        return Inspection(lines=lines, by="ordersaga", reason="nobody inspected the goods")

    def _worth(self) -> int:
        return value_of(self._case, self._case.request.lines)

    async def _lost(self) -> None:
        """The carrier lost what it had taken: by the seller's policy, or a person decides."""
        policy = self._case.order.terms.lost_parcel
        refund = policy is not LostPolicy.ASK or await self._asked_about_lost()
        if self._state.inspection is None:
            self._ends(ReturnStatus.LOST, "the carrier lost it; refunded" if refund else "the carrier lost it")
            self._state.refund_lost = refund

    async def _asked_about_lost(self) -> bool:
        question = "The carrier lost the return. Refund the shopper, or end it without a refund?"
        choices, stake = ("refund", "no_refund"), Stake(self._worth(), ("refund",))
        choice = await self._desk.park("return_lost", question, choices, settled=self._received, stake=stake)
        return choice == "refund"

    async def _back_at_the_shopper(self) -> None:
        question = "The carrier brought the return back to the shopper. Will it be sent again, or not?"
        choices = ("sent_again", "no_return")
        choice = await self._desk.park("returned_to_shopper", question, choices, settled=self._received)
        if choice == "no_return":
            self._ends(ReturnStatus.CANCELED, "the carrier brought it back to the shopper")
        elif choice == "sent_again":
            self._state.way_back = ParcelStatus.IN_TRANSIT
            self._state.scanned_at = workflow.now()

"""Changes that support and shoppers may ask of a running order: each with what forbids it, and what to do instead."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TypeVar

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from ordersaga.domain.orders import LineQuantity, Order
from ordersaga.domain.shipping import ShippingService
from workflows import offers
from workflows.activity_policies import PATIENCE, StepFailedError
from workflows.change import Change
from workflows.changes import Changes
from workflows.messages import (
    AddressChange,
    Asked,
    ChangeAnswer,
    ChangeCarrier,
    ChangeOutcome,
    ChangePayment,
    DelayConsent,
    Expedite,
    GoodwillRefund,
    MoveParcel,
    SplitParcel,
)
from workflows.on_record import answered_on_record, on_record
from workflows.order_messages import OrderMessages
from workflows.order_state import ParcelState

ANSWER_WITHIN = timedelta(seconds=30)
"""How long the asker is kept waiting for a decision before being told `pending`."""
A = TypeVar("A", bound=Asked)
_RETURN = "offer a return once it is delivered"
KEPT = "address-kept"
"""Orders that had asked about a kept address before ask as they did, and are answered as they were."""


class ChangeMessages(OrderMessages):
    """The doors for changes. A validator refuses with the reason and the alternative; nothing is then recorded."""

    def __init__(self, order: Order) -> None:
        super().__init__(order)
        self._changes = Changes(self._desk, self._journeys)

    @workflow.update(name="change_address", description="Ship to another address")
    @answered_on_record
    async def on_change_address(self, asked: AddressChange) -> ChangeAnswer:
        """Every parcel that has not left."""
        await self._still(asked, self._may_change_address)
        kept = len(self._state.parcels) > 1 and workflow.patched(KEPT)
        going = self._going_elsewhere
        return await self._carried_out(asked, lambda: self._changes.address(asked, going(asked), tells_kept=kept))

    @on_change_address.validator
    def _may_change_address(self, asked: AddressChange) -> None:
        if not self._is_new(asked):
            return
        self._check_movable(0)
        if self._going_elsewhere(asked):
            return
        going = [parcel for parcel in self._state.parcels if not (parcel.ended or parcel.movable)]
        late = [parcel for parcel in going if self._state.order_of(parcel).ship_to != asked.ship_to]
        if not late:
            raise refused("ship_to: the order goes there already; name another address")
        numbers = ", ".join(str(parcel.plan.parcel) for parcel in late)
        raise refused(f"too late: parcel {numbers} does not go there, and can no longer be stopped; {_RETURN}")

    @workflow.update(name="expedite", description="Ship by the faster service, at the seller's cost")
    @answered_on_record
    async def on_expedite(self, asked: Expedite) -> ChangeAnswer:
        """One parcel, or all that have not left."""
        await self._still(asked, self._may_expedite)
        return await self._carried_out(asked, lambda: self._changes.expedite(asked, self._movable(asked.parcel)))

    @on_expedite.validator
    def _may_expedite(self, asked: Expedite) -> None:
        if not self._is_new(asked):
            return
        parcels = self._check_movable(asked.parcel)
        if all(parcel.service is ShippingService.EXPEDITED for parcel in parcels):
            raise refused("it is expedited already; move it to a nearer location")

    @workflow.update(name="split_parcel", description="Let some units leave in a parcel of their own")
    @answered_on_record
    async def on_split_parcel(self, asked: SplitParcel) -> ChangeAnswer:
        """One parcel becomes two."""
        await self._still(asked, self._may_split)
        return await self._carried_out(asked, lambda: self._changes.split(asked, self._parcel(asked.parcel)))

    @on_split_parcel.validator
    def _may_split(self, asked: SplitParcel) -> None:
        if not self._is_new(asked):
            return
        (parcel,) = self._check_movable(asked.parcel, one=True)
        _check_part(parcel, asked.lines)
        if offers.paid_whole(self._state, parcel):
            raise refused("the parcel is paid as a whole; cancel these units and order them again")
        if not self._may_charge_again(parcel):
            raise refused("the shopper's card was not saved, so a second parcel could not be charged; move it instead")

    @workflow.update(name="move_parcel", description="Ship a parcel from another location, with its provider")
    @answered_on_record
    async def on_move_parcel(self, asked: MoveParcel) -> ChangeAnswer:
        """Another location."""
        await self._still(asked, self._may_move)
        return await self._carried_out(asked, lambda: self._changes.move(asked, self._parcel(asked.parcel)))

    @on_move_parcel.validator
    def _may_move(self, asked: MoveParcel) -> None:
        if not self._is_new(asked):
            return
        (parcel,) = self._check_movable(asked.parcel, one=True)
        if parcel.plan.location == asked.location:
            raise refused(f"location: the parcel ships from {asked.location} already; name another one")

    @workflow.update(name="change_carrier", description="Let another carrier take a parcel")
    @answered_on_record
    async def on_change_carrier(self, asked: ChangeCarrier) -> ChangeAnswer:
        """Another carrier."""
        await self._still(asked, self._may_change_carrier)
        return await self._carried_out(asked, lambda: self._changes.carrier(asked, self._parcel(asked.parcel)))

    @on_change_carrier.validator
    def _may_change_carrier(self, asked: ChangeCarrier) -> None:
        if not self._is_new(asked):
            return
        (parcel,) = self._check_movable(asked.parcel, one=True)
        if parcel.books_carrier:
            raise refused(f"{parcel.plan.provider} books its own carrier; expedite the parcel, or move it elsewhere")
        if parcel.carrier == asked.carrier:
            raise refused(f"carrier: {asked.carrier} has the parcel's label already; name another one")

    @workflow.update(name="refund", description="Give part of the money back though the goods are kept")
    @answered_on_record
    async def on_refund(self, asked: GoodwillRefund) -> ChangeAnswer:
        """Goodwill."""
        await self._still(asked, self._may_refund)
        return await self._carried_out(asked, lambda: [self._changes.goodwill(asked, self._refundable(asked)[0])])

    @on_refund.validator
    def _may_refund(self, asked: GoodwillRefund) -> None:
        if not self._is_new(asked):
            return
        if not self._refundable(asked):
            left = [parcel for parcel in self._state.parcels if parcel.scanned_at is not None]
            paid = max((parcel.captured - parcel.refunded for parcel in left), default=0)
            if not paid:
                raise refused("nothing that left is paid; ask again after the first scan, or cancel units")
            most = self._desk.money(paid)
            raise refused(
                f"amount: at most {most} of what a parcel that left cost can be given; ask for less, or cancel"
            )

    @workflow.update(name="change_payment", description="Reserve the amounts anew with another payment method")
    @answered_on_record
    async def on_change_payment(self, asked: ChangePayment) -> ChangeAnswer:
        """Another payment method."""
        await self._still(asked, self._may_change_payment)
        return await self._carried_out(asked, lambda: self._changes.payment(asked, offers.unpaid(self._state)))

    @on_change_payment.validator
    def _may_change_payment(self, asked: ChangePayment) -> None:
        if not self._is_new(asked):
            return
        if not offers.unpaid(self._state):
            raise refused("everything is paid; use the other payment method for the next order")

    @workflow.update(name="answer_delay", description="The shopper's answer to a delay notice")
    @answered_on_record
    async def on_answer_delay(self, asked: DelayConsent) -> ChangeAnswer:
        """Wait longer, or not."""
        await self._still(asked, self._may_answer_delay)
        for parcel in offers.delayed(self._state):
            parcel.delay_consent = asked.consent
            if not asked.consent:
                parcel.stop = StepFailedError("customer", "delay_not_accepted", f"{asked.by} does not want to wait")
        words = "agrees to wait" if asked.consent else "does not want to wait: what has not left is canceled"
        self._desk.note("delay_answered", f"the shopper {words}")
        await self._desk.publish()
        return self._told("delay", "done", f"the shopper {words}")

    @on_answer_delay.validator
    def _may_answer_delay(self, asked: DelayConsent) -> None:
        self._is_new(asked)
        if not offers.delayed(self._state):
            raise refused("no delay notice is open; cancel the order if the shopper does not want it")

    # ---- what they share -------------------------------------------------------------------------------------

    async def _still(self, asked: A, check: Callable[[A], None]) -> None:
        """The request is on record, and may still be made."""
        await on_record()
        check(asked)

    async def _carried_out(self, asked: Asked, begin: Callable[[], list[Change]]) -> ChangeAnswer:
        """Begin the change, once per request, and wait a bounded time for its end."""
        known = self._state.requests.get(asked.request_id or "")
        changes = [change for change in known if isinstance(change, Change)] if isinstance(known, list) else begin()
        if asked.request_id:
            self._state.requests[asked.request_id] = changes
        if known is None:
            self._desk.note("change_requested", f"{asked.by} asks: {'; '.join(change.what for change in changes)}")
        answer_by = workflow.now() + ANSWER_WITHIN
        await self._desk.alarm.until(lambda: not _undecided(changes), answer_by, "the answer to a change")
        await self._desk.publish()
        said = "; ".join(dict.fromkeys(_said(change, alone=len(changes) == 1) for change in changes))
        parcel = max(change.made_parcel for change in changes)
        return self._told(changes[0].change_id, _overall(changes), said, parcel)

    def _told(self, change_id: str, outcome: ChangeOutcome, message: str, parcel: int = 0) -> ChangeAnswer:
        waits = outcome in ("pending", "awaiting_approval")
        return ChangeAnswer(
            order_id=self._state.order.order_id,
            change_id=change_id,
            outcome=outcome,
            status=self._state.status,
            message=message,
            parcel=parcel,
            answer_by=workflow.now() + PATIENCE if waits else None,
        )

    def _is_new(self, asked: Asked | None) -> bool:
        """Refuses what no order can be asked now. False: it was asked before, and hears the first answer again."""
        if asked is None:
            raise refused("the input is empty")
        if self._state.closed_as is not None:
            raise refused(f"the order has ended ({self._state.closed_as}); what was delivered can be returned")
        if not self._state.confirmed:
            raise refused("the order is not confirmed yet; ask again once it is, or cancel it")
        return not isinstance(self._state.requests.get(asked.request_id or ""), list)

    def _check_movable(self, number: int, *, one: bool = False) -> list[ParcelState]:
        """The parcels that can still be changed; refuses, with the reason, when there is none."""
        if number and all(parcel.plan.parcel != number for parcel in self._state.parcels):
            known = ", ".join(str(parcel.plan.parcel) for parcel in self._state.parcels)
            raise refused(f"parcel: the order has no parcel {number}; it has {known}")
        if one and not number:
            raise refused("parcel: the change is of one parcel; say which one")
        if self._desk.cancel_wanted:
            raise refused("the order is being canceled; ask for the cancellation's outcome first")
        movable = self._movable(number)
        if not movable:
            raise refused(f"too late: the parcel has left, or can no longer be stopped; {_RETURN}")
        return movable

    def _movable(self, number: int) -> list[ParcelState]:
        return [each for each in offers.changeable_of(self._state) if number in (0, each.plan.parcel)]

    def _going_elsewhere(self, asked: AddressChange) -> list[ParcelState]:
        """Those that do not go to this address, or that a change which was asked before may yet send elsewhere."""
        movable = self._movable(0)
        return [each for each in movable if each.wanted or self._state.order_of(each).ship_to != asked.ship_to]

    def _parcel(self, number: int) -> ParcelState:
        return next(parcel for parcel in self._state.parcels if parcel.plan.parcel == number)

    def _refundable(self, asked: GoodwillRefund) -> list[ParcelState]:
        chosen = [parcel for parcel in self._state.parcels if asked.parcel in (0, parcel.plan.parcel)]
        left = [parcel for parcel in chosen if parcel.scanned_at is not None]
        return [parcel for parcel in left if parcel.captured - parcel.refunded >= asked.amount]


def _check_part(parcel: ParcelState, lines: Sequence[LineQuantity]) -> None:
    try:
        rest = parcel.staying().without(lines)
    except ValueError as error:
        raise refused(f"lines: {error}; name units that it has") from error
    if not rest.lines:
        raise refused("lines: these are all units of the parcel; name fewer")
    if rest.amount in (0, parcel.staying().amount):
        raise refused("lines: one of the two parcels would cost nothing; name other units")


def refused(why: str) -> ApplicationError:
    """A refusal: the reason, and what can be done instead."""
    return ApplicationError(why, type="customer")


def _undecided(changes: Sequence[Change]) -> bool:
    return any(change.undecided for change in changes)


def _overall(changes: Sequence[Change]) -> ChangeOutcome:
    outcomes = {change.outcome for change in changes}
    if outcomes == {"done", "refused"}:
        return "partly_done"
    order: tuple[ChangeOutcome, ...] = ("pending", "awaiting_approval", "done")
    return next((outcome for outcome in order if outcome in outcomes), "refused")


def _said(change: Change, *, alone: bool) -> str:
    """A refusal among others names its parcel, as what was done does."""
    words = {"pending": f"not decided yet: {change.what}", "awaiting_approval": "waits for a second person"}
    refused = f"parcel {change.parcel}: {change.message}"
    return refused if change.outcome == "refused" and not alone else words.get(change.outcome, change.message)

"""What running orders are told and asked: the handlers of signals, updates and queries. None of them ever fails."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from ordersaga.domain.journal import AttentionItem, JournalEntry
from ordersaga.domain.lattices import Verdict, goods_left, judge
from ordersaga.domain.orders import Order
from ordersaga.domain.shipping import ParcelEvent, PaymentEvent
from ordersaga.domain.statuses import ParcelStatus
from workflows import cancellation, presentation
from workflows.confirmation import Confirmation
from workflows.desk import Desk
from workflows.messages import CancelAnswer, CancelRequest, ConfirmAnswer, HoldRequest, OrderView, Resolution
from workflows.order_state import OrderState, ParcelState


def never_fails(handler: Callable[..., None]) -> Callable[..., None]:
    """A signal with too few, too many or empty inputs is noted and dropped: nobody may wedge an order with one."""
    bare_works = handler.__defaults__ is not None

    @wraps(handler)
    def take(self: "OrderMessages", *inputs: Any) -> None:
        given = [one for one in inputs if one is not None]
        if len(inputs) <= 1 and (bare_works or given):
            handler(self, *given)
        else:
            self.ignore(f"a signal for {handler.__name__} with {len(given)} usable inputs of {len(inputs)}")

    return take


class OrderMessages:
    """The doors of an order. They only change its state; the saga, waiting on that state, goes on by itself."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._state = OrderState(order)
        self._desk = Desk(self._state)
        self._confirmation = Confirmation(self._desk)

    def ignore(self, what: str, parcel: int = 0) -> None:
        """Note a message that changes nothing."""
        self._desk.note("ignored", what, parcel)

    @workflow.update(name="confirm", description="Wait for the checkout's answer")
    async def on_confirm(self) -> ConfirmAnswer:
        """Answer the checkout as soon as the outcome is known."""
        return await self._confirmation.answer()

    @workflow.update(name="cancel", description="Cancel the order and hear what became of it")
    async def on_cancel(self, asked: CancelRequest | None = None) -> CancelAnswer:
        """Cancel, and answer truthfully."""
        cancellation.request(self._desk, asked or CancelRequest(by="update"))
        return await cancellation.answer(self._desk)

    @on_cancel.validator
    def _takes_one_input(self, asked: CancelRequest | None = None) -> None:
        """More inputs are refused."""

    @workflow.signal(name="request_cancel", description="Cancel the order, without waiting for the answer")
    @never_fails
    def on_request_cancel(self, asked: CancelRequest | None = None) -> None:
        """Cancel, fire and forget; the input is optional so that a bare signal works."""
        cancellation.request(self._desk, asked or CancelRequest(by="signal"))

    @workflow.signal(name="parcel_event", description="A provider or carrier reports about a parcel")
    @never_fails
    def on_parcel_event(self, event: ParcelEvent) -> None:
        """Pass a report through the status lattice: applied, ignored as older, or noted as a conflict."""
        parcel = next((p for p in self._state.parcels if p.plan.parcel == event.parcel), None)
        if parcel is None or not parcel.known_as(event.generation):
            self.ignore(f"{event.source} reports {event.status} for an unknown parcel", event.parcel)
            return
        verdict = judge(ParcelStatus.CANCELED if parcel.undone else parcel.status, event.status)
        self._heard(parcel, event, verdict)

    def _heard(self, parcel: ParcelState, event: ParcelEvent, verdict: Verdict) -> None:
        said = f"{event.source}: {event.status}" + (f" ({event.detail})" if event.detail else "")
        parcel.partial = parcel.partial or event.partial
        if verdict is Verdict.OLDER:
            self._heard_again(parcel, event, said)
            return
        if verdict is Verdict.CONFLICT:
            self._desk.note("conflict", f"{said}, which contradicts {parcel.view().status}", event.parcel)
            if (parcel.undone or parcel.undoing) and goods_left(event.status):
                self._tell_parcel_that_it_left(parcel, event)
            return
        parcel.status, parcel.problem = event.status, event.detail
        parcel.carrier = event.carrier or parcel.carrier
        parcel.tracking_number = event.tracking_number or parcel.tracking_number
        self._desk.note(event.status.value, said, event.parcel)

    def _heard_again(self, parcel: ParcelState, event: ParcelEvent, said: str) -> None:
        """No step forward, but perhaps a new word about where it stands: on hold, part of it canceled."""
        if event.status is parcel.status and event.detail not in (None, parcel.problem):
            parcel.problem = event.detail
            self._desk.note("notice", said, event.parcel)

    def _tell_parcel_that_it_left(self, parcel: ParcelState, event: ParcelEvent) -> None:
        parcel.status = event.status
        if parcel.undoing:
            return  # the undo looks at its end
        for saga in self._confirmation.parcels:
            if saga.parcel is parcel:
                saga.own_up()

    @workflow.signal(name="payment_event", description="The payment company reports a change")
    @never_fails
    def on_payment_event(self, event: PaymentEvent) -> None:
        """Wake whoever waits for the shopper; the payment itself is always looked up, never believed."""
        self._confirmation.payment_moved()
        self._desk.note("payment_event", f"{event.source}: {event.kind}", event.parcel)

    @workflow.update(name="place_hold", description="Keep the order from being handed off")
    def on_place_hold(self, hold: HoldRequest) -> OrderView:
        """Place a typed hold; several may be in force."""
        self._state.holds[hold.kind] = hold
        self._desk.note("hold", f"{hold.by} placed hold {hold.kind}: {hold.reason}")
        return self.order_state()

    @on_place_hold.validator
    def _may_hold(self, hold: HoldRequest) -> None:
        _not_empty(hold)
        if any(parcel.handed_off for parcel in self._state.parcels) or self._state.closed_as:
            raise ApplicationError("too late for a hold: a parcel is handed off; cancel instead", type="customer")

    @workflow.update(name="release_hold", description="Release a hold of the same kind")
    def on_release_hold(self, hold: HoldRequest) -> OrderView:
        """Release a hold; releasing one that is not in force changes nothing."""
        if self._state.holds.pop(hold.kind, None) is not None:
            self._desk.note("release", f"{hold.by} released hold {hold.kind}: {hold.reason}")
        return self.order_state()

    @on_release_hold.validator
    def _takes_one_hold(self, hold: HoldRequest) -> None:
        """Fewer or more inputs are refused."""
        _not_empty(hold)

    @workflow.update(name="resolve_attention", description="Answer a parked question")
    async def on_resolve_attention(self, resolution: Resolution) -> AttentionItem:
        """Take a person's choice; lists show it before the person is answered."""
        answered = self._desk.resolve(resolution)
        await self._desk.publish()
        return answered

    @on_resolve_attention.validator
    def _may_resolve(self, resolution: Resolution) -> None:
        _not_empty(resolution)
        item = self._state.attention.get(resolution.item_id)
        if item is None or item.resolved is not None:
            raise ApplicationError(f"no open question is named {resolution.item_id!r}", type="operator")
        if resolution.choice not in item.choices:
            choices = ", ".join(item.choices)
            raise ApplicationError(f"choice {resolution.choice!r} is not one of: {choices}", type="operator")

    @workflow.query(description="The order as its saga sees it")
    def order_state(self) -> OrderView:
        """Status, parcels, holds, attention, next deadline."""
        return self._state.view(self._desk.deadline)

    @workflow.query(description="The order's story so far")
    def timeline(self) -> list[JournalEntry]:
        """Everything that happened, oldest first."""
        return self._state.entries

    @workflow.query(description="Where the order is, why, and what comes next, in plain words")
    def explain(self) -> str:
        """For people on the phone with a shopper."""
        return presentation.explain(self._state, self._desk.deadline)


def _not_empty(asked: object) -> None:
    """JSON's null passes every type hint; behind the validator it would fail the workflow task."""
    if asked is None:
        raise ApplicationError("the input is empty", type="customer")

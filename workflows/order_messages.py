"""What running orders are told and asked: the handlers of signals, updates and queries. None of them ever fails."""

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from ordersaga.domain.journal import AttentionItem, JournalEntry
from ordersaga.domain.lattices import goods_left
from ordersaga.domain.orders import ADDRESS_AWAITED, Order
from ordersaga.domain.shipping import ParcelEvent, PaymentEvent
from workflows import offers
from workflows.cancel_parts import units_left
from workflows.cancellation import Cancellations
from workflows.confirmation import Confirmation
from workflows.desk import Desk
from workflows.doors import check_answer, never_fails, not_empty
from workflows.explanation import explain as explain_in_words
from workflows.journeys import Journeys
from workflows.messages import CancelAnswer, CancelRequest, ConfirmAnswer, HoldRequest, OrderView, Resolution
from workflows.news import hear
from workflows.on_record import answered_on_record, in_first_task, on_record
from workflows.order_state import OrderState, ParcelState

TELL_FORMER = "tell-former-address"
OUTDATED = "canceling now would not come to what the preview said; look at a new preview"


class OrderMessages:
    """The doors of an order. They only change its state; the saga, waiting on that state, goes on by itself."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._state = OrderState(order, holds=_holds(order))
        self._desk = Desk(self._state)
        self._journeys = Journeys(self._desk)
        self._confirmation = Confirmation(self._desk, self._journeys)
        self._cancellations = Cancellations(self._desk, self._journeys)

    def ignore(self, what: str, parcel: int = 0) -> None:
        """Note a message that changes nothing."""
        self._desk.note("ignored", what, parcel)

    @workflow.update(name="confirm", description="Wait for the checkout's answer")
    async def on_confirm(self) -> ConfirmAnswer:
        """Answer the checkout as soon as the outcome is known."""
        return await (self._confirmation.answer() if in_first_task() else self._confirmed_later())

    @answered_on_record
    async def _confirmed_later(self) -> ConfirmAnswer:
        return await self._confirmation.answer()

    @workflow.update(name="cancel", description="Cancel the order, or some units of it, and hear what became of it")
    @answered_on_record
    async def on_cancel(self, asked: CancelRequest | None = None) -> CancelAnswer:
        """Cancel, and answer truthfully."""
        asked = asked or CancelRequest(by="update")
        await on_record()
        self._check_foretold(asked)
        return await self._cancellations.answer(self._cancellations.request(asked))

    @on_cancel.validator
    def _may_cancel(self, asked: CancelRequest | None = None) -> None:
        """More inputs are refused, units that the order has not, and what would not come to what was foretold."""
        if asked is not None and not self._cancellations.knows(asked):
            self._check_units(asked)
            self._check_foretold(asked)

    def _check_foretold(self, asked: CancelRequest) -> None:
        if asked.digest is None or self._cancellations.knows(asked):
            return
        now = self._cancellations.preview(asked)
        if now.digest_for(asked.lines) != asked.digest:
            raise ApplicationError(f"nothing was done: {OUTDATED}", type="preview_outdated")

    def _check_units(self, asked: CancelRequest) -> None:
        left = units_left(self._state)
        for number, line in enumerate(asked.lines):
            if line.quantity > left[line.sku]:
                told = f"the order has {left[line.sku]} of {line.sku} left to cancel, not {line.quantity}"
                raise ApplicationError(f"lines[{number}]: {told}; ask for fewer", type="customer")
            left[line.sku] -= line.quantity

    @workflow.signal(name="request_cancel", description="Cancel the order, without waiting for the answer")
    @never_fails
    def on_request_cancel(self, asked: CancelRequest | None = None) -> None:
        """Cancel, fire and forget; the input is optional so that a bare signal works."""
        self._cancellations.request(asked or CancelRequest(by="signal"))

    @workflow.query(description="What canceling now would undo, cost and give back; nothing is done")
    def preview_cancel(self, asked: CancelRequest | None = None) -> CancelAnswer:
        """The answer of `cancel`, as far as it can be known without asking anybody."""
        return self._cancellations.preview(asked or CancelRequest())

    @workflow.signal(name="parcel_event", description="A provider or carrier reports about a parcel")
    @never_fails
    def on_parcel_event(self, event: ParcelEvent) -> None:
        """Pass a report through the status lattice: applied, ignored as older, or noted as a conflict."""
        parcel = next((p for p in self._state.parcels if p.plan.parcel == event.parcel), None)
        if parcel is not None and event.notice is not None:
            self._noticed(event)
            return
        if parcel is not None and event.generation in parcel.taken_back:
            self._heard_of_old_one(parcel, event)
            return
        if parcel is not None and parcel.set_aside_as(event.generation):
            self._journeys.saga_of(event.parcel).set_aside.hear(event)
            return
        if parcel is None or not parcel.known_as(event.generation):
            self.ignore(f"{event.source} reports {event.status} for an unknown parcel", event.parcel)
            return
        if hear(self._desk, parcel, event):
            self._journeys.saga_of(event.parcel).own_up()

    def _heard_of_old_one(self, parcel: ParcelState, event: ParcelEvent) -> None:
        """What was taken back for a change is reported about: it should be gone."""
        said = f"{event.source}: {event.status}, about a hand-off that was taken back"
        if not goods_left(event.status):
            self.ignore(said, event.parcel)
            return
        self._desk.note("conflict", said, event.parcel)
        if event.generation in parcel.left_twice:
            return
        parcel.left_twice.add(event.generation)
        question = (
            f"Parcel {event.parcel} was taken back from its provider, yet that hand-off left. Stop the second one?"
        )
        self._desk.errand(self._tell_person("left_twice", question, event.parcel))

    def _noticed(self, event: ParcelEvent) -> None:
        """News of the label, not of the parcel; the relay has written it down, a person hears what costs money."""
        if event.notice == "void_rejected":
            question = f"The label of parcel {event.parcel} was voided, and is not refunded: claim it from the carrier."
            self._desk.errand(self._tell_person("void_rejected", question, event.parcel))

    async def _tell_person(self, kind: str, question: str, parcel: int) -> None:
        await self._desk.park(kind, question, ("noted",), parcel)

    @workflow.signal(name="payment_event", description="The payment company reports a change")
    @never_fails
    def on_payment_event(self, event: PaymentEvent) -> None:
        """Wake whoever waits for the shopper; the payment itself is always looked up, never believed."""
        self._confirmation.payment_moved()
        self._desk.note("payment_event", f"{event.source}: {event.kind}", event.parcel)

    @workflow.update(name="place_hold", description="Keep the order from being handed off")
    @answered_on_record
    async def on_place_hold(self, hold: HoldRequest) -> OrderView:
        """Place a typed hold; several may be in force."""
        self._state.holds[hold.kind] = hold
        self._desk.note("hold", f"{hold.by} placed hold {hold.kind}: {hold.reason}")
        await self._desk.publish()
        return self.order_state()

    @on_place_hold.validator
    def _may_hold(self, hold: HoldRequest) -> None:
        not_empty(hold)
        if self._journeys.departed or self._state.closed_as:
            raise ApplicationError("too late for a hold: the hand-off has begun; cancel instead", type="customer")

    @workflow.update(name="release_hold", description="Release a hold of the same kind")
    @answered_on_record
    async def on_release_hold(self, hold: HoldRequest) -> OrderView:
        """Release a hold."""
        self._state.holds.pop(hold.kind, None)
        self._desk.note("release", f"{hold.by} released hold {hold.kind}: {hold.reason}")
        await self._desk.publish()
        return self.order_state()

    @on_release_hold.validator
    def _is_held(self, hold: HoldRequest) -> None:
        """Fewer or more inputs are refused, and a hold that is not in force."""
        not_empty(hold)
        if hold.kind == ADDRESS_AWAITED and self._state.order.address_awaited:
            raise ApplicationError("nobody knows yet where it goes: give the address instead", type="customer")
        if hold.kind not in self._state.holds:
            held = ", ".join(sorted(self._state.holds)) or "none"
            raise ApplicationError(f"no hold {hold.kind!r} is in force; in force: {held}", type="customer")

    @workflow.update(name="resolve_attention", description="Answer a parked question")
    @answered_on_record
    async def on_resolve_attention(self, resolution: Resolution) -> AttentionItem:
        """Take a person's choice; lists show it before the person is answered."""
        await on_record()
        self._may_resolve(resolution)
        answered = self._desk.resolve(resolution)
        if resolution.choice == "ship_to_former" and answered.parcel:
            self._journeys.saga_of(answered.parcel).parcel.tells_former = workflow.patched(TELL_FORMER)
        await self._desk.publish()
        return answered

    @on_resolve_attention.validator
    def _may_resolve(self, resolution: Resolution) -> None:
        check_answer(self._state.attention, resolution)

    @workflow.query(description="The order as its saga sees it")
    def order_state(self) -> OrderView:
        """Status, parcels, holds, attention, next deadline, and what may be asked of it."""
        late = self._cancellations.preview(CancelRequest()).outcome == "too_late"
        journeys, charged = self._journeys, self._may_charge_again
        asked = offers.possible(self._state, too_late=late, departed=journeys.departed, charged_again=charged)
        return self._state.view(self._desk.deadline, asked)

    def _may_charge_again(self, parcel: ParcelState) -> bool:
        saved = self._journeys.saga_of(parcel.plan.parcel).payments.customer
        return (saved or self._state.order.payment.customer) is not None

    @workflow.query(description="The order's story so far")
    def timeline(self) -> list[JournalEntry]:
        """Everything that happened, oldest first."""
        return self._state.entries

    @workflow.query(description="Where the order is, why, and what comes next, in plain words")
    def explain(self) -> str:
        """For people on the phone with a shopper."""
        return explain_in_words(self._state, self._desk.deadline)


def _holds(order: Order) -> dict[str, HoldRequest]:
    """What keeps an order back from its beginning."""
    if not order.address_awaited:
        return {}
    reason = "where it goes is not told yet"
    return {ADDRESS_AWAITED: HoldRequest(kind=ADDRESS_AWAITED, by=order.channel, reason=reason)}

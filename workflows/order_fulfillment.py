"""One order, from checkout to closed books. Start reading at `run`."""

import asyncio
from collections.abc import Awaitable, Sequence
from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.inventory import Inventory
    from activities.journal import Journal
    from ordersaga.domain.journal import AttentionItem, JournalEntry
    from ordersaga.domain.lattices import Verdict, judge
    from ordersaga.domain.orders import CapturePolicy, Order
    from ordersaga.domain.payments import NextAction, PaymentStatus
    from ordersaga.domain.shipping import ParcelEvent, PaymentEvent
    from ordersaga.domain.statuses import ConfirmOutcome, ParcelStatus

from temporalio.exceptions import ApplicationError

from workflows import cancellation, presentation
from workflows.activity_policies import StepFailedError, in_task
from workflows.desk import Desk
from workflows.messages import (
    CancelAnswer,
    CancelRequest,
    ConfirmAnswer,
    HoldRequest,
    OrderResult,
    OrderView,
    Resolution,
)
from workflows.order_state import OrderState, ParcelState
from workflows.parcels import ParcelSaga

HOLD_REVIEW = timedelta(days=1)


@workflow.defn
class OrderFulfillment:
    """The durable saga of one order; workflow id `order-{order_id}`."""

    @workflow.init
    def __init__(self, order: Order) -> None:
        self._order = order
        self._state = OrderState(order)
        self._desk = Desk(self._state)
        self._parcels: list[ParcelSaga] = []
        self._answer: ConfirmAnswer | None = None
        self._payment_news = 0

    @workflow.run
    async def run(self, order: Order) -> OrderResult:
        """The whole life; a raw Temporal cancellation is taken as a request to cancel, never as an abort."""
        life = asyncio.create_task(self._live())
        try:
            return await asyncio.shield(life)
        except asyncio.CancelledError:
            if workflow.cancellation_reason() is None:
                raise
            reason = workflow.cancellation_reason() or "no reason given"
            cancellation.request(self._desk, CancelRequest(by="temporal", reason=reason))
            return await asyncio.shield(life)

    async def _live(self) -> OrderResult:
        await self.confirm()
        if self._state.confirmed:
            await self.clear()
            await self.ship_every_parcel()
            await self.see_it_delivered()
        return await self.close()

    # ---- the business steps ----------------------------------------------------------------------------------

    async def confirm(self) -> None:
        """Hold stock, authorize payment, answer the waiting checkout; any refusal undoes everything."""
        try:
            await self._hold_stock()
            await self._authorize_payment()
            await self._capture_if_promised()
        except StepFailedError as refusal:
            await self._undo_everything(refusal)
            return
        self._state.note("confirmed", "stock held and payment authorized")
        self._tell(ConfirmOutcome.CONFIRMED)

    async def clear(self) -> None:
        """Wait out what forbids hand-off; it waits for the last hold, or for a cancellation."""
        delay = self._order.placed_at + self._order.terms.hand_off_delay
        if workflow.now() < delay:
            await self._desk.publish()
            await self._desk.until(lambda: self._desk.cancel_wanted, delay, "the channel's grace period")
        while self._state.holds and not self._desk.cancel_wanted:
            await self._desk.publish()
            kinds = ", ".join(sorted(self._state.holds))
            await self._desk.until(self._cleared, workflow.now() + HOLD_REVIEW, f"the release of holds: {kinds}")

    async def ship_every_parcel(self) -> None:
        """Each parcel on its own way to the carrier's first scan; one that fails is undone without the others."""
        shipping = [asyncio.create_task(parcel.ship()) for parcel in self._parcels]
        await asyncio.sleep(0)  # let every hand-off begin, so that the status written below is already true
        await self._desk.publish()
        await asyncio.gather(*shipping)

    async def see_it_delivered(self) -> None:
        """Follow what shipped to its end."""
        await asyncio.gather(*(parcel.see_delivered() for parcel in self._parcels))

    async def close(self) -> OrderResult:
        """Close only when the books balance and nobody is still being asked; then answer everyone who waits."""
        while self._state.open_attention:
            await self._desk.publish()
            again = workflow.now() + HOLD_REVIEW
            await self._desk.until(lambda: not self._state.open_attention, again, "answers to open questions")
        while not await self._closed():
            pass
        presentation.upsert(self._state)
        self._desk.show()
        await workflow.wait_condition(workflow.all_handlers_finished)
        return self._state.result()

    # ---- confirm, in detail ----------------------------------------------------------------------------------

    async def _hold_stock(self) -> None:
        held = await in_task(Inventory.hold_stock, self._order, "Hold stock")
        if not held.parcels:
            raise StepFailedError("customer", "sold_out", "no stock is left for this order")
        self._state.parcels = [ParcelState(plan) for plan in held.parcels]
        self._parcels = [ParcelSaga(self._desk, parcel) for parcel in self._state.parcels]
        self._state.note("held", f"stock held in {len(held.parcels)} parcel(s)")
        self._check_not_canceled()

    async def _authorize_payment(self) -> None:
        """The first parcel's authorization may challenge the shopper, once; the others follow without one."""
        first, *others = (parcel.payments for parcel in self._parcels)
        asked = await first.authorize(customer=None, off_session=False, save_for_later=bool(others))
        if asked.status is PaymentStatus.REQUIRES_ACTION:
            await self._wait_for_shopper(asked.next_action)
        self._check_not_canceled()
        following = [p.authorize(customer=first.customer, off_session=True, save_for_later=False) for p in others]
        await _all_or_first_failure(following)
        self._check_not_canceled()

    async def _wait_for_shopper(self, action: NextAction | None) -> None:
        """The hold waits a bounded time for the shopper to finish; messages may be lost, so it also looks itself."""
        self._state.note("action_required", "the shopper has one more step to pay")
        self._tell(ConfirmOutcome.ACTION_REQUIRED, action)
        await self._desk.publish()
        started, window = workflow.now(), self._order.terms.payment_window
        for look in (1, 2, 3):
            deadline = started + window * look / 3
            await self._desk.until(self._payment_moved, deadline, "the shopper's payment step")
            self._check_not_canceled()
            self._payment_news = 0
            if await self._authorized_by_shopper():
                return
        raise StepFailedError("declined", "payment_abandoned", "the shopper did not finish paying in time")

    async def _authorized_by_shopper(self) -> bool:
        found = await self._parcels[0].payments.refresh_authorization()
        return found.status is PaymentStatus.AUTHORIZED

    async def _capture_if_promised(self) -> None:
        if self._order.terms.capture is CapturePolicy.AT_CONFIRMATION:
            await _all_or_first_failure([p.payments.capture_at_confirmation() for p in self._parcels])

    async def _undo_everything(self, refusal: StepFailedError) -> None:
        for parcel in self._parcels:
            await parcel.undone(refusal)
        self._state.reason = refusal.code
        self._state.note("refused", f"{refusal.code}: {refusal.message}")
        self._tell(_OUTCOMES.get(refusal.code, _BY_KIND.get(refusal.kind, ConfirmOutcome.REJECTED)))

    def _tell(self, outcome: ConfirmOutcome, action: NextAction | None = None) -> None:
        """Set the answer every waiting checkout gets."""
        self._state.outcome = outcome
        self._answer = ConfirmAnswer(
            order_id=self._order.order_id,
            outcome=outcome,
            status=self._state.status if self._state.confirmed or action else self._state.final_status(),
            reason=self._state.reason,
            next_action=action,
            parcels=len(self._parcels),
            ship_by=self._order.ship_by,
        )

    def _check_not_canceled(self) -> None:
        cancel = self._state.cancel
        if cancel is not None:
            raise StepFailedError("customer", "canceled", f"canceled by {cancel.by}: {cancel.reason}")

    def _payment_moved(self) -> bool:
        return self._payment_news > 0 or self._desk.cancel_wanted

    def _cleared(self) -> bool:
        return not self._state.holds or self._desk.cancel_wanted

    async def _closed(self) -> bool:
        """Try to close; when the books differ, a person looks. True when closed."""
        self._state.closed_as = self._state.final_status()
        self._state.note("closed", f"closed as {self._state.closed_as}")
        update = self._state.to_record()
        differences = (await in_task(Journal.close, update, "Check the books and close")).differences if update else ()
        if not differences:
            return True
        self._state.closed_as = None
        question = f"The books do not balance: {'; '.join(differences)}. Repair them, then check again."
        await self._desk.park("books_differ", question, ("recheck",))
        return False

    # ---- messages --------------------------------------------------------------------------------------------

    @workflow.update(name="confirm", description="Wait for the checkout's answer")
    async def on_confirm(self) -> ConfirmAnswer:
        """Answer the checkout as soon as the outcome is known."""
        await workflow.wait_condition(lambda: self._answer is not None)
        assert self._answer is not None
        return self._answer

    @workflow.update(name="cancel", description="Cancel the order and hear what became of it")
    async def on_cancel(self, asked: CancelRequest) -> CancelAnswer:
        """Cancel, and answer truthfully."""
        cancellation.request(self._desk, asked)
        return await cancellation.answer(self._desk)

    @workflow.signal(name="request_cancel", description="Cancel the order, without waiting for the answer")
    def on_request_cancel(self, asked: CancelRequest | None = None) -> None:
        """Cancel, fire and forget; the input is optional so that a bare signal works."""
        cancellation.request(self._desk, asked or CancelRequest(by="signal"))

    @workflow.signal(name="parcel_event", description="A provider or carrier reports about a parcel")
    def on_parcel_event(self, event: ParcelEvent) -> None:
        """Pass a report through the status lattice: applied, ignored as older, or noted as a conflict."""
        parcel = next((p for p in self._state.parcels if p.plan.parcel == event.parcel), None)
        if parcel is None or event.generation != parcel.generation:
            self._desk.note("ignored", f"{event.source} reports {event.status} for an unknown parcel", event.parcel)
            return
        verdict = judge(ParcelStatus.CANCELED if parcel.undone else parcel.status, event.status)
        self._heard(parcel, event, verdict)

    def _heard(self, parcel: ParcelState, event: ParcelEvent, verdict: Verdict) -> None:
        if verdict is Verdict.OLDER:
            return
        said = f"{event.source}: {event.status}" + (f" ({event.detail})" if event.detail else "")
        if verdict is Verdict.CONFLICT:
            self._desk.note("conflict", f"{said}, which contradicts {parcel.view().status}", event.parcel)
            if parcel.undone and event.status is ParcelStatus.IN_TRANSIT:
                question = f"Parcel {event.parcel} was canceled, but {event.source} says it shipped."
                self._desk.flag("shipped_after_cancel", question, ("acknowledge",), event.parcel)
            return
        parcel.status, parcel.problem = event.status, event.detail
        parcel.carrier = event.carrier or parcel.carrier
        parcel.tracking_number = event.tracking_number or parcel.tracking_number
        self._desk.note(event.status.value, said, event.parcel)

    @workflow.signal(name="payment_event", description="The payment company reports a change")
    def on_payment_event(self, event: PaymentEvent) -> None:
        """Wake whoever waits for the shopper; the payment itself is always looked up, never believed."""
        self._payment_news += 1
        self._desk.note("payment_event", f"{event.source}: {event.kind}", event.parcel)

    @workflow.update(name="place_hold", description="Keep the order from being handed off")
    def on_place_hold(self, hold: HoldRequest) -> OrderView:
        """Place a typed hold; several may be in force."""
        self._state.holds[hold.kind] = hold
        self._desk.note("hold", f"{hold.by} placed hold {hold.kind}: {hold.reason}")
        return self.order_state()

    @on_place_hold.validator
    def _may_hold(self, hold: HoldRequest) -> None:
        if any(parcel.handed_off for parcel in self._state.parcels) or self._state.closed_as:
            raise ApplicationError("too late for a hold: a parcel is handed off; cancel instead", type="customer")

    @workflow.update(name="release_hold", description="Release a hold of the same kind")
    def on_release_hold(self, hold: HoldRequest) -> OrderView:
        """Release a hold; releasing one that is not in force changes nothing."""
        if self._state.holds.pop(hold.kind, None) is not None:
            self._desk.note("release", f"{hold.by} released hold {hold.kind}: {hold.reason}")
        return self.order_state()

    @workflow.update(name="resolve_attention", description="Answer a parked question")
    def on_resolve_attention(self, resolution: Resolution) -> AttentionItem:
        """Take a person's choice."""
        return self._desk.resolve(resolution)

    @on_resolve_attention.validator
    def _may_resolve(self, resolution: Resolution) -> None:
        item = self._state.attention.get(resolution.item_id)
        if item is None or item.resolved is not None:
            raise ApplicationError(f"no open question is named {resolution.item_id!r}", type="operator")
        if resolution.choice not in item.choices:
            choices = ", ".join(item.choices)
            raise ApplicationError(f"choice {resolution.choice!r} is not one of: {choices}", type="operator")

    @workflow.query(description="The order as its saga sees it")
    def order_state(self) -> OrderView:
        """Status, parcels, holds, attention, next deadline."""
        return self._state.view(self._desk.alarm.next_deadline)

    @workflow.query(description="The order's story so far")
    def timeline(self) -> list[JournalEntry]:
        """Everything that happened, oldest first."""
        return self._state.entries

    @workflow.query(description="Where the order is, why, and what comes next, in plain words")
    def explain(self) -> str:
        """For people on the phone with a shopper."""
        return presentation.explain(self._state, self._desk.alarm.next_deadline)


_OUTCOMES = {"sold_out": ConfirmOutcome.SOLD_OUT, "canceled": ConfirmOutcome.CANCELED}
_BY_KIND = {"declined": ConfirmOutcome.DECLINED}


async def _all_or_first_failure(steps: Sequence[Awaitable[object]]) -> None:
    """Await every step to its end, so that nothing is in flight when the first failure is raised."""
    outcomes = await asyncio.gather(*steps, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome

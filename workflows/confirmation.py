"""The first step of an order: hold stock, authorize payment, answer the checkout; any refusal undoes everything."""

import asyncio
from collections.abc import Awaitable, Sequence
from datetime import datetime, timedelta

from temporalio import workflow

from activities.inventory import Inventory
from ordersaga.domain.exchanges import EXCHANGE_CHANNEL
from ordersaga.domain.orders import CapturePolicy
from ordersaga.domain.payments import NextAction, PaymentStatus
from ordersaga.domain.statuses import ConfirmOutcome
from workflows.activity_policies import StepFailedError, in_task
from workflows.desk import Desk
from workflows.journeys import Journeys
from workflows.messages import ConfirmAnswer
from workflows.order_state import ParcelState
from workflows.parcels import ParcelSaga

RESERVATION_LASTS = timedelta(days=4)
"""An order that may wait longer than this (Visa, merchant-initiated: 4 days 18 hours) needs a card it may ask again."""


class Confirmation:
    """Brings an order to its confirmation, and keeps the answer for whoever waits for it."""

    def __init__(self, desk: Desk, journeys: Journeys) -> None:
        self._journeys = journeys
        self._desk = desk
        self._state = desk.state
        self._order = desk.state.order
        self._answer: ConfirmAnswer | None = None
        self._news = False

    @property
    def parcels(self) -> list[ParcelSaga]:
        """The parcels the order was cut into."""
        return self._journeys.parcels

    async def answer(self) -> ConfirmAnswer:
        """What the checkout is told, as soon as it is known; every step before it has its own deadline."""
        await workflow.wait_condition(lambda: self._answer is not None)
        assert self._answer is not None, "the condition above"
        return self._answer

    def payment_moved(self) -> None:
        """The payment company said that something changed."""
        self._news = True

    async def run(self) -> None:
        """Hold, authorize, capture if promised; afterwards the order is confirmed, or nothing of it is left."""
        try:
            await self._hold_stock()
            await self._authorize_payment()
            await self._capture_if_promised()
        except StepFailedError as refusal:
            given_up = refusal.kind == "given_up" and self._desk.cancel_wanted
            await self._undo_everything(self._desk.canceled() if given_up else refusal)
            return
        self._state.note("confirmed", "stock held and payment authorized")
        self._tell(ConfirmOutcome.CONFIRMED)

    async def _hold_stock(self) -> None:
        held = await in_task(Inventory.hold_stock, self._order, "Hold stock")
        if not held.parcels:
            raise StepFailedError("customer", "sold_out", "no stock is left for this order")
        for plan in held.parcels:
            self._journeys.join(ParcelState(plan))
        self._state.note("held", f"stock held in {len(held.parcels)} parcel(s)")
        self._check_not_canceled()

    async def _authorize_payment(self) -> None:
        """The first parcel's authorization may challenge the shopper, once; the others follow without one."""
        first, *others = (parcel.payments for parcel in self.parcels)
        save = bool(others) or self._order.terms.ship_within + self._order.terms.hand_off_delay > RESERVATION_LASTS
        alone = self._order.channel == EXCHANGE_CHANNEL  # an exchange: the shopper is not there
        asked = await first.authorize(customer=None, off_session=alone, save_for_later=save)
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
        started, window = workflow.now(), self._order.terms.payment_window
        self._state.answer_by = started + window
        try:
            await self._desk.publish()
            await self._look_until_paid([started + window * part / 3 for part in (1, 2, 3)])
        finally:
            self._state.answer_by = None

    async def _look_until_paid(self, looks: list[datetime]) -> None:
        while looks:
            if not await self._desk.until(self._moved, looks[0], "the shopper's payment step"):
                del looks[0]
            self._check_not_canceled()
            self._news = False
            if await self._authorized_by_shopper():
                return
        raise StepFailedError("declined", "payment_abandoned", "the shopper did not finish paying in time")

    async def _authorized_by_shopper(self) -> bool:
        found = await self.parcels[0].payments.refresh_authorization()
        return found.status is PaymentStatus.AUTHORIZED

    async def _capture_if_promised(self) -> None:
        if self._order.terms.capture is CapturePolicy.AT_CONFIRMATION:
            await _all_or_first_failure([p.payments.capture_at_confirmation() for p in self.parcels])

    async def _undo_everything(self, refusal: StepFailedError) -> None:
        """The checkout is told first: it does not wait for a company that is slow to undo."""
        self._state.reason = refusal.code
        self._state.note("refused", f"{refusal.code}: {refusal.message}")
        self._tell(_OUTCOMES.get(refusal.code, _BY_KIND.get(refusal.kind, ConfirmOutcome.REJECTED)))
        for parcel in self.parcels:
            await parcel.undone(refusal)

    def _tell(self, outcome: ConfirmOutcome, action: NextAction | None = None) -> None:
        """Set the answer every waiting checkout gets."""
        self._state.outcome = outcome
        self._answer = ConfirmAnswer(
            order_id=self._order.order_id,
            outcome=outcome,
            status=self._state.status if self._state.confirmed or action else self._state.final_status(),
            reason=self._state.reason,
            next_action=action,
            parcels=len(self.parcels),
            ship_by=self._order.ship_by,
        )

    def _check_not_canceled(self) -> None:
        if self._desk.cancel_wanted:
            raise self._desk.canceled()

    def _moved(self) -> bool:
        return self._news or self._desk.cancel_wanted


_OUTCOMES = {"sold_out": ConfirmOutcome.SOLD_OUT, "canceled": ConfirmOutcome.CANCELED}
_BY_KIND = {"declined": ConfirmOutcome.DECLINED}


async def _all_or_first_failure(steps: Sequence[Awaitable[object]]) -> None:
    """Await every step to its end, so that nothing is in flight when the first failure is raised."""
    outcomes = await asyncio.gather(*steps, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome

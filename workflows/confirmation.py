"""The first step of an order: hold stock, authorize payment, answer the checkout; any refusal undoes everything."""

import asyncio
from collections.abc import Awaitable, Iterator, Sequence
from datetime import datetime, timedelta

from temporalio import workflow

from activities.inventory import Inventory
from activities.payments import RECEIVED, AuthorizationResult
from ordersaga.domain.orders import CapturePolicy, Order
from ordersaga.domain.payments import LINK_LIVES, NextAction, PayLink, PaymentStatus
from ordersaga.domain.statuses import ConfirmOutcome
from workflows.activity_policies import StepFailedError, in_task
from workflows.desk import Desk
from workflows.journeys import Journeys
from workflows.marketplace import canceled_there
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
        for parcel in self.parcels:
            parcel.payments.moved()

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
        self._state.moves, self._state.set_aside_at = held.moves, held.set_aside_at
        self._state.short_picks = held.short_picks
        for plan in held.parcels:
            self._journeys.join(ParcelState(plan))
        self._state.note("held", f"stock held in {len(held.parcels)} parcel(s)")
        self._check_not_canceled()

    async def _authorize_payment(self) -> None:
        """The first parcel's authorization may challenge the shopper, once; the others follow without one."""
        if self._order.payment.collected_by is not None:
            await _all_or_first_failure([parcel.payments.collected() for parcel in self.parcels])
            return
        first, *others = (parcel.payments for parcel in self.parcels)
        can, terms = self._order.payment.can, self._order.terms
        if others and not can.several_parcels:
            raise _needs_another_way(self._order, len(self.parcels))
        save = can.several_parcels and (bool(others) or terms.ship_within + terms.hand_off_delay > RESERVATION_LASTS)
        alone = self._order.exchange_of is not None  # the shopper is not there to answer a bank's challenge
        asked = await first.authorize(customer=None, off_session=alone, save_for_later=save, link=self._link())
        if asked.status is PaymentStatus.REQUIRES_ACTION:
            asked = await self._wait_for_shopper(asked.next_action)
        if asked.status is PaymentStatus.PROCESSING:
            await self._wait_for_bank()
        self._check_not_canceled()
        following = [
            p.authorize(customer=first.customer, off_session=True, save_for_later=False, method=first.method)
            for p in others
        ]
        await _all_or_first_failure(following)
        self._check_not_canceled()

    def _link(self) -> PayLink | None:
        """The page the shopper pays on, if that is how; it must not outlive our wait for long."""
        url = self._order.payment.return_url
        if not self._order.payment.pay_link or url is None:
            return None
        least, _ = LINK_LIVES
        return PayLink(expires_at=workflow.now() + max(self._window, least), return_url=url)

    @property
    def _window(self) -> timedelta:
        """How long the shopper has for a step of theirs."""
        _, most = LINK_LIVES
        window = self._order.terms.payment_window
        return min(window, most) if self._order.payment.pay_link else window

    async def _wait_for_shopper(self, action: NextAction | None) -> AuthorizationResult:
        """The hold waits a bounded time for the shopper to finish; messages may be lost, so it also looks itself."""
        self._state.note("action_required", "the shopper has one more step to pay")
        self._tell(ConfirmOutcome.ACTION_REQUIRED, action)
        enough = (*RECEIVED, PaymentStatus.PROCESSING) if self._order.payment.can.slow else RECEIVED
        looks = [workflow.now() + self._window * part / 3 for part in (1, 2, 3)]
        asked = await self._looked(looks, enough, "the shopper's payment step")
        if asked is None:
            raise StepFailedError("declined", "payment_abandoned", "the shopper did not finish paying in time")
        return asked

    async def _wait_for_bank(self) -> None:
        """The shopper has done everything; a bounded time the stock is held for the bank that confirms later."""
        self._state.note("payment_pending", "the bank confirms the payment later; nothing ships before")
        self._tell(ConfirmOutcome.PAYMENT_PENDING)
        until = workflow.now() + self._order.terms.slow_payment_window
        looks = [*_daily(workflow.now(), until), until]
        if await self._looked(looks, RECEIVED, "the bank's word on the payment") is None:
            raise StepFailedError("declined", "payment_not_confirmed", "the bank did not confirm the payment in time")

    async def _looked(
        self, looks: list[datetime], enough: tuple[PaymentStatus, ...], what: str
    ) -> AuthorizationResult | None:
        """Look at every message, and at these moments, until the payment stands as is enough; None: it never did."""
        self._state.answer_by = looks[-1]
        try:
            await self._desk.publish()
            while looks:
                if not await self._desk.until(self._moved, looks[0], what):
                    del looks[0]
                self._check_not_canceled()
                self._news = False
                found = await self.parcels[0].payments.refresh_authorization()
                if found.status in enough:
                    return found
        finally:
            self._state.answer_by = None
        return None

    async def _capture_if_promised(self) -> None:
        if self._order.terms.capture is CapturePolicy.AT_CONFIRMATION:
            await _all_or_first_failure([p.payments.capture_at_confirmation() for p in self.parcels])

    async def _undo_everything(self, refusal: StepFailedError) -> None:
        """The checkout is told first: it does not wait for a company that is slow to undo."""
        self._state.reason = refusal.code
        self._state.note("refused", f"{refusal.code}: {refusal.message}")
        self._tell(_OUTCOMES.get(refusal.code, _BY_KIND.get(refusal.kind, ConfirmOutcome.REJECTED)))
        for parcel in self.parcels:
            parcel.may_be_paid()
            await parcel.undone(refusal)
        if not self.parcels:
            await canceled_there(self._desk, refusal.code)

    def _tell(self, outcome: ConfirmOutcome, action: NextAction | None = None) -> None:
        """Set the answer every waiting checkout gets."""
        self._state.outcome = outcome
        self._answer = ConfirmAnswer(
            order_id=self._order.order_id,
            outcome=outcome,
            status=self._state.status if self._state.confirmed or outcome in _OPEN else self._state.final_status(),
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


def _daily(begins: datetime, ends: datetime) -> Iterator[datetime]:
    day = timedelta(days=1)
    while begins + day < ends:
        begins += day
        yield begins


def _needs_another_way(order: Order, parcels: int) -> StepFailedError:
    """Each parcel has a payment of its own, and this method makes only one."""
    why = f"the order ships in {parcels} parcels, and {order.payment.type} cannot be reserved for each"
    return StepFailedError("declined", "one_parcel_only", f"{why}: a card or a pay link can")


_OUTCOMES = {"sold_out": ConfirmOutcome.SOLD_OUT, "canceled": ConfirmOutcome.CANCELED}
_OPEN = (ConfirmOutcome.ACTION_REQUIRED, ConfirmOutcome.PAYMENT_PENDING)
_BY_KIND = {"declined": ConfirmOutcome.DECLINED}


async def _all_or_first_failure(steps: Sequence[Awaitable[object]]) -> None:
    """Await every step to its end, so that nothing is in flight when the first failure is raised."""
    outcomes = await asyncio.gather(*steps, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome

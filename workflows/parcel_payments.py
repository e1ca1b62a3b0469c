"""How one parcel is paid for: reserved at confirmation, taken when its goods leave, given back when they do not."""

import asyncio
from datetime import datetime
from functools import partial

from activities.by_hand import ByHand
from activities.journal import Journal, WriteOff
from activities.payments import LAPSED, AuthorizationResult, CaptureResult, ParcelPayment, Payments, ReleaseResult
from ordersaga.domain.authorization_clock import ClockAction
from ordersaga.domain.lanes import Urgency
from ordersaga.domain.orders import Order, Payment
from ordersaga.domain.payments import PayLink, PaymentStatus
from workflows.activity_policies import StepFailedError, in_task, quick
from workflows.change import ChangeRefusedError
from workflows.desk import Desk, Stake
from workflows.late_money import LateMoney
from workflows.order_state import ParcelState
from workflows.part_refunds import PartRefunds
from workflows.payer import Payer, declined
from workflows.reservation_clock import ReservationClock
from workflows.saga import Phase, UndoPlan

_RENEWAL, _CAPTURE = ("retry", "cancel", "wait"), ("retry", "write_off")
_UNDECIDED = (PaymentStatus.REQUIRES_ACTION, PaymentStatus.PROCESSING)
NOT_THE_BANK = "no_answer"
"""The bank did not say no: the same reservation is captured again, it is never given up for a new one."""


class ParcelPayments:
    """The money steps of one parcel. One payment per parcel; a new generation only after the old one ended."""

    def __init__(self, desk: Desk, parcel: ParcelState, undo: UndoPlan) -> None:
        self.parcel = parcel
        self._desk = desk
        self._number = parcel.plan.parcel
        self._undo = undo
        self._payer = Payer(desk, parcel)
        self._payment = self._payer.payment(generation=1)
        self._clock = ReservationClock(desk, parcel, lambda: self._payer.saved)
        self._asked_buyer = False
        self._at_work = asyncio.Lock()  # one step of its money at a time
        self._promised_back = 0  # of the reservation, to the shopper: it will not be captured
        self._given_back = 0  # the generation that ended with its money given back
        self._last_generation = 1  # tried, whatever became of it
        self._parts = PartRefunds(desk, parcel)
        self._late = LateMoney(desk, parcel)

    @property
    def _order(self) -> Order:
        return self._desk.state.order

    async def authorize(
        self,
        *,
        customer: str | None,
        off_session: bool,
        save_for_later: bool,
        method: str | None = None,
        link: PayLink | None = None,
    ) -> AuthorizationResult:
        """Reserve the parcel's amount, or make the page for that; raises StepFailedError when the bank says no."""
        self._payment = self._payer.first(customer, off_session, save_for_later, method, link)
        self._undo.register(Phase.MONEY, self.give_back)
        summary = f"Authorize {self._amount()}"
        result = await quick(
            Payments.authorize,
            self._payment,
            summary,
            Urgency.URGENT,
            on_slow=self._desk.publish,
            give_up=self._stopped,
        )
        return self._judge(result)

    async def collected(self) -> None:
        """The channel's platform has the money already."""
        self._undo.register(Phase.MONEY, self.give_back)
        summary = f"Enter {self._amount()}, collected by {self._payment.collected_by}"
        self._took((await in_task(Payments.enter_collected, self._payment, summary)).captured)

    async def refresh_authorization(self) -> AuthorizationResult:
        """Ask the payment company whether the shopper has finished."""
        return self._judge(
            await quick(Payments.refresh_authorization, self._payment, "Look at the payment", Urgency.URGENT)
        )

    def _judge(self, result: AuthorizationResult) -> AuthorizationResult:
        self._payer.learn(self._payment, result)
        self._mind(result)
        if result.status is PaymentStatus.AUTHORIZED:
            self._desk.note("authorized", f"{self._amount()} authorized", self._number)
        elif result.status is PaymentStatus.CAPTURED:
            self._took(self._payment.amount)
        elif result.status not in _UNDECIDED:
            raise declined(result)
        return result

    def _mind(self, result: AuthorizationResult) -> None:
        self.parcel.authorized = result.status is PaymentStatus.AUTHORIZED
        self._clock.wind(result.capture_before)

    def moved(self) -> None:
        """The payment company said that something changed."""
        self._late.moved = True

    @property
    def customer(self) -> str | None:
        """The payment company's customer the payment method is saved for."""
        return self._payer.customer

    @property
    def method(self) -> str | None:
        """What it is paid with; None as long as the shopper has not chosen."""
        return self._payer.method

    @property
    def reserved_by(self) -> ParcelPayment:
        """The payment that holds the parcel's money now."""
        return self._payment

    @property
    def renew_at(self) -> datetime | None:
        """When something must be done to keep the money, if it is not taken before; None: it never lapses."""
        return self._clock.next_look

    async def secure(self) -> None:
        """Keep a reservation that is about to lapse from lapsing: nothing ships unpaid.

        Raises StepFailedError when the bank refuses, or when a person gives the parcel up.
        """
        action = self._clock.due
        if action is ClockAction.WAIT:
            return
        self._clock.stop()
        if action is ClockAction.CAPTURE_EARLY and (await self._collect(renew=False)).captured:
            self._desk.note("captured_early", "taken before the reservation lapsed", self._number)
        elif not await self._renewed():
            raise StepFailedError("declined", LAPSED, "the authorization lapsed and could not be renewed")

    async def _renewed(self) -> bool:
        """Renew; what keeps us from asking the bank is a person's to repair, never the shopper's loss."""
        while True:
            asked = self._payment.generation
            try:
                if not self._payer.saved:
                    self._ask_buyer()
                    raise StepFailedError("operator", "no_saved_card", "the shopper's card is not saved for renewal")
                async with self._at_work:  # the shopper may have paid anew meanwhile
                    return self._payment.generation != asked or await self._renew()
            except StepFailedError as failure:
                asks = f"{self._amount()} for parcel {self._number} is about to lapse"
                question = f"{asks} and was not renewed ({failure})."
                overtaken = partial(self._overtaken, self._payment.generation)
                choice = await self._desk.park("renewal_failed", question, _RENEWAL, self._number, overtaken)
                if choice != "retry":
                    return choice != "cancel"

    def _ask_buyer(self) -> None:
        if not self._asked_buyer:
            self._asked_buyer = True
            self._desk.note("payment_needed", "the shopper must give a payment method that may be asked", self._number)

    async def pay_with(self, payment: Payment) -> None:
        """Reserve the amount with another payment method, then give the old reservation back.

        Raises ChangeRefusedError when the bank does not reserve it at once; the old reservation then stands.
        """
        async with self._at_work:
            await self._pay_with(payment)

    async def _pay_with(self, payment: Payment) -> None:
        parcel = self.parcel
        if payment.payment_method is None:
            raise ChangeRefusedError("only a payment method can take another one's place; send one")
        if parcel.paid or parcel.undoing or parcel.undone or parcel.written_off or not parcel.plan.amount:
            raise ChangeRefusedError("nothing of it is reserved; use the other payment method for the next order")
        old = self._payment
        asked = self._payer.payment(self._next_generation(), payment.customer)
        new = asked.model_copy(update={"payment_method": payment.payment_method})
        result = await self._reserved_with(new)
        self._payment, self._payer.customer = new, result.customer or payment.customer
        self._promised_back = new.amount - parcel.plan.amount
        self._mind(result)
        await self._dropped("give the old reservation back", old)

    async def _reserved_with(self, new: ParcelPayment) -> AuthorizationResult:
        """Reserved at once, or nothing of it stays: ChangeRefusedError."""
        summary = f"Authorize {self._amount()} with another payment method"
        try:
            result = await quick(Payments.authorize, new, summary, Urgency.URGENT, give_up=self._stopped)
            if result.status is PaymentStatus.AUTHORIZED:
                return result
            why = f"the bank said {result.code or result.status}"
        except StepFailedError as failure:
            why = "the bank was not heard" if failure.kind in ("unresolved", "given_up") else failure.message
        await self._dropped("give the unfinished payment back", new)
        raise ChangeRefusedError(f"{why}; offer another payment method")

    def _stopped(self) -> bool:
        return self._desk.stop(self.parcel) is not None

    def _next_generation(self) -> int:
        """Never one that was tried before: the ledger would repeat its answer."""
        self._last_generation = max(self._last_generation, self._payment.generation) + 1
        return self._last_generation

    async def _dropped(self, name: str, payment: ParcelPayment) -> None:
        """Give back a payment that is not the parcel's any more; ends when it is done, here or by a person's hand."""
        here, by_hand = partial(self._drop, payment), partial(self._drop_by_hand, payment)
        await self._desk.insist(name, here, self._number, by_hand, payment.amount)

    async def _drop_by_hand(self, payment: ParcelPayment) -> None:
        await in_task(ByHand.released_by_hand, payment, f"Enter generation {payment.generation} given back by hand")

    async def _drop(self, payment: ParcelPayment) -> None:
        if self._given_back != payment.generation:
            await quick(Payments.release, payment, f"Give back generation {payment.generation}", Urgency.UNDO)

    async def reduce(self, by: int) -> tuple[int, int]:
        """The shopper buys less: (released from the reservation, refunded) minor units; 0 where nothing is."""
        if self.parcel.paid:
            return 0, await self._parts.give(by, "canceled", self._payment.generation)
        by = 0 if self._nothing_reserved else by
        self._promised_back += by
        self.parcel.voided += by
        return by, 0

    async def goodwill(self, amount: int) -> bool:
        """Give part of the price back though the goods are kept; False when less than that is left of it."""
        async with self._at_work:
            return await self._parts.goodwill(amount, self._payment.generation)

    async def end_goodwill(self) -> None:
        """The goods are not kept: what is under way is finished, then only the rest of the price goes back."""
        async with self._at_work:
            self._parts.goodwill_ended = True

    def _overtaken(self, generation: int) -> bool:
        """Shipped, canceled, or reserved otherwise meanwhile."""
        return self._payment.generation != generation or self.parcel.scanned or self._stopped()

    async def capture_at_confirmation(self) -> None:
        """Take the money before anything ships; raises StepFailedError when the bank refuses."""
        if self.parcel.paid:
            return
        result = await self._take()
        if not self.parcel.captured:
            raise StepFailedError("declined", result.code or "declined", result.message or "the capture was refused")

    async def capture(self) -> None:
        """Take the money for goods that left; when the bank refuses for good, a person decides."""
        if not self.parcel.plan.amount:
            return
        result = await self._collect(renew=self._nothing_reserved)
        if result.code == LAPSED:
            result = await self._collect(renew=True)
        while not (self.parcel.paid or self.parcel.written_off):
            asked = self._payment.generation
            if await self._ask_about_capture(result) == "write_off":
                await self._write_off()
            else:
                same = self._payment.generation == asked
                result = await self._collect(renew=same and (self._nothing_reserved or result.code != NOT_THE_BANK))

    async def _collect(self, *, renew: bool) -> CaptureResult:
        """Capture, where `renew` says so with new funds."""
        async with self._at_work:
            if self.parcel.paid:
                return CaptureResult()
            if renew and not await self._authorize_anew():
                return CaptureResult(code="not_authorized", message="new funds could not be authorized")
            return await self._try_capture()

    @property
    def _nothing_reserved(self) -> bool:
        return self._given_back == self._payment.generation

    async def _try_capture(self) -> CaptureResult:
        try:
            return await self._take()
        except StepFailedError as failure:
            return CaptureResult(code=NOT_THE_BANK, message=str(failure))

    async def _take(self) -> CaptureResult:
        asked = self._payment.model_copy(update={"take": self.parcel.plan.amount})
        result = await quick(Payments.capture, asked, f"Capture {self._amount()}", Urgency.SOON)
        if result.captured:
            self._took(result.captured)
        return result

    def _took(self, amount: int) -> None:
        self.parcel.captured += amount
        self.parcel.authorized = False
        self._desk.note("captured", f"{self._amount()} captured", self._number)

    async def _authorize_anew(self) -> bool:
        """Replace a reservation that lapsed or whose capture was refused; True when new funds are secured."""
        if not self._payer.saved:
            self._ask_buyer()
        try:
            return await self._renew()
        except StepFailedError as failure:
            self._desk.note("authorization_failed", str(failure), self._number)
            return False

    async def _renew(self) -> bool:
        """A new generation of the payment; False when the bank refuses, StepFailedError when it was not asked."""
        voided = self.parcel.voided
        await self._release()
        self._promised_back = 0
        self._payment = self._payer.again(self._next_generation())
        try:
            summary = f"Authorize {self._amount()} anew"
            result = await quick(Payments.authorize, self._payment, summary, Urgency.URGENT)
        except StepFailedError as failure:
            self._never_reserved(failure.kind == "refused")
            raise
        self._never_reserved(result.status is PaymentStatus.DECLINED)
        self._mind(result)
        self.parcel.voided = voided if self.parcel.authorized else self.parcel.voided  # replaced, not given back
        return result.status is PaymentStatus.AUTHORIZED

    def _never_reserved(self, known: bool) -> None:
        if known:
            self._given_back = self._payment.generation

    async def _ask_about_capture(self, refused: CaptureResult) -> str | None:
        """The goods are gone and the money was refused: try again with new funds, or accept the loss.

        The shopper may give another payment method meanwhile; then nobody needs to answer.
        """
        asked = self._payment.generation
        why = f"{refused.code}: {refused.message}"
        question = f"{self._amount()} for parcel {self._number} could not be captured ({why})."
        stake = Stake(self.parcel.plan.amount, ("write_off",))
        return await self._desk.park(
            "capture_refused", question, _CAPTURE, self._number, lambda: self._payment.generation != asked, stake=stake
        )

    async def charge_or_write_off(self, kind: str, question: str) -> None:
        """A person decides whether goods that left are charged after all, or given away knowingly."""
        stake = Stake(self.parcel.plan.amount, ("write_off",))
        if await self._desk.park(kind, question, ("charge", "write_off"), self._number, stake=stake) == "write_off":
            await self._write_off()
        else:
            await self.capture()

    async def _write_off(self) -> None:
        self.parcel.written_off = self.parcel.plan.amount  # from now on nothing more is reserved for it
        await self.give_back()
        loss = WriteOff(
            order_id=self._order.order_id,
            parcel=self._number,
            amount=self.parcel.plan.amount,
            currency=self._order.currency,
            memo="loss accepted by an operator",
        )
        await self._desk.settle(
            "write the loss off", Journal.write_off, loss, f"Write off {self._amount()}", self._number
        )
        self._desk.note("written_off", f"{self._amount()} written off", self._number)

    async def give_back(self) -> None:
        """Void what is reserved, refund what was taken; ends when it is done, here or by a person's hand."""
        name, by_hand = "give the money back", self._released_by_hand
        await self._desk.insist(name, self._released, self._number, by_hand, self.parcel.plan.amount)

    async def _released(self) -> None:
        async with self._at_work:
            await self._release()

    async def _release(self) -> None:
        if self._nothing_reserved or not self._payment.amount:
            return
        given = await quick(Payments.release, self._held(), f"Give back {self._amount()}", Urgency.UNDO)
        self._gave_back(await self._late.decided(given, self._held) if given.undecided else given)

    async def _released_by_hand(self) -> None:
        summary = f"Enter {self._amount()} given back by hand"
        self._gave_back(await in_task(ByHand.released_by_hand, self._held(), summary))

    def _held(self) -> ParcelPayment:
        """What there is to give back: of a capture, what partial refunds have left of it."""
        return self._payment.model_copy(update={"refunded": self._parts.given(self._payment.generation)})

    def _gave_back(self, given: ReleaseResult) -> None:
        self._given_back = self._payment.generation
        voided = max(given.voided - self._promised_back, 0)
        self.parcel.authorized = False
        self.parcel.voided += voided
        self.parcel.refunded += given.refunded
        if given.voided or given.refunded:
            verb = "refunded" if given.refunded else "voided"
            self._desk.note(verb, f"{self._desk.money(given.refunded or voided)} {verb}", self._number)

    def _amount(self) -> str:
        return self._desk.money(self.parcel.plan.amount)

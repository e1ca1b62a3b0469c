"""How one parcel is paid for: reserved at confirmation, taken when its goods leave, given back when they do not."""

from datetime import datetime, timedelta

from temporalio import workflow

from activities.by_hand import ByHand
from activities.journal import Journal, WriteOff
from activities.payments import LAPSED, AuthorizationResult, CaptureResult, ParcelPayment, Payments, ReleaseResult
from ordersaga.domain.payments import PaymentStatus
from workflows.activity_policies import StepFailedError, in_task, quick
from workflows.desk import Desk
from workflows.order_state import ParcelState
from workflows.saga import Phase, UndoPlan

_UNDECIDED = (PaymentStatus.REQUIRES_ACTION, PaymentStatus.PROCESSING)
NOT_THE_BANK = "no_answer"
"""The bank did not say no: the same reservation is captured again, it is never given up for a new one."""

RENEW_BEFORE = timedelta(hours=6)
"""How long before it lapses a reservation is replaced."""


class ParcelPayments:
    """The money steps of one parcel. One payment per parcel; a new generation only after the old one ended."""

    def __init__(self, desk: Desk, parcel: ParcelState, undo: UndoPlan) -> None:
        self.parcel = parcel
        self._desk = desk
        self._order = desk.state.order
        self._number = parcel.plan.parcel
        self._undo = undo
        self._payment = self._payment_for(generation=1)
        self._customer: str | None = None
        self._lapses_at: datetime | None = None
        self._given_back = 0  # the generation that ended with its money given back

    async def authorize(self, *, customer: str | None, off_session: bool, save_for_later: bool) -> AuthorizationResult:
        """Reserve the parcel's amount; raises StepFailedError when the shopper's bank says no."""
        self._payment = self._payment_for(1, customer, off_session, save_for_later)
        self._undo.register(Phase.MONEY, self.give_back)
        summary = f"Authorize {self._amount()}"
        result = await quick(
            Payments.authorize,
            self._payment,
            summary,
            on_slow=self._desk.publish,
            give_up=lambda: self._desk.cancel_wanted,
        )
        return self._judge(result)

    async def refresh_authorization(self) -> AuthorizationResult:
        """Ask the payment company whether the shopper has finished."""
        return self._judge(await quick(Payments.refresh_authorization, self._payment, "Look at the payment"))

    def _judge(self, result: AuthorizationResult) -> AuthorizationResult:
        self._customer = result.customer or self._customer
        self._mind(result)
        if result.status is PaymentStatus.AUTHORIZED:
            self._desk.note("authorized", f"{self._amount()} authorized", self._number)
        elif result.status not in _UNDECIDED:
            raise _declined(result)
        return result

    def _mind(self, result: AuthorizationResult) -> None:
        """Remember when it lapses; one that lapses at once is left to the capture, which asks anew."""
        lapses_at = result.capture_before
        lasts = lapses_at is not None and lapses_at > workflow.now() + RENEW_BEFORE
        self._lapses_at = lapses_at if lasts else None

    @property
    def customer(self) -> str | None:
        """The payment company's customer the payment method is saved for."""
        return self._customer

    @property
    def renew_at(self) -> datetime | None:
        """When the reservation must be replaced, if the money is not taken before; None: it never lapses."""
        waits = self._lapses_at is not None and not self.parcel.paid
        return self._lapses_at - RENEW_BEFORE if waits and self._lapses_at else None

    async def secure(self) -> None:
        """Replace a reservation that is about to lapse: nothing ships unpaid.

        Raises StepFailedError when the bank refuses, or when a person gives the parcel up.
        """
        renew_at = self.renew_at
        if renew_at is None or workflow.now() < renew_at:
            return
        self._lapses_at = None
        if not await self._renewed():
            raise StepFailedError("declined", LAPSED, "the authorization lapsed and could not be renewed")

    async def _renewed(self) -> bool:
        """Renew; what keeps us from asking the bank is a person's to repair, never the shopper's loss."""
        while True:
            try:
                if not self._customer_saved:
                    raise StepFailedError("operator", "no_saved_card", "the shopper's card is not saved for renewal")
                return await self._renew()
            except StepFailedError as failure:
                question = (
                    f"{self._amount()} for parcel {self._number} is about to lapse and was not renewed ({failure})."
                )
                choices = ("retry", "cancel", "wait")
                choice = await self._desk.park("renewal_failed", question, choices, self._number, self._overtaken)
                if choice != "retry":
                    return choice != "cancel"

    def _overtaken(self) -> bool:
        return self.parcel.scanned or self._desk.cancel_wanted

    @property
    def _customer_saved(self) -> bool:
        return (self._customer or self._order.payment.customer) is not None

    async def capture_at_confirmation(self) -> None:
        """Take the money before anything ships; raises StepFailedError when the bank refuses."""
        result = await self._take()
        if not self.parcel.captured:
            raise StepFailedError("declined", result.code or "declined", result.message or "the capture was refused")

    async def capture(self) -> None:
        """Take the money for goods that left; when the bank refuses for good, a person decides."""
        result = await self._collect(renew=self._nothing_reserved)
        if result.code == LAPSED:
            result = await self._collect(renew=True)
        while not (self.parcel.paid or self.parcel.written_off):
            if await self._ask_about_capture(result) == "write_off":
                await self._write_off()
            else:
                result = await self._collect(renew=self._nothing_reserved or result.code != NOT_THE_BANK)

    async def _collect(self, *, renew: bool) -> CaptureResult:
        """Capture, where `renew` says so with new funds."""
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
        result = await quick(Payments.capture, self._payment, f"Capture {self._amount()}")
        if result.captured:
            self.parcel.captured += result.captured
            self._desk.note("captured", f"{self._amount()} captured", self._number)
        return result

    async def _authorize_anew(self) -> bool:
        """Replace a reservation that lapsed or whose capture was refused; True when new funds are secured."""
        try:
            return await self._renew()
        except StepFailedError as failure:
            self._desk.note("authorization_failed", str(failure), self._number)
            return False

    async def _renew(self) -> bool:
        """A new generation of the payment; False when the bank refuses.

        Raises StepFailedError when the bank could not be asked.
        """
        await self._release()
        self._payment = self._payment_for(self._payment.generation + 1, self._customer, off_session=True)
        result = await quick(Payments.authorize, self._payment, f"Authorize {self._amount()} anew")
        self._mind(result)
        return result.status is PaymentStatus.AUTHORIZED

    async def _ask_about_capture(self, refused: CaptureResult) -> str | None:
        """The goods are gone and the money was refused: try again with new funds, or accept the loss."""
        why = f"{refused.code}: {refused.message}"
        question = f"{self._amount()} for parcel {self._number} could not be captured ({why})."
        return await self._desk.park("capture_refused", question, ("retry", "write_off"), self._number)

    async def charge_or_write_off(self, kind: str, question: str) -> None:
        """A person decides whether goods that left are charged after all, or given away knowingly."""
        if await self._desk.park(kind, question, ("charge", "write_off"), self._number) == "write_off":
            await self._write_off()
        else:
            await self.capture()

    async def _write_off(self) -> None:
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
        self.parcel.written_off = loss.amount
        self._desk.note("written_off", f"{self._amount()} written off", self._number)

    async def give_back(self) -> None:
        """Void what is reserved, refund what was taken; ends when it is done, here or by a person's hand."""
        await self._desk.insist("give the money back", self._release, self._number, self._released_by_hand)

    async def _release(self) -> None:
        if not self._nothing_reserved:
            self._gave_back(await quick(Payments.release, self._payment, f"Give back {self._amount()}"))

    async def _released_by_hand(self) -> None:
        summary = f"Enter {self._amount()} given back by hand"
        self._gave_back(await in_task(ByHand.released_by_hand, self._payment, summary))

    def _gave_back(self, given: ReleaseResult) -> None:
        self._given_back = self._payment.generation
        self.parcel.voided += given.voided
        self.parcel.refunded += given.refunded
        if given.voided or given.refunded:
            verb = "refunded" if given.refunded else "voided"
            self._desk.note(verb, f"{self._amount()} {verb}", self._number)

    def _payment_for(
        self,
        generation: int,
        customer: str | None = None,
        off_session: bool = False,
        save_for_later: bool = False,
    ) -> ParcelPayment:
        return ParcelPayment(
            order_id=self._order.order_id,
            parcel=self._number,
            amount=self.parcel.plan.amount,
            currency=self._order.currency,
            payment_method=self._order.payment.payment_method,
            customer=customer or self._order.payment.customer,
            off_session=off_session,
            save_for_later=save_for_later,
            generation=generation,
        )

    def _amount(self) -> str:
        return self._desk.money(self.parcel.plan.amount)


def _declined(result: AuthorizationResult) -> StepFailedError:
    """A payment found voided was given up unfinished: by us, if a look at it is repeated after our undo."""
    if result.status is PaymentStatus.VOIDED:
        return StepFailedError("declined", result.code or "payment_abandoned", "the payment was not finished")
    return StepFailedError("declined", result.code or "declined", result.message or "the payment was declined")

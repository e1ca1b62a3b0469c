"""A return's money: given back by what was inspected, looked at daily while the company has not paid it out."""

from datetime import datetime, timedelta

from temporalio import workflow

from activities.refunds import PartialRefund, RefundResult, Refunds
from activities.returns import QuoteRefund, RefundQuote, Returns
from ordersaga.domain.orders import LineQuantity
from ordersaga.domain.return_rules import words
from ordersaga.domain.returns import ReturnStatus
from workflows.activity_policies import StepFailedError, in_task, quick
from workflows.return_desk import REMIND_EVERY, ReturnDesk

PAID_OUT_WITHIN = timedelta(days=7)
"""How long a refund may be pending (the company's balance is short) before a person is asked."""
ATTEMPTS = 100
"""Numbers of refunds that each return of a parcel has to itself."""


class ReturnRefund:
    """The refund of one return. One that failed after it was accepted is followed by another, under the next number."""

    def __init__(self, desk: ReturnDesk) -> None:
        self._desk = desk
        self._case = desk.state.case
        self._attempt = 1
        self._paid: RefundResult | None = None
        self._by_hand = False
        self._ask_at: datetime | None = None

    async def run(self, units: tuple[LineQuantity, ...]) -> None:
        """Give back what the units are worth; come to an end, if need be by asking a person."""
        quote = await self._quoted(units)
        if quote.amount < quote.worth:
            less = f"{self._desk.money(quote.worth)} by the rule, but only {self._desk.money(quote.amount)} is left"
            self._desk.note("refund_limited", f"{less} of what was captured")
        if quote.amount == 0:
            self._desk.note("nothing_to_refund", f"nothing is given back for {words(units)}")
            return
        await self._given_back(quote)
        self._desk.state.refunded = quote.amount
        self._desk.note("return_refunded", f"{self._desk.money(quote.amount)} given back for {words(units)}")

    async def _quoted(self, units: tuple[LineQuantity, ...]) -> RefundQuote:
        """What it comes to now: other returns of the parcel may have been refunded meanwhile."""
        found: list[RefundQuote] = []

        async def ask() -> None:
            asked = QuoteRefund(case=self._case, units=units)
            found.append(await in_task(Returns.quote_refund, asked, "What the goods are worth"))

        await self._desk.insist("work out the refund", ask)
        return found[-1]

    async def _given_back(self, quote: RefundQuote) -> None:
        """Until it is paid out, or a person has paid it outside."""

        async def refund() -> None:
            await self._asked(quote)

        async def by_hand() -> None:
            await in_task(Returns.refund_settled_by_hand, self._refund(quote), "Refund settled by hand")
            self._by_hand = True

        while not self._settled:
            name = f"give {self._desk.money(quote.amount)} back"
            await self._desk.insist(name, refund, by_hand, money=quote.amount)
            await self._paid_out(quote)

    async def _asked(self, quote: RefundQuote) -> None:
        """Ask for the refund, or, once it was accepted, how it stands."""
        look = self._paid is not None
        activity = Refunds.look_at_refund if look else Refunds.refund_part
        try:
            self._paid = await quick(activity, self._refund(quote), "Look at the refund" if look else "Refund")
        except StepFailedError as failure:
            if failure.code == "refund_failed":
                self._paid, self._ask_at, self._attempt = None, None, self._attempt + 1
                self._desk.note("refund_failed", "the refund failed at the bank: the shopper has not got the money")
            raise

    async def _paid_out(self, quote: RefundQuote) -> None:
        """A pending refund is looked at again tomorrow; after its deadline a person is asked, who may end the wait."""
        if self._settled:
            return
        if self._ask_at is None:
            self._ask_at = workflow.now() + PAID_OUT_WITHIN
            self._desk.state.progress = ReturnStatus.REFUND_PENDING
            self._desk.note("refund_pending", f"{self._desk.money(quote.amount)} waits for the company's balance")
        await self._desk.publish()
        if workflow.now() >= self._ask_at:
            await self._ask_about_pending(quote)
        else:
            tomorrow = workflow.now() + REMIND_EVERY
            await self._desk.until(lambda: False, tomorrow, "the payment company to pay the refund out")

    async def _ask_about_pending(self, quote: RefundQuote) -> None:
        amount = self._desk.money(quote.amount)
        question = f"The refund of {amount} is still pending. Keep waiting, or is it known to be paid?"
        choices, guarded = ("keep_waiting", "paid_outside"), ("paid_outside",)
        choice = await self._desk.park("refund_pending", question, choices, money=quote.amount, guarded=guarded)
        self._by_hand = choice == "paid_outside"  # the books hold it since the company accepted it
        self._ask_at = workflow.now() + PAID_OUT_WITHIN

    @property
    def _settled(self) -> bool:
        return self._by_hand or (self._paid is not None and self._paid.status == "succeeded")

    def _refund(self, quote: RefundQuote) -> PartialRefund:
        return PartialRefund(
            order_id=self._case.order_id,
            parcel=self._case.plan.parcel,
            payment_generation=quote.payment,
            step="refund_return",
            number=self._case.number * ATTEMPTS + self._attempt,
            amount=quote.amount,
            currency=self._case.order.currency,
            purpose="returned",
        )

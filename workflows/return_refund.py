"""A return's money: given back by what was inspected, or as a gift; looked at daily until the company pays it out."""

from datetime import datetime, timedelta

from temporalio import workflow

from activities.refunds import PartialRefund, RefundResult, Refunds
from activities.returns import QuoteRefund, RefundQuote, Returns
from ordersaga.domain.lanes import Urgency
from ordersaga.domain.orders import LineQuantity
from ordersaga.domain.return_rules import wanted, words
from ordersaga.domain.returns import ReturnStatus
from workflows.activity_policies import StepFailedError, in_task, quick
from workflows.common_desk import REMIND_EVERY, Stake
from workflows.return_desk import ReturnDesk

PAID_OUT_WITHIN = timedelta(days=7)
"""How long a refund may be pending (the company's balance is short) before a person is asked."""
ATTEMPTS = 100
"""Numbers of refunds that each return of a parcel has to itself."""
NOTHING = RefundQuote(amount=0, worth=0, payment=1)


class ReturnRefund:
    """The refund of one return. One that failed after it was accepted is followed by another, under the next number."""

    def __init__(self, desk: ReturnDesk) -> None:
        self._desk = desk
        self._case = desk.state.case
        self._gift = self._case.request.keeps_goods
        self._quote = NOTHING
        self._attempt = 1
        self._paid: RefundResult | None = None
        self._by_hand = False
        self._ask_at: datetime | None = None

    async def run(self, units: tuple[LineQuantity, ...]) -> bool:
        """Give back what the units are worth, or the gift; False: nothing of it was left to give back.

        Comes to an end, if need be by asking a person.
        """
        what = wanted(self._case) if self._gift else words(units)
        await self._quote_again(units)
        await self._given_back(units)
        if not self._quote.amount:
            self._desk.note("nothing_to_refund", f"nothing is given back for {what}")
            return False
        self._desk.state.refunded = self._quote.amount
        kind = "goodwill_given" if self._gift else "return_refunded"
        self._desk.note(kind, f"{self._desk.money(self._quote.amount)} given back for {what}")
        return True

    async def _quote_again(self, units: tuple[LineQuantity, ...]) -> None:
        self._quote = quote = await self._quoted(units)
        if quote.amount < quote.worth:
            wanted_, left = self._desk.money(quote.worth), self._desk.money(quote.amount)
            self._desk.note("refund_limited", f"{wanted_} by the rule, but only {left} is left of what was captured")

    async def _quoted(self, units: tuple[LineQuantity, ...]) -> RefundQuote:
        """What it comes to now: other returns of the parcel may have been refunded meanwhile."""
        found: list[RefundQuote] = []

        async def ask() -> None:
            asked = QuoteRefund(case=self._case, units=units)
            found.append(await in_task(Returns.quote_refund, asked, "What the goods are worth"))

        await self._desk.insist("work out the refund", ask)
        return found[-1]

    async def _given_back(self, units: tuple[LineQuantity, ...]) -> None:
        """Until it is paid out, or a person has paid it outside; or nothing is left to give back."""

        async def refund() -> None:
            await self._asked(units)

        async def by_hand() -> None:
            await in_task(Returns.refund_settled_by_hand, self._refund(), "Refund settled by hand")
            self._by_hand = True

        while not self._settled:
            name = f"give {self._desk.money(self._quote.amount)} back"
            await self._desk.insist(name, refund, by_hand=by_hand, money=self._quote.amount)
            if self._paid is not None:
                await self._paid_out()

    async def _asked(self, units: tuple[LineQuantity, ...]) -> None:
        """Ask for the refund, or, once it was accepted, how it stands."""
        look = self._paid is not None
        activity = Refunds.look_at_refund if look else Refunds.refund_part
        try:
            summary = "Look at the refund" if look else "Refund"
            self._paid = await quick(activity, self._refund(), summary, Urgency.UNDO)
        except StepFailedError as failure:
            if failure.code == "over_refund" and await self._overtaken(units):
                return
            if failure.code == "refund_failed":
                self._paid, self._ask_at, self._attempt = None, None, self._attempt + 1
                self._desk.note("refund_failed", "the refund failed at the bank: the shopper has not got the money")
            raise

    async def _overtaken(self, units: tuple[LineQuantity, ...]) -> bool:
        """Another return of the parcel was refunded since the quote: what is left goes back, under the next number."""
        before = self._quote.amount
        await self._quote_again(units)
        self._attempt += 1
        return self._quote.amount < before

    async def _paid_out(self) -> None:
        """A pending refund is looked at again tomorrow; after its deadline a person is asked, who may end the wait."""
        if self._settled:
            return
        if self._ask_at is None:
            self._ask_at = workflow.now() + PAID_OUT_WITHIN
            self._desk.state.progress = ReturnStatus.REFUND_PENDING
            self._desk.note("refund_pending", f"{self._desk.money(self._quote.amount)} waits for the company's balance")
        await self._desk.publish()
        if workflow.now() >= self._ask_at:
            await self._ask_about_pending()
        else:
            tomorrow = workflow.now() + REMIND_EVERY
            await self._desk.until(lambda: False, tomorrow, "the payment company to pay the refund out")

    async def _ask_about_pending(self) -> None:
        amount = self._desk.money(self._quote.amount)
        question = f"The refund of {amount} is still pending. Keep waiting, or is it known to be paid?"
        choices, stake = ("keep_waiting", "paid_outside"), Stake(self._quote.amount, ("paid_outside",))
        choice = await self._desk.park("refund_pending", question, choices, stake=stake)
        self._by_hand = choice == "paid_outside"  # the books hold it since the company accepted it
        self._ask_at = workflow.now() + PAID_OUT_WITHIN

    @property
    def _settled(self) -> bool:
        paid = self._paid is not None and self._paid.status == "succeeded"
        return self._by_hand or paid or not self._quote.amount

    def _refund(self) -> PartialRefund:
        return PartialRefund(
            order_id=self._case.order_id,
            parcel=self._case.plan.parcel,
            payment_generation=self._quote.payment,
            step="refund_return",
            number=self._case.number * ATTEMPTS + self._attempt,
            amount=self._quote.amount,
            currency=self._case.order.currency,
            purpose="goodwill" if self._gift else "returned",
            collected_by=self._case.order.payment.collected_by,
        )

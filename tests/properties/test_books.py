"""The books of one parcel on a real PostgreSQL beside what the payment company and the shelves really hold."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from temporalio.exceptions import ApplicationError

from activities.by_hand import ByHand
from activities.effects import STORED_FAILURE, Effects
from activities.inventory import Inventory, ParcelUnits, ShipUnits
from activities.journal import Journal, WriteOff
from activities.payments import ParcelPayment, Payments
from activities.refunds import PartialRefund, Refunds
from ordersaga.domain.books import Balance
from ordersaga.domain.catalog import Product, Receipt
from ordersaga.domain.errors import CustomerError, OperatorError, OrdersagaError, RetryError
from ordersaga.domain.journal import JournalUpdate
from ordersaga.domain.orders import ParcelPlan
from ordersaga.domain.payments import PaymentState, PaymentStatus
from ordersaga.domain.statuses import OrderStatus
from ordersaga.stores.books import PostgresBooks
from ordersaga.stores.catalog import PostgresCatalog
from ordersaga.stores.effects import PostgresEffects
from ordersaga.stores.journal import PostgresJournal
from ordersaga.stores.pools import Pool
from ordersaga.stores.stock import PostgresStock
from tests.fakes.payments import FakePayments
from tests.fakes.samples import EAST, SELLER, catalog, order
from tests.properties.effort import effort

FAULTS: dict[str, Callable[[], OrdersagaError]] = {
    "answer lost": lambda: RetryError("timeout", "no answer", unknown=True),
    "no answer": lambda: RetryError("timeout", "no answer", unknown=True),
    "busy": lambda: RetryError("busy", "try again later"),
    "failure stored under the key": lambda: RetryError(STORED_FAILURE, "it failed before", unknown=True),
    "refused to us": lambda: OperatorError("bad_credentials", "key revoked"),
}
CALLS = ("authorize", "capture", "void", "refund", "inquire", "find", "find_refund")
ANSWERS = st.sampled_from(["yes", "yes", "yes", "no", "challenge"])
_programs = count(1)


class Books(RuleBasedStateMachine):
    """A program: two mugs in one parcel, reserved, shipped, taken, given back, in any order that a saga may take.

    `unseen`: the shopper passed a challenge, and nobody has looked since.
    `worth`: what the parcel costs now; `given`: what went back of this generation in parts; `allowed`: of it, as gifts.
    """

    steps: asyncio.Runner
    pool: Pool

    def __init__(self) -> None:
        super().__init__()
        self.order_id = f"b{next(_programs)}"
        self.company = FakePayments()
        self.ledger = PostgresEffects(self.pool)
        self.stock = PostgresStock(self.pool)
        effects = Effects(self.ledger, timedelta(0))
        self.payments = Payments(self.company, effects, self.ledger)
        self.refunds = Refunds(self.company, effects, self.ledger)
        self.by_hand = ByHand(effects, self.ledger)
        self.inventory = Inventory(self.stock, self.ledger)
        self.journal = Journal(PostgresJournal(self.pool), self.ledger)
        self.worth, self.generation, self.reserved = 2000, 0, 0
        self.given, self.allowed, self.parts, self.written_off = Counter[int](), 0, 0, 0
        self.shipped = self.reversed = self.released = self.lapsed = self.unseen = False
        self.part_open: PartialRefund | None = None
        self.done: list[tuple[Callable[[Any], Awaitable[Any]], Any]] = []

    @initialize(answer=ANSWERS, shipped=st.booleans(), captured=st.booleans())
    def the_order_is_confirmed(self, answer: str, shipped: bool, captured: bool) -> None:
        """Its two mugs are held, its money is asked for; it may have gone further before anything fails."""
        self.steps.run(self._hold())
        self.it_is_authorized(answer)
        if shipped:
            self.the_goods_leave()
        if captured:
            self.it_is_captured(refused=False)

    async def _hold(self) -> None:
        sku, known = f"CUP-{self.order_id}", catalog()
        product = Product(sku=sku, seller=SELLER, title="Cup", weight_grams=300)
        receipt = Receipt(receipt_id=f"all-{self.order_id}", location=EAST, sku=sku, quantity=2)
        await PostgresCatalog(self.pool).load(
            known.model_copy(update={"products": (*known.products, product), "receipts": (receipt,)})
        )
        plans = await self.stock.confirm_hold(order(self.order_id, (sku, 2)))
        assert plans is not None
        self.plan: ParcelPlan = plans[0]

    # ---- what is asked ---------------------------------------------------------------------------------------

    def play(self, activity: Callable[[Any], Awaitable[Any]], asked: Any) -> Any | None:
        """Call it as Temporal would, once; None: it failed, and may be called again."""
        try:
            answer = self.steps.run(_called(activity, asked))
        except ApplicationError:
            return None
        self.done.append((activity, asked))
        return answer

    def payment(self) -> ParcelPayment:
        """The generation that stands."""
        return ParcelPayment(
            order_id=self.order_id,
            parcel=1,
            amount=self.reserved,
            currency="USD",
            payment_method="pm_card_visa",
            generation=self.generation,
            take=self.worth,
            refunded=self.given[self.generation],
        )

    @property
    def paid(self) -> bool:
        """The money was taken, and not given back as a whole."""
        state = self.state()
        return state is not None and state.captured > 0

    def state(self) -> PaymentState | None:
        """The generation that stands, as the company sees it."""
        known = self.company.references.get(f"{self.order_id}/authorize/1/{self.generation}")
        return self.company.payments[known] if known else None

    @rule(call=st.sampled_from(CALLS), kind=st.sampled_from(sorted(FAULTS)))
    def a_call_will_fail(self, call: str, kind: str) -> None:
        """The next one of its kind."""
        self.company.fail_next(call, FAULTS[kind](), after_doing=kind == "answer lost")

    @precondition(lambda self: self.generation == 0 and not self.written_off)
    @rule(answer=ANSWERS)
    def it_is_authorized(self, answer: str) -> None:
        """Or declined; or the shopper must do something first."""
        if answer == "no":
            self.company.decline_next()
        if answer == "challenge":
            self.company.require_action_next()
        self.generation, self.reserved = max(self.given, default=0) + 1, self.worth
        self.given[self.generation] = 0
        self.play(self.payments.authorize, self.payment())

    @precondition(lambda self: self.generation and self.reserved)
    @rule(passed=st.booleans())
    def the_shopper_is_asked(self, passed: bool) -> None:
        """And passes the challenge, or not yet; a look that failed is repeated."""
        state = self.state()
        asked = state is not None and state.status is PaymentStatus.REQUIRES_ACTION
        if state is not None and asked and passed:
            self.company.complete_action(state.payment_id)
            self.unseen = True
        if (asked or self.unseen) and self.play(self.payments.refresh_authorization, self.payment()) is not None:
            self.unseen = False

    @precondition(lambda self: self.generation and not self.written_off and not self.reversed)
    @rule(refused=st.sampled_from([False, False, True]))
    def it_is_captured(self, refused: bool) -> None:
        """What the parcel costs now; the bank may refuse."""
        if refused:
            self.company.fail_next("capture", CustomerError("declined", "not today"))
        if self.worth and self._reserved() and not self.unseen:
            self.play(self.payments.capture, self.payment())

    def _reserved(self) -> bool:
        state = self.state()
        return state is not None and state.status in (PaymentStatus.AUTHORIZED, PaymentStatus.VOIDED)

    @precondition(lambda self: self.generation and not self.shipped)
    @rule()
    def the_reservation_lapses(self) -> None:
        """By itself, and nobody is told."""
        state = self.state()
        if state is not None and state.status is PaymentStatus.AUTHORIZED:
            self.company.lapse(state.payment_id)
            self.lapsed = True

    @precondition(lambda self: self.part_open is None and not self.shipped and not self.released and self.worth > 700)
    @rule(by=st.sampled_from([1, 333, 700]))
    def less_is_bought(self, by: int) -> None:
        """What was taken already goes back in part; otherwise less will be taken."""
        self.worth -= by
        if self.paid:
            self._refund_part(by, "canceled")

    @precondition(lambda self: self.part_open is None and self.shipped and not self.reversed and not self.written_off)
    @rule(amount=st.sampled_from([1, 250, 999]))
    def some_goodwill_is_given(self, amount: int) -> None:
        """Of what was taken, while the goods are kept."""
        state = self.state()
        if state is not None and amount <= state.captured - state.refunded:
            self._refund_part(amount, "goodwill")

    def _refund_part(self, amount: int, purpose: Any) -> None:
        self.parts += 1
        self.part_open = PartialRefund(
            order_id=self.order_id,
            parcel=1,
            payment_generation=self.generation,
            step="refund_part",
            number=self.parts,
            amount=amount,
            currency="USD",
            purpose=purpose,
        )
        self.the_part_is_insisted_on()

    @precondition(lambda self: self.part_open is not None)
    @rule()
    def the_part_is_insisted_on(self) -> None:
        """A refund that was promised is asked for until it is made."""
        part = self.part_open
        if part is not None and self.play(self.refunds.refund_part, part) is not None:
            self.given[self.generation] += part.amount
            self.allowed += part.amount * (part.purpose == "goodwill")
            self.part_open = None

    @precondition(lambda self: self.generation and self.part_open is None)
    @rule(by_hand=st.sampled_from([False, False, True]))
    def the_money_is_given_back(self, by_hand: bool) -> None:
        """Voided or refunded, whatever became of it; by us, or by a person at the company."""
        if by_hand:
            self._by_a_person()
        activity = self.by_hand.released_by_hand if by_hand else self.payments.release
        if self.play(activity, self.payment()) is not None:
            self.generation, self.reserved, self.lapsed, self.unseen = 0, 0, False, False

    def _by_a_person(self) -> None:
        state = self.state()
        if state is None:
            return
        if state.captured:
            self.steps.run(self._person_refunds(state))
        elif state.status in (PaymentStatus.AUTHORIZED, PaymentStatus.REQUIRES_ACTION):
            self.company.lapse(state.payment_id)

    async def _person_refunds(self, state: PaymentState) -> None:
        self.company.forget_failures("refund")
        if state.captured > state.refunded:
            await self.company.refund(
                state.payment_id, state.captured - state.refunded, key=f"by-hand-{state.payment_id}"
            )

    # ---- what becomes of the goods ---------------------------------------------------------------------------

    def units(self) -> ShipUnits:
        """The parcel as it ships."""
        plan = self.plan.model_copy(update={"amount": self.worth})
        return ShipUnits(
            order_id=self.order_id, plan=plan, currency="USD", written_off=self.written_off, allowed=self.allowed
        )

    @precondition(lambda self: not self.shipped and self.part_open is None)
    @rule()
    def the_goods_leave(self) -> None:
        """Held or not."""
        self.shipped = True
        self.play(self.inventory.ship_stock, self.units())

    @precondition(lambda self: not self.shipped)
    @rule()
    def the_units_are_given_back(self) -> None:
        """The parcel does not ship after all; it may yet leave."""
        self.released = True
        self.play(self.inventory.release_stock, ParcelUnits(order_id=self.order_id, parcel=1))

    @precondition(lambda self: self.shipped and not self.reversed and self.part_open is None)
    @rule()
    def the_goods_come_to_nothing(self) -> None:
        """Lost, or back at their sender: nobody owes anything for them."""
        self.reversed = True
        self.play(self.inventory.lose_goods, self.units())

    @precondition(lambda self: self.shipped and not (self.reversed or self.written_off or self.generation))
    @rule()
    def the_loss_is_accepted(self) -> None:
        """Nothing is reserved or taken any more."""
        if not self.net():
            self.written_off = self.worth
            loss = WriteOff(order_id=self.order_id, parcel=1, amount=self.worth, currency="USD", memo="accepted")
            self.play(self.journal.write_off, loss)

    @precondition(lambda self: self.done)
    @rule(which=st.integers(0, 30))
    def an_earlier_step_is_repeated(self, which: int) -> None:
        """Its worker had died before Temporal heard of it: the same is asked again, and changes nothing."""
        activity, asked = self.done[which % len(self.done)]
        before = self.steps.run(self.look())
        if not before.unsettled_effects:
            self.company_well()
            self.steps.run(_called(activity, asked))
            assert self.steps.run(self.look()) == before

    def company_well(self) -> None:
        """No call fails."""
        for call in CALLS:
            self.company.forget_failures(call)

    # ---- what must be true -----------------------------------------------------------------------------------

    def net(self) -> int:
        """What the company holds for the order."""
        return sum(payment.captured - payment.refunded for payment in self.company.payments.values())

    def open_now(self) -> int:
        """What banks hold for the order."""
        return sum(payment.capturable for payment in self.company.payments.values())

    async def look(self) -> Balance:
        """The books."""
        return await self.ledger.balance(self.order_id)

    @invariant()
    def every_transaction_balances(self) -> None:
        """Debit and credit, each."""
        for transaction in self.steps.run(self._transactions()):
            assert sum(posting.amount for posting in transaction.postings) == 0, transaction

    async def _transactions(self) -> Any:
        return await PostgresBooks(self.pool).transactions(self.order_id)

    @invariant()
    def the_books_say_what_the_company_says(self) -> None:
        """Once every effect has its outcome; what lapsed or came about unheard is found when somebody looks."""
        books = self.steps.run(self.look())
        if books.unsettled_effects:
            return
        assert books.captured_net == self.net()
        assert self.lapsed or self.unseen or books.authorized == self.open_now()
        assert books.written_off == (0 if self.reversed else self.written_off)
        assert books.allowed == (0 if self.reversed else self.allowed)
        assert books.goods_kept == (self.worth if self.shipped and not self.reversed else 0)

    @invariant()
    def it_closes_exactly_when_everything_is_explained(self) -> None:
        """Nothing open, nothing owed, nothing held back."""
        books = self.steps.run(self.look())
        closed = self.steps.run(self._close())
        assert (not closed) == self._explained(books), closed

    async def _close(self) -> tuple[str, ...]:
        update = JournalUpdate(order_id=self.order_id, status=OrderStatus.COMPLETED)
        return (await self.journal.close(update)).differences

    def _explained(self, books: Balance) -> bool:
        if books.unsettled_effects or books.authorized or books.units_held:
            return False
        if not self.shipped or self.reversed:
            return self.net() == 0
        paid = self.net() > 0 or self.allowed > 0 or self.written_off > 0
        return paid and self.worth == self.net() + self.allowed + self.written_off

    def teardown(self) -> None:
        """Everything can be brought to an end."""
        self.company_well()
        if self.part_open is not None:
            self.the_part_is_insisted_on()
        if self.shipped and not self.reversed and not self.written_off:
            self.the_goods_come_to_nothing()
        if not self.written_off or self.reversed:
            self._ends()

    def _ends(self) -> None:
        if self.generation:
            self.the_money_is_given_back(False)
        if not self.shipped:
            self.the_units_are_given_back()
        assert self.steps.run(self._close()) == ()


async def _called(activity: Callable[[Any], Awaitable[Any]], asked: Any) -> Any:
    return await activity(asked)


@pytest.fixture
def books(steps: asyncio.Runner, shared_pool: Pool) -> type[Books]:
    """The machine, with a database to play on."""
    Books.steps, Books.pool = steps, shared_pool
    return Books


def test_the_books_explain_all_money(books: type[Books]) -> None:
    """Beside the company's own records, whatever fails and is repeated: a few programs."""
    run_state_machine_as_test(books, settings=effort(examples=4, steps=20))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_books_explain_all_money_however_long(books: type[Books]) -> None:
    """Many programs."""
    run_state_machine_as_test(books, settings=effort(examples=60, steps=40))

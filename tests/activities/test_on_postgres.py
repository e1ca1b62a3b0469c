"""Payments and hand-offs on the effect ledger of PostgreSQL: the same outcomes, written in its transactions."""

from datetime import timedelta

import pytest
import pytest_asyncio
from temporalio.exceptions import ApplicationError

from activities.effects import Effects
from activities.payments import CaptureResult, Payments, ReleaseResult
from activities.providers import Providers
from activities.refunds import PartialRefund, Refunds
from ordersaga.domain.books import Account
from ordersaga.domain.errors import OperatorError, RetryError
from ordersaga.domain.payments import PaymentStatus
from ordersaga.domain.shipping import CancelDecision
from ordersaga.stores.books import PostgresBooks
from ordersaga.stores.catalog import PostgresCatalog
from ordersaga.stores.effects import PostgresEffects
from ordersaga.stores.pools import Pool
from ordersaga.stores.stock import PostgresStock
from tests.activities.conftest import HAND_OFF, PAYMENT, WITHDRAW
from tests.fakes.payments import FakePayments
from tests.fakes.platform import FakePlatform
from tests.fakes.samples import EAST, catalog, order
from tests.fakes.shipping import FakeProvider
from tests.support.database import database_server, database_url, pool

__all__ = ["database_server", "database_url", "pool"]
LOST = RetryError("timeout", "no answer", unknown=True)


@pytest_asyncio.fixture
async def ledger(pool: Pool) -> PostgresEffects:
    """A ledger with order o1, whose mug is held."""
    await PostgresCatalog(pool).load(catalog((EAST, "MUG", 10)))
    await PostgresStock(pool).confirm_hold(order())
    return PostgresEffects(pool)


async def test_lost_answers_take_and_give_back_the_money_once(ledger: PostgresEffects) -> None:
    """Authorization, capture and refund each lose an answer: one payment, taken once, refunded once."""
    gateway = FakePayments()
    payments = Payments(gateway, Effects(ledger, timedelta(0)), ledger)
    for method, step in (
        ("authorize", payments.authorize),
        ("capture", payments.capture),
        ("refund", payments.release),
    ):
        gateway.fail_next(method, LOST, after_doing=True)
        with pytest.raises(ApplicationError):
            await step(PAYMENT)
        result = await step(PAYMENT)
    assert result == ReleaseResult(refunded=1000)
    [payment] = gateway.payments.values()
    assert (payment.status, payment.refunded) == (PaymentStatus.CAPTURED, 1000)
    assert [len(gateway.called(method)) for method in ("authorize", "capture", "refund", "void")] == [1, 1, 1, 0]
    balance = await ledger.balance("o1")
    assert (balance.authorized, balance.captured_net, balance.unsettled_effects) == (0, 0, ())


async def test_undo_after_an_operators_repair_uses_the_next_key(ledger: PostgresEffects) -> None:
    """A void refused to us is asked anew, and an unanswered capture ends with it."""
    gateway = FakePayments()
    payments = Payments(gateway, Effects(ledger), ledger)
    await payments.authorize(PAYMENT)
    gateway.fail_next("capture", LOST)
    with pytest.raises(ApplicationError):
        await payments.capture(PAYMENT)
    gateway.fail_next("void", OperatorError("bad_credentials", "revoked"))
    with pytest.raises(ApplicationError):
        await payments.release(PAYMENT)
    assert await payments.release(PAYMENT) == ReleaseResult(voided=1000)
    assert await payments.capture(PAYMENT) == CaptureResult(code="voided", message="the reservation was given back")
    latest = await ledger.find("o1", "void", 1)
    assert latest is not None
    assert latest.key == "o1/void/1/1.1"
    assert (await ledger.balance("o1")).authorized == 0


async def test_interrupted_hand_off_is_withdrawn_where_it_arrived(ledger: PostgresEffects) -> None:
    """Submitted, answer lost: found, canceled, and both effects are settled."""
    provider = FakeProvider()
    providers = Providers({"shipbob": provider}, Effects(ledger), ledger)
    provider.fail_next("submit", LOST, after_doing=True)
    with pytest.raises(ApplicationError):
        await providers.hand_off(HAND_OFF)
    assert await providers.withdraw(WITHDRAW) is CancelDecision.CANCELED
    assert (len(provider.called("submit")), len(provider.called("cancel"))) == (1, 1)
    assert (await ledger.balance("o1")).unsettled_effects == ()


async def test_goodwill_of_a_partial_capture_is_entered_once_and_taken_back_once(
    ledger: PostgresEffects, pool: Pool
) -> None:
    """Capture and refund each lose an answer; the refund fails days later; the next one stays."""
    gateway, part = FakePayments(), PAYMENT.model_copy(update={"take": 600})
    effects = Effects(ledger, timedelta(0))
    payments, refunds = Payments(gateway, effects, ledger), Refunds(gateway, effects, ledger)
    await payments.authorize(part)
    gateway.fail_next("capture", LOST, after_doing=True)
    with pytest.raises(ApplicationError):
        await payments.capture(part)
    assert await payments.capture(PAYMENT) == CaptureResult(captured=600)
    first = PartialRefund(
        order_id="o1",
        parcel=1,
        payment_generation=1,
        step="refund_part",
        number=1,
        amount=200,
        currency="USD",
        purpose="goodwill",
    )
    gateway.slow_refund_next()
    gateway.fail_next("refund", LOST, after_doing=True)
    with pytest.raises(ApplicationError):
        await refunds.refund_part(first)
    assert (await refunds.refund_part(first)).status == "pending"
    assert (await ledger.balance("o1")).allowed == 200
    gateway.settle_refund("o1/refund_part/1/1", succeed=False)
    for _ in range(2):
        with pytest.raises(ApplicationError, match="refund_failed"):
            await refunds.look_at_refund(first)
    balance = await ledger.balance("o1")
    assert (balance.captured_net, balance.allowed, balance.unsettled_effects) == (600, 0, ())
    await refunds.refund_part(first.model_copy(update={"number": 2}))
    rest = part.model_copy(update={"refunded": 200})
    assert await payments.release(rest) == ReleaseResult(refunded=400)
    totals = (await PostgresBooks(pool).totals())["USD"]
    assert (totals[Account.CASH], totals[Account.ALLOWANCE], totals[Account.AUTHORIZATION]) == (0, 200, 0)
    [payment] = gateway.payments.values()
    assert (payment.captured, payment.refunded, len(gateway.called("refund"))) == (600, 600, 3)


async def test_a_refund_refused_first_is_asked_for_what_is_left(ledger: PostgresEffects) -> None:
    """The ledger holds both amounts, each under its own key, and neither contradicts the other."""
    gateway = FakePayments()
    payments = Payments(gateway, Effects(ledger), ledger)
    await payments.authorize(PAYMENT)
    await payments.capture(PAYMENT)
    gateway.fail_next("refund", OperatorError("stripe_refused", "balance"))
    with pytest.raises(ApplicationError, match="stripe_refused"):
        await payments.release(PAYMENT)
    for _ in range(2):
        released = await payments.release(PAYMENT.model_copy(update={"refunded": 300}))
        assert released == ReleaseResult(refunded=700)
    latest = await ledger.find("o1", "refund", 1)
    assert latest is not None
    assert (latest.key, latest.amount) == ("o1/refund/1/1.1", 700)


async def test_money_a_platform_collected_is_given_back_by_it_once(pool: Pool, ledger: PostgresEffects) -> None:
    """Entered once, refunded in part and then whole, once whatever answers are lost; no payment company is asked."""
    gateway, platform, effects = FakePayments(), FakePlatform(1000), Effects(ledger, timedelta(0))
    payments = Payments(gateway, effects, ledger, {"tiktok_shop": platform})
    refunds = Refunds(gateway, effects, ledger, {"tiktok_shop": platform})
    collected = PAYMENT.model_copy(update={"collected_by": "tiktok_shop", "payment_method": ""})
    for _ in range(2):
        assert await payments.enter_collected(collected) == CaptureResult(captured=1000)
    part = PartialRefund(
        order_id="o1",
        parcel=1,
        payment_generation=1,
        step="refund_part",
        number=1,
        amount=300,
        currency="USD",
        purpose="canceled",
        collected_by="tiktok_shop",
    )
    platform.fail_next("refund", LOST, after_doing=True)
    with pytest.raises(ApplicationError):
        await refunds.refund_part(part)
    assert (await refunds.refund_part(part)).refunded == 300
    assert (await refunds.look_at_refund(part)).status == "succeeded"
    rest = collected.model_copy(update={"refunded": 300})
    for _ in range(2):
        assert await payments.release(rest) == ReleaseResult(refunded=700)
    totals = (await PostgresBooks(pool).totals())["USD"]
    assert (totals[Account.PLATFORM], Account.CASH in totals) == (0, False)
    assert (gateway.calls, platform.given_back, len(platform.called("refund"))) == ([], 1000, 2)


async def test_what_was_given_up_before_it_was_entered_stays_out(ledger: PostgresEffects) -> None:
    """An attempt that arrives after its undo enters nothing, and nobody is asked to give back what never was."""
    payments = Payments(FakePayments(), Effects(ledger), ledger)
    collected = PAYMENT.model_copy(update={"collected_by": "tiktok_shop"})
    assert await payments.release(collected) == ReleaseResult()
    late = await payments.enter_collected(collected)
    assert (late.captured, late.code) == (0, "undone")
    assert (await ledger.balance("o1")).captured_net == 0

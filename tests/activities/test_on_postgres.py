"""Payments and hand-offs on the effect ledger of PostgreSQL: the same outcomes, written in its transactions."""

from datetime import timedelta

import pytest
import pytest_asyncio
from temporalio.exceptions import ApplicationError

from activities.effects import Effects
from activities.payments import CaptureResult, Payments, ReleaseResult
from activities.providers import Providers
from ordersaga.domain.errors import OperatorError, RetryError
from ordersaga.domain.payments import PaymentStatus
from ordersaga.domain.shipping import CancelDecision
from ordersaga.stores.catalog import PostgresCatalog
from ordersaga.stores.effects import PostgresEffects
from ordersaga.stores.pools import Pool
from ordersaga.stores.stock import PostgresStock
from tests.activities.conftest import HAND_OFF, PAYMENT, WITHDRAW
from tests.fakes.payments import FakePayments
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

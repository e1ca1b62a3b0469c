"""Contract of the PaymentGateway port, on the fake and on Stripe."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from ordersaga.domain.errors import OrdersagaError, RetryError
from ordersaga.domain.payments import PaymentState, PaymentStatus
from ordersaga.ports import PaymentGateway
from tests.fakes.payments import FakePayments
from tests.gateways.conftest import stripe_company, stripe_emulator, stripe_payments
from tests.gateways.support import new_order, payment
from tests.support.emulators import EmulatorProcess

__all__ = ["stripe_company", "stripe_emulator", "stripe_payments"]


@dataclass(frozen=True)
class Bank:
    """A gateway, and the hand that makes things go wrong behind it."""

    gateway: PaymentGateway
    decline: Callable[[], Awaitable[dict[str, Any]]]
    lapse: Callable[[str], Awaitable[object]]
    lose_answer: Callable[[str], Awaitable[object]]


def fake_bank() -> Bank:
    """In memory."""
    fake = FakePayments()

    async def decline() -> dict[str, Any]:
        fake.decline_next("insufficient_funds")
        return {}

    async def lapse(payment_id: str) -> None:
        fake.lapse(payment_id)

    async def lose_answer(method: str) -> None:
        fake.fail_next(method, RetryError("no_answer", "lost", unknown=True), after_doing=True)

    return Bank(fake, decline, lapse, lose_answer)


def stripe_bank(gateway: PaymentGateway, emulator: EmulatorProcess) -> Bank:
    """The real adapter over HTTP."""
    paths = {"authorize": "/payment_intents$", "capture": "/capture$", "void": "/cancel$", "refund": "/refunds$"}

    async def decline() -> dict[str, Any]:
        return {"payment_method": "pm_card_chargeDeclinedInsufficientFunds"}

    async def lapse(payment_id: str) -> None:
        await emulator.post(f"payment_intents/{payment_id}/expire")

    async def lose_answer(method: str) -> None:
        await emulator.post("faults", kind="lose_answer", method="POST", path=paths[method], times=1)

    return Bank(gateway, decline, lapse, lose_answer)


@pytest.fixture(params=["fake", "stripe"])
def bank(request: pytest.FixtureRequest) -> Bank:
    """A gateway of each kind."""
    if request.param == "fake":
        return fake_bank()
    return stripe_bank(request.getfixturevalue("stripe_payments"), request.getfixturevalue("stripe_emulator"))


async def authorized(bank: Bank, order: str) -> PaymentState:
    """12.34 reserved."""
    return await bank.gateway.authorize(payment(order), key=f"{order}/authorize/1/1")


async def test_authorize_reserves_and_takes_nothing(bank: Bank) -> None:
    """Funds are reserved until a stated moment, found by our reference, and none are taken."""
    state = await authorized(bank, order := new_order())
    assert (state.status, state.amount, state.capturable, state.captured) == (PaymentStatus.AUTHORIZED, 1234, 1234, 0)
    assert state.capture_before is not None
    assert await bank.gateway.inquire(state.payment_id) == state
    assert await bank.gateway.find(f"{order}/authorize/1/1") == state


async def test_one_key_one_payment(bank: Bank) -> None:
    """The same key answers the same payment."""
    first = await authorized(bank, order := new_order())
    assert await authorized(bank, order) == first


async def test_find_of_an_unknown_reference(bank: Bank) -> None:
    """Nothing is found under a reference never used."""
    assert await bank.gateway.find(f"{new_order()}/authorize/1/1") is None


async def test_a_decline_is_an_answer(bank: Bank) -> None:
    """A decline raises nothing: it has a code, and no funds are reserved."""
    changes, order = await bank.decline(), new_order()
    state = await bank.gateway.authorize(payment(order, **changes), key=f"{order}/authorize/1/1")
    assert (state.status, state.code) == (PaymentStatus.DECLINED, "insufficient_funds")
    assert (state.capturable, state.captured) == (0, 0)


async def test_capture_once(bank: Bank) -> None:
    """A capture takes what it was told, releases the rest, and repeats under its key without taking more."""
    payment_id = (await authorized(bank, order := new_order())).payment_id
    state = await bank.gateway.capture(payment_id, 1000, key=f"{order}/capture/1/1")
    assert (state.status, state.captured, state.capturable) == (PaymentStatus.CAPTURED, 1000, 0)
    assert await bank.gateway.capture(payment_id, 1000, key=f"{order}/capture/1/1") == state


async def test_a_lapsed_authorization_is_not_captured(bank: Bank) -> None:
    """Capture of a lapsed authorization is finally refused, and voiding it is an answer."""
    payment_id = (await authorized(bank, order := new_order())).payment_id
    await bank.lapse(payment_id)
    with pytest.raises(OrdersagaError) as caught:
        await bank.gateway.capture(payment_id, 1234, key=f"{order}/capture/1/1")
    assert not isinstance(caught.value, RetryError)
    state = await bank.gateway.void(payment_id, key=f"{order}/void/1/1")
    assert (state.status, state.captured) == (PaymentStatus.VOIDED, 0)


async def test_void_is_an_answer_every_time(bank: Bank) -> None:
    """A void gives the reservation back, and a second one says the same."""
    payment_id = (await authorized(bank, order := new_order())).payment_id
    state = await bank.gateway.void(payment_id, key=f"{order}/void/1/1")
    assert (state.status, state.capturable) == (PaymentStatus.VOIDED, 0)
    assert await bank.gateway.void(payment_id, key=f"{order}/void/1/2") == state


async def test_voiding_a_captured_payment_tells_so(bank: Bank) -> None:
    """Too late: the answer is the captured payment, untouched."""
    payment_id = (await authorized(bank, order := new_order())).payment_id
    await bank.gateway.capture(payment_id, 1234, key=f"{order}/capture/1/1")
    state = await bank.gateway.void(payment_id, key=f"{order}/void/1/1")
    assert (state.status, state.captured, state.refunded) == (PaymentStatus.CAPTURED, 1234, 0)


async def test_refund_once_per_key(bank: Bank) -> None:
    """A refund gives back what it was told, once, is found by its key, and never exceeds what was taken."""
    payment_id = (await authorized(bank, order := new_order())).payment_id
    await bank.gateway.capture(payment_id, 1234, key=f"{order}/capture/1/1")
    refund = await bank.gateway.refund(payment_id, 234, key=f"{order}/refund/1/1")
    assert (refund.payment_id, refund.amount, refund.status) == (payment_id, 234, "succeeded")
    assert await bank.gateway.refund(payment_id, 234, key=f"{order}/refund/1/1") == refund
    assert await bank.gateway.find_refund(payment_id, f"{order}/refund/1/1") == refund
    assert await bank.gateway.find_refund(payment_id, f"{order}/refund/1/2") is None
    with pytest.raises(OrdersagaError) as caught:
        await bank.gateway.refund(payment_id, 1001, key=f"{order}/refund/1/2")
    assert not isinstance(caught.value, RetryError)
    assert (await bank.gateway.inquire(payment_id)).refunded == 234


async def test_a_lost_answer_is_found_and_not_repeated(bank: Bank) -> None:
    """After each lost answer the gateway tells what happened, and the same key does it no second time."""
    order = new_order()
    await bank.lose_answer("authorize")
    with pytest.raises(RetryError) as caught:
        await authorized(bank, order)
    assert caught.value.unknown is True
    found = await bank.gateway.find(f"{order}/authorize/1/1")
    assert found is not None
    assert await authorized(bank, order) == found
    await bank.lose_answer("capture")
    with pytest.raises(RetryError):
        await bank.gateway.capture(found.payment_id, 1234, key=f"{order}/capture/1/1")
    assert (await bank.gateway.capture(found.payment_id, 1234, key=f"{order}/capture/1/1")).captured == 1234
    await bank.lose_answer("refund")
    with pytest.raises(RetryError):
        await bank.gateway.refund(found.payment_id, 100, key=f"{order}/refund/1/1")
    assert await bank.gateway.find_refund(found.payment_id, f"{order}/refund/1/1") is not None
    await bank.gateway.refund(found.payment_id, 100, key=f"{order}/refund/1/1")
    assert (await bank.gateway.inquire(found.payment_id)).refunded == 100

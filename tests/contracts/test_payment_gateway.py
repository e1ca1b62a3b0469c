"""Contract of the PaymentGateway port, on the fake and on Stripe."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ordersaga.domain.errors import OrdersagaError, RetryError
from ordersaga.domain.payments import PayLink, PaymentState, PaymentStatus, RefundState
from ordersaga.ports import PaymentGateway
from tests.fakes.payments import FakePayments
from tests.gateways.conftest import stripe_company, stripe_emulator, stripe_payments
from tests.gateways.support import new_order, payment
from tests.support.emulators import EmulatorProcess

IN_TWO_HOURS = datetime.now(UTC) + timedelta(hours=2)
"""The same moment whenever a page is asked for: a request is repeated as it was."""
__all__ = ["stripe_company", "stripe_emulator", "stripe_payments"]


@dataclass(frozen=True)
class Bank:
    """A gateway, and the hand that makes things go wrong behind it."""

    gateway: PaymentGateway
    decline: Callable[[], Awaitable[dict[str, Any]]]
    lapse: Callable[[str], Awaitable[object]]
    lose_answer: Callable[[str], Awaitable[object]]
    slow_refunds: Callable[[], Awaitable[object]]
    settle_refund: Callable[[RefundState, str, bool], Awaitable[object]]
    allow_long_holds: Callable[[bool], Awaitable[object]]
    pay_on_page: Callable[[str], Awaitable[bool]]


def fake_bank() -> Bank:
    """In memory."""
    fake = FakePayments()

    async def decline() -> dict[str, Any]:
        fake.decline_next("insufficient_funds")
        return {}

    async def lapse(payment_id: str) -> None:
        fake.lapse(payment_id)

    async def lose_answer(method: str) -> None:
        known = {"page": "authorize"}.get(method, method)
        fake.fail_next(known, RetryError("no_answer", "lost", unknown=True), after_doing=True)

    async def slow_refunds() -> None:
        fake.slow_refund_next()

    async def settle_refund(_: RefundState, key: str, succeed: bool) -> None:
        fake.settle_refund(key, succeed=succeed)

    async def allow_long_holds(allowed: bool) -> None:
        fake.allow_long_holds(allowed=allowed)

    async def pay_on_page(link_id: str) -> bool:
        return fake.pay_on_page(link_id)

    return Bank(fake, decline, lapse, lose_answer, slow_refunds, settle_refund, allow_long_holds, pay_on_page)


def stripe_bank(gateway: PaymentGateway, emulator: EmulatorProcess) -> Bank:
    """The real adapter over HTTP."""
    paths = {
        "page": "/sessions$",
        "authorize": "/payment_intents$",
        "capture": "/capture$",
        "void": "/cancel$",
        "refund": "/refunds$",
    }

    async def decline() -> dict[str, Any]:
        return {"payment_method": "pm_card_chargeDeclinedInsufficientFunds"}

    async def lapse(payment_id: str) -> None:
        await emulator.post(f"payment_intents/{payment_id}/expire")

    async def lose_answer(method: str) -> None:
        await emulator.post("faults", kind="lose_answer", method="POST", path=paths[method], times=1)

    async def slow_refunds() -> None:
        await emulator.post("refunds/mode", mode="pending")

    async def settle_refund(refund: RefundState, _: str, succeed: bool) -> None:
        await emulator.post("refunds/mode", mode="succeed")
        await emulator.post(f"refunds/{refund.refund_id}/settle", result="succeed" if succeed else "fail")

    async def allow_long_holds(allowed: bool) -> None:
        await emulator.post("extended-authorization", available=allowed)

    async def pay_on_page(link_id: str) -> bool:
        card = {"payment_method": "pm_card_visa"}
        answer = await emulator.request("POST", f"/_control/checkout/sessions/{link_id}/pay", json=card)
        return answer.is_success

    return Bank(gateway, decline, lapse, lose_answer, slow_refunds, settle_refund, allow_long_holds, pay_on_page)


@pytest.fixture(params=["fake", "stripe"])
def bank(request: pytest.FixtureRequest) -> Bank:
    """A gateway of each kind."""
    if request.param == "fake":
        return fake_bank()
    return stripe_bank(request.getfixturevalue("stripe_payments"), request.getfixturevalue("stripe_emulator"))


async def authorized(bank: Bank, order: str) -> PaymentState:
    """12.34 reserved."""
    return await bank.gateway.authorize(payment(order), key=f"{order}/authorize/1/1")


async def paged(bank: Bank, order: str, **changes: Any) -> PaymentState:
    """A page on which 12.34 can be paid."""
    link = PayLink(expires_at=IN_TWO_HOURS, return_url="https://shop.example/thanks")
    request = payment(order, payment_method="", link=link, **changes)
    return await bank.gateway.authorize(request, key=f"{order}/authorize/1/1")


async def test_a_page_reserves_nothing_until_it_is_paid_on(bank: Bank) -> None:
    """Its address is told as often as asked; then the payment made there is told, captured and refunded."""
    page = await paged(bank, order := new_order(), save_for_later=True)
    assert (page.status, page.amount, page.capturable, page.captured) == (PaymentStatus.REQUIRES_ACTION, 1234, 0, 0)
    assert page.next_action is not None
    assert (page.next_action.kind, bool(page.next_action.url)) == ("redirect", True)
    assert await bank.gateway.inquire(page.payment_id) == page
    assert await bank.pay_on_page(page.payment_id)
    paid = await bank.gateway.inquire(page.payment_id)
    assert (paid.status, paid.capturable, paid.payment_method) == (PaymentStatus.AUTHORIZED, 1234, "pm_card_visa")
    assert paid.payment_id != page.payment_id
    assert paid.customer is not None
    assert await bank.gateway.inquire(paid.payment_id) == paid
    assert not await bank.pay_on_page(page.payment_id)
    await bank.gateway.capture(paid.payment_id, 1234, key=f"{order}/capture/1/1")
    assert (await bank.gateway.refund(paid.payment_id, 1234, key=f"{order}/refund/1/1")).amount == 1234


async def test_one_key_one_page(bank: Bank) -> None:
    """A lost answer makes no second page."""
    await bank.lose_answer("page")
    with pytest.raises(RetryError):
        await paged(bank, order := new_order())
    page = await paged(bank, order)
    assert await paged(bank, order) == page


async def test_a_closed_page_takes_no_money(bank: Bank) -> None:
    """Voided as often as asked, and nobody can pay there any more."""
    page = await paged(bank, order := new_order())
    for attempt in (1, 2):
        state = await bank.gateway.void(page.payment_id, key=f"{order}/void/1/1.{attempt}")
        assert (state.status, state.captured) == (PaymentStatus.VOIDED, 0)
    assert not await bank.pay_on_page(page.payment_id)
    assert (await bank.gateway.inquire(page.payment_id)).status is PaymentStatus.VOIDED


async def test_closing_a_page_that_was_paid_on_gives_the_money_back(bank: Bank) -> None:
    """Paid in the last moment: the payment made there is voided, whichever name is used."""
    page = await paged(bank, order := new_order())
    assert await bank.pay_on_page(page.payment_id)
    for _ in range(2):
        state = await bank.gateway.void(page.payment_id, key=f"{order}/void/1/1")
        assert (state.status, state.capturable, state.captured) == (PaymentStatus.VOIDED, 0, 0)


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


async def test_the_rest_of_a_partial_capture_is_released_and_not_refunded(bank: Bank) -> None:
    """1000 of 1234 taken: nothing went back, and refunds may add up to 1000 and no more."""
    payment_id = (await authorized(bank, order := new_order())).payment_id
    state = await bank.gateway.capture(payment_id, 1000, key=f"{order}/capture/1/1")
    assert (state.captured, state.refunded) == (1000, 0)
    for number, amount in ((1, 400), (2, 600)):
        await bank.gateway.refund(payment_id, amount, key=f"{order}/refund_part/1/{number}")
    with pytest.raises(OrdersagaError) as caught:
        await bank.gateway.refund(payment_id, 1, key=f"{order}/refund_part/1/3")
    assert not isinstance(caught.value, RetryError)
    state = await bank.gateway.inquire(payment_id)
    assert (state.status, state.captured, state.refunded) == (PaymentStatus.CAPTURED, 1000, 1000)


async def test_more_than_was_reserved_is_not_captured(bank: Bank) -> None:
    """Finally refused, and the reservation stands untouched."""
    payment_id = (await authorized(bank, order := new_order())).payment_id
    with pytest.raises(OrdersagaError) as caught:
        await bank.gateway.capture(payment_id, 1235, key=f"{order}/capture/1/1")
    assert not isinstance(caught.value, RetryError)
    state = await bank.gateway.inquire(payment_id)
    assert (state.status, state.capturable, state.captured) == (PaymentStatus.AUTHORIZED, 1234, 0)


async def test_a_voided_reservation_gave_nothing_back(bank: Bank) -> None:
    """What was never taken is never refunded."""
    payment_id = (await authorized(bank, order := new_order())).payment_id
    await bank.gateway.void(payment_id, key=f"{order}/void/1/1")
    state = await bank.gateway.inquire(payment_id)
    assert (state.captured, state.refunded) == (0, 0)


@pytest.mark.parametrize(("succeed", "status", "refunded"), [(True, "succeeded", 500), (False, "failed", 0)])
async def test_a_slow_refund_succeeds_or_fails_later(bank: Bank, succeed: bool, status: str, refunded: int) -> None:
    """Pending it counts as given back; failed it does not, and another one may follow under another key."""
    payment_id = (await authorized(bank, order := new_order())).payment_id
    await bank.gateway.capture(payment_id, 1234, key=f"{order}/capture/1/1")
    await bank.slow_refunds()
    refund = await bank.gateway.refund(payment_id, 500, key=f"{order}/refund_part/1/1")
    assert (refund.status, (await bank.gateway.inquire(payment_id)).refunded) == ("pending", 500)
    await bank.settle_refund(refund, f"{order}/refund_part/1/1", succeed)
    found = await bank.gateway.find_refund(payment_id, f"{order}/refund_part/1/1")
    assert found == refund.model_copy(update={"status": status})
    assert (await bank.gateway.inquire(payment_id)).refunded == refunded
    rest = await bank.gateway.refund(payment_id, 1234 - refunded, key=f"{order}/refund_part/1/2")
    assert (rest.status, rest.amount) == ("succeeded", 1234 - refunded)


@pytest.mark.parametrize(
    ("allowed", "extended", "longer"), [(True, True, True), (True, False, False), (False, True, False)]
)
async def test_a_longer_hold_where_asked_for_and_allowed(
    bank: Bank, allowed: bool, extended: bool, longer: bool
) -> None:
    """The deadline is the bank's own; where it holds no longer than usual, that is the answer and no error."""
    await bank.allow_long_holds(allowed)
    order = new_order()
    state = await bank.gateway.authorize(payment(order, extended=extended), key=f"{order}/authorize/1/1")
    assert state.status is PaymentStatus.AUTHORIZED
    assert state.capture_before is not None
    assert (state.capture_before > datetime.now(UTC) + timedelta(days=29)) is longer
    assert await bank.gateway.inquire(state.payment_id) == state


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

"""Contract of the PaymentHistory port, on the fake and on Stripe."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

import pytest

from ordersaga.domain.errors import RetryError
from ordersaga.domain.payments import PaymentState, PaymentStatus
from ordersaga.domain.reconciliation import PaymentRecord
from ordersaga.gateways.stripe.payments import StripePayments
from ordersaga.ports import PaymentGateway, PaymentHistory
from tests.fakes.memory import Memory
from tests.fakes.payments import FakePayments
from tests.gateways.conftest import stripe_company, stripe_emulator
from tests.gateways.support import TIMEOUT, new_order, payment
from tests.support.by_hand import StripeByHand
from tests.support.emulators import EmulatorProcess

__all__ = ["stripe_company", "stripe_emulator"]

HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)


class Company(PaymentGateway, PaymentHistory, Protocol):
    """Who pays, and remembers."""


@dataclass(frozen=True)
class Account:
    """A payment company, and the hands that act past us. `start` was before all of it, `later` is a moment after it."""

    company: Company
    start: datetime
    pay_elsewhere: Callable[[int], Awaitable[str]]
    refund_by_hand: Callable[[str, int], Awaitable[None]]
    slow_refunds: Callable[[], Awaitable[object]]
    lose_answer: Callable[[], Awaitable[object]]
    later: Callable[[], Awaitable[datetime]]

    async def listed(self, since: datetime, *payment_ids: str) -> list[PaymentRecord]:
        """What is listed of these payments; others share the account."""
        return [each async for each in self.company.payments_since(since) if each.payment_id in payment_ids]

    async def reserved(self) -> PaymentState:
        """12.34 of a new order."""
        order = new_order()
        return await self.company.authorize(payment(order), key=f"{order}/authorize/1/1")

    async def taken(self) -> PaymentState:
        """12.34 of a new order, captured."""
        made = await self.reserved()
        return await self.company.capture(made.payment_id, 1234, key=f"{made.payment_id}/capture")


def fake_account() -> Account:
    """In memory; time moves when told to."""
    clock = [datetime(2026, 3, 1, tzinfo=UTC)]
    fake = FakePayments(Memory(now=lambda: clock[0]))

    async def pay_elsewhere(amount: int) -> str:
        return fake.pay_elsewhere(amount)

    async def refund_by_hand(payment_id: str, amount: int) -> None:
        fake.refund_by_hand(payment_id, amount)

    async def slow_refunds() -> None:
        fake.slow_refund_next()

    async def lose_answer() -> None:
        fake.fail_next("payments_since", RetryError("no_answer", "lost", unknown=True), after_doing=True)

    async def later() -> datetime:
        clock[0] += HOUR
        return clock[0]

    return Account(fake, clock[0], pay_elsewhere, refund_by_hand, slow_refunds, lose_answer, later)


def stripe_account(gateway: StripePayments, emulator: EmulatorProcess) -> Account:
    """The real adapter over HTTP, with small pages; Stripe's moments are whole seconds."""
    by_hand = StripeByHand(emulator.url)

    async def pay_elsewhere(amount: int) -> str:
        return await by_hand.pay(amount, order_id="4711", parcel="first")

    async def slow_refunds() -> None:
        await emulator.post("refunds/mode", mode="pending")

    async def lose_answer() -> None:
        await emulator.post("faults", kind="lose_answer", method="GET", path="/v1/payment_intents$", skip=1, times=1)

    async def later() -> datetime:
        moment = int(time.time()) + 1
        await asyncio.sleep(moment - time.time() + 0.01)
        return datetime.fromtimestamp(moment, UTC)

    return Account(gateway, datetime.now(UTC) - HOUR, pay_elsewhere, by_hand.refund, slow_refunds, lose_answer, later)


@pytest.fixture
async def paged_stripe(stripe_emulator: EmulatorProcess) -> AsyncIterator[StripePayments]:
    """The gateway, with two objects to a page."""
    await stripe_emulator.post("refunds/mode", mode="succeed")
    gateway = StripePayments("sk_test_history", base_url=stripe_emulator.url, timeout=TIMEOUT, page_size=2)
    yield gateway
    await gateway.aclose()
    await stripe_emulator.post("refunds/mode", mode="succeed")


@pytest.fixture(params=["fake", "stripe"])
def account(request: pytest.FixtureRequest) -> Account:
    """An account of each kind."""
    if request.param == "fake":
        return fake_account()
    return stripe_account(request.getfixturevalue("paged_stripe"), request.getfixturevalue("stripe_emulator"))


async def test_a_payment_of_ours_names_its_order(account: Account) -> None:
    """Order, parcel and key are what we wrote; amounts and status are those of this moment."""
    order = new_order()
    made = await account.company.authorize(payment(order, generation=2), key=f"{order}/authorize/1/2")
    (reserved,) = await account.listed(account.start, made.payment_id)
    assert (reserved.order_id, reserved.parcel, reserved.key) == (order, 1, f"{order}/authorize/1/2")
    assert (reserved.status, reserved.amount, reserved.captured) == (PaymentStatus.AUTHORIZED, 1234, 0)
    assert (reserved.currency, reserved.refunds) == ("USD", ())
    await account.company.capture(made.payment_id, 1000, key=f"{order}/capture/1/1")
    (taken,) = await account.listed(account.start, made.payment_id)
    assert taken == reserved.model_copy(update={"status": PaymentStatus.CAPTURED, "captured": 1000})


async def test_a_payment_of_another_system_is_listed_as_such(account: Account) -> None:
    """It names no order, parcel or key of ours, though it may use the same words."""
    payment_id = await account.pay_elsewhere(777)
    (found,) = await account.listed(account.start, payment_id)
    assert (found.order_id, found.parcel, found.key) == ("", 0, "")
    assert (found.status, found.amount, found.captured) == (PaymentStatus.CAPTURED, 777, 777)


async def test_every_payment_is_listed_once(account: Account) -> None:
    """However many pages they and their refunds fill."""
    made = [(await account.taken()).payment_id for _ in range(5)]
    for payment_id in made:
        await account.refund_by_hand(payment_id, 10)
    found = await account.listed(account.start, *made)
    assert sorted(each.payment_id for each in found) == sorted(made)
    assert [[refund.amount for refund in each.refunds] for each in found] == [[10]] * 5


async def test_the_moment_itself_belongs_to_what_follows(account: Account) -> None:
    """A payment made then is listed; one made before, and not touched since, is not."""
    made = (await account.reserved()).payment_id
    (found,) = await account.listed(account.start, made)
    assert await account.listed(found.created_at, made) == [found]
    assert await account.listed(found.created_at + SECOND, made) == []


async def test_refunds_tell_whose_they_are(account: Account) -> None:
    """One of ours has its key, one made by hand none; one that waits for the bank is pending."""
    made = await account.taken()
    await account.company.refund(made.payment_id, 100, key=f"{made.payment_id}/refund")
    await account.refund_by_hand(made.payment_id, 30)
    await account.slow_refunds()
    await account.company.refund(made.payment_id, 200, key=f"{made.payment_id}/later")
    (found,) = await account.listed(account.start, made.payment_id)
    told = [(refund.key, refund.amount, refund.status) for refund in found.refunds]
    assert sorted(told) == [
        ("", 30, "succeeded"),
        (f"{made.payment_id}/later", 200, "pending"),
        (f"{made.payment_id}/refund", 100, "succeeded"),
    ]


async def test_an_old_payment_refunded_since(account: Account) -> None:
    """It is listed, once, with the refunds it had before; what nobody touched is not."""
    made, untouched = await account.taken(), await account.taken()
    await account.refund_by_hand(made.payment_id, 100)
    since = await account.later()
    await account.refund_by_hand(made.payment_id, 30)
    (found,) = await account.listed(since, made.payment_id, untouched.payment_id)
    assert found.created_at < since
    assert [refund.amount for refund in found.refunds] == [100, 30]
    assert (found.payment_id, found.captured) == (made.payment_id, 1234)


async def test_an_old_payment_that_ended_since(account: Account) -> None:
    """Captured, or voided, whoever did it: each is listed once, a refund of it included."""
    taken, released = (await account.reserved()).payment_id, (await account.reserved()).payment_id
    since = await account.later()
    await account.company.capture(taken, 1000, key=f"{taken}/capture")
    await account.refund_by_hand(taken, 40)
    await account.company.void(released, key=f"{released}/void")
    found = {each.payment_id: each for each in await account.listed(since, taken, released)}
    assert len(found) == len(await account.listed(since, taken, released)) == 2
    assert (found[taken].status, found[taken].captured) == (PaymentStatus.CAPTURED, 1000)
    assert [refund.amount for refund in found[taken].refunds] == [40]
    assert (found[released].status, found[released].captured) == (PaymentStatus.VOIDED, 0)
    assert found[taken].order_id
    assert found[taken].key == f"{found[taken].order_id}/authorize/1/1"


async def test_an_answer_lost_midway(account: Account) -> None:
    """The listing ends with an error for nobody to act on, never as if it were complete; again it is whole."""
    made = [(await account.reserved()).payment_id for _ in range(3)]
    await account.lose_answer()
    with pytest.raises(RetryError):
        await account.listed(account.start, *made)
    assert len(await account.listed(account.start, *made)) == 3

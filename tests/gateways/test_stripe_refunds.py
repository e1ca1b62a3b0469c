"""Partial refunds against the emulated Stripe: what it holds afterwards is what our books say."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from temporalio.exceptions import ApplicationError

from activities.effects import Effects
from activities.payments import CaptureResult, ParcelPayment, Payments, ReleaseResult
from activities.refunds import PartialRefund, Refunds
from ordersaga.gateways.stripe.payments import StripePayments
from tests.fakes.effects import FakeEffects
from tests.fakes.memory import Memory
from tests.gateways.support import new_order
from tests.support.emulators import EmulatorProcess


@dataclass
class Till:
    """A parcel of 12.34 of which 10.00 are taken."""

    gateway: StripePayments
    stripe: EmulatorProcess
    ledger: FakeEffects = field(default_factory=lambda: FakeEffects(Memory()))
    order_id: str = field(default_factory=new_order)

    def __post_init__(self) -> None:
        effects = Effects(self.ledger)
        self.payments = Payments(self.gateway, effects, self.ledger)
        self.refunds = Refunds(self.gateway, effects, self.ledger)
        self.payment = ParcelPayment(
            order_id=self.order_id,
            parcel=1,
            amount=1234,
            currency="USD",
            payment_method="pm_card_visa",
            take=1000,
        )

    def part(self, number: int, amount: int) -> PartialRefund:
        """A gift of part of the price."""
        return PartialRefund(
            order_id=self.order_id,
            parcel=1,
            payment_generation=1,
            step="refund_part",
            number=number,
            amount=amount,
            currency="USD",
            purpose="goodwill",
        )

    async def given(self) -> list[tuple[int, str]]:
        """Every refund Stripe holds of the order: amount and status."""
        found = await self.stripe.get("records", match=f"{self.order_id}/refund")
        return [(refund["amount"], refund["status"]) for refund in found.get("refund", [])]

    async def cash(self) -> tuple[int, int]:
        """What our books hold, and what of it was given as goodwill."""
        balance = await self.ledger.balance(self.order_id)
        return balance.captured_net, balance.allowed


@pytest.fixture
async def till(stripe_payments: StripePayments, stripe_emulator: EmulatorProcess) -> AsyncIterator[Till]:
    """The parcel, taken."""
    await stripe_emulator.post("refunds/mode", mode="succeed")
    opened = Till(stripe_payments, stripe_emulator)
    await opened.payments.authorize(opened.payment)
    assert await opened.payments.capture(opened.payment) == CaptureResult(captured=1000)
    yield opened
    await stripe_emulator.post("refunds/mode", mode="succeed")


async def test_the_rest_of_a_partial_capture_is_not_there_to_refund(till: Till) -> None:
    """400 of 1000 go back; 601 is refused by us, and Stripe is not asked; then the undo gives exactly 600."""
    assert (await till.refunds.refund_part(till.part(1, 400))).status == "succeeded"
    with pytest.raises(ApplicationError, match="over_refund: amount 601 of 600"):
        await till.refunds.refund_part(till.part(2, 601))
    assert await till.given() == [(400, "succeeded")]
    rest = till.payment.model_copy(update={"refunded": 400})
    assert await till.payments.release(rest) == ReleaseResult(refunded=600)
    assert (await till.given(), await till.cash()) == ([(400, "succeeded"), (600, "succeeded")], (0, 400))


async def test_a_lost_answer_gives_back_once(till: Till) -> None:
    """All of it, the answer lost: found under our key, not asked for again."""
    await till.stripe.post("faults", kind="lose_answer", path="/refunds$", match=till.order_id, times=1)
    with pytest.raises(ApplicationError, match="stripe_no_answer"):
        await till.refunds.refund_part(till.part(1, 1000))
    assert (await till.refunds.refund_part(till.part(1, 1000))).refunded == 1000
    assert (await till.given(), await till.cash()) == ([(1000, "succeeded")], (0, 1000))


async def test_a_refund_the_bank_sends_back_is_made_again(till: Till) -> None:
    """Pending, then failed: the books have the money again, and the next number gives all of it."""
    await till.stripe.post("refunds/mode", mode="pending")
    asked = await till.refunds.refund_part(till.part(1, 700))
    assert (asked.status, await till.cash()) == ("pending", (300, 700))
    await till.stripe.post("refunds/mode", mode="succeed")
    await till.stripe.post(f"refunds/{asked.refund_id}/settle", result="fail")
    with pytest.raises(ApplicationError, match="refund_failed"):
        await till.refunds.look_at_refund(till.part(1, 700))
    assert await till.cash() == (1000, 0)
    assert (await till.refunds.refund_part(till.part(2, 1000))).status == "succeeded"
    assert (await till.given(), await till.cash()) == ([(700, "failed"), (1000, "succeeded")], (0, 1000))

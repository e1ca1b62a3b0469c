"""Calls made once more on a ledger that has forgotten them: the books are as before, and no company is asked to act."""

from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from temporalio.exceptions import ApplicationError

from activities.effects import Effects
from activities.payments import Payments
from activities.providers import Providers
from ordersaga.domain.effects import EffectStatus
from ordersaga.domain.payments import PaymentStatus
from ordersaga.domain.shipping import CancelDecision
from ordersaga.ports import PaymentGateway
from ordersaga.recovery.histories import Call
from ordersaga.recovery.memory import Asked, AskedProvider, ForgetfulLedger, remembering
from tests.activities.conftest import HAND_OFF, PAYMENT, WITHDRAW
from tests.fakes.effects import FakeEffects
from tests.fakes.memory import Memory
from tests.fakes.payments import FakePayments
from tests.fakes.shipping import FakeProvider

THEN = datetime.now(UTC) - timedelta(hours=1)
DOING = ("authorize", "capture", "void", "refund", "submit", "cancel", "reserve", "update_address")


def told(activity: str, result: Any) -> Call:
    """A call of the history, and what it was answered."""
    return Call("order-o1", activity, (), THEN, "done", result)


class Desk:
    """Payments on a ledger, and the same company beside a ledger that was restored."""

    def __init__(self) -> None:
        self.before, self.after = Memory(), Memory()
        self.gateway = FakePayments(self.before)
        self.payments = Payments(self.gateway, Effects(FakeEffects(self.before)), FakeEffects(self.before))
        ledger = ForgetfulLedger(FakeEffects(self.after))
        asked = cast("PaymentGateway", Asked(self.gateway))
        self.again = Payments(asked, Effects(ledger), ledger)

    def acts(self) -> list[str]:
        """What the company was asked to do."""
        return [name for name in DOING for _ in self.gateway.called(name)]

    async def same(self) -> bool:
        """Whether the order's books are what they were."""
        balances = [await FakeEffects(memory).balance("o1") for memory in (self.before, self.after)]
        return balances[0] == balances[1]


@pytest.mark.parametrize("steps", [("authorize",), ("authorize", "capture"), ("authorize", "release")])
async def test_money_is_entered_again_and_not_moved(steps: tuple[str, ...]) -> None:
    """Reserved, taken, given back: each adopted from the company's record, whatever it has come to since."""
    desk = Desk()
    answers = {step: await getattr(desk.payments, step)(PAYMENT) for step in steps}
    acted = desk.acts()
    for step in steps:
        with remembering(told(step, answers[step])):
            await getattr(desk.again, step)(PAYMENT)
    assert desk.acts() == acted
    assert await desk.same() or steps == ("authorize", "release")
    assert (await FakeEffects(desk.after).balance("o1")).differences() == (
        await FakeEffects(desk.before).balance("o1")
    ).differences()


async def test_a_decline_is_remembered() -> None:
    """Whether the company still shows it or not, it is no payment, and nobody tries the card again."""
    desk = Desk()
    desk.gateway.decline_next("insufficient_funds")
    answer = await desk.payments.authorize(PAYMENT)
    desk.gateway.references.clear()
    with remembering(told("authorize", answer)):
        again = await desk.again.authorize(PAYMENT)
    assert (again.status, again.code) == (PaymentStatus.DECLINED, "insufficient_funds")
    assert desk.acts() == ["authorize"]


async def test_what_the_company_does_not_show_stays_unknown() -> None:
    """Our history says that it was taken; a person must look, and it is not taken a second time."""
    desk = Desk()
    answer = await desk.payments.authorize(PAYMENT)
    desk.gateway.references.clear()
    with remembering(told("authorize", answer)), pytest.raises(ApplicationError, match="not_found_there"):
        await desk.again.authorize(PAYMENT)
    assert desk.after.effects["o1/authorize/1/1"].status is EffectStatus.UNKNOWN
    assert desk.acts() == ["authorize"]


async def test_a_hand_off_and_its_withdrawal_are_adopted() -> None:
    """The provider is asked what it has, and for nothing else."""
    before, after = Memory(), ForgetfulLedger(FakeEffects(Memory()))
    provider = FakeProvider(memory=before)
    first = Providers({"shipbob": provider}, Effects(FakeEffects(before)), FakeEffects(before))
    again = Providers({"shipbob": AskedProvider(provider)}, Effects(after), after)
    accepted, decision = await first.hand_off(HAND_OFF), await first.withdraw(WITHDRAW)
    acted = [name for name in DOING for _ in provider.called(name)]
    with remembering(told("hand_off", accepted)):
        assert (await again.hand_off(HAND_OFF)).provider_id == accepted.provider_id
    with remembering(told("withdraw", decision)):
        assert await again.withdraw(WITHDRAW) is decision is CancelDecision.CANCELED
    assert [name for name in DOING for _ in provider.called(name)] == acted

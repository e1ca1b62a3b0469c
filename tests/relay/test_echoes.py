"""What the payment company says about our own calls is no news."""

import pytest

from ordersaga.domain.effects import EffectIntent, EffectOutcome, EffectStatus
from ordersaga.domain.shipping import PaymentEvent
from tests.fakes.effects import FakeEffects
from tests.fakes.memory import Memory
from workers.relay_echoes import is_echo


async def ledger_with(step: str, status: EffectStatus, answered: str) -> FakeEffects:
    ledger = FakeEffects(Memory())
    row = await ledger.begin(EffectIntent(order_id="o1", step=step, parcel=1))
    if status is not EffectStatus.INTENDED:
        await ledger.settle(row.key, EffectOutcome(status=status, external_id="pi_1", answer={"status": answered}))
    return ledger


def event(kind: str) -> PaymentEvent:
    return PaymentEvent(source="stripe", source_id="evt_1", parcel=1, payment_id="pi_1", kind=kind)


@pytest.mark.parametrize(
    ("step", "answered", "kind"),
    [
        ("authorize", "authorized", "authorized"),
        ("authorize", "requires_action", "requires_action"),
        ("authenticate", "authorized", "authorized"),
        ("capture", "", "captured"),
        ("void", "voided", "voided"),
        ("refund", "succeeded", "refunded"),
    ],
)
async def test_answer_we_have_is_an_echo(step: str, answered: str, kind: str) -> None:
    """A report of what our own call was answered is an echo."""
    assert await is_echo(await ledger_with(step, EffectStatus.DONE, answered), "o1", event(kind)) is True


@pytest.mark.parametrize(
    ("step", "status", "answered", "kind"),
    [
        ("authorize", EffectStatus.DONE, "requires_action", "authorized"),
        ("authorize", EffectStatus.INTENDED, "", "authorized"),
        ("capture", EffectStatus.UNKNOWN, "", "captured"),
        ("authorize", EffectStatus.DONE, "authorized", "lapsed"),
        ("authorize", EffectStatus.DONE, "authorized", "declined"),
        ("capture", EffectStatus.DONE, "", "refund_failed"),
    ],
)
async def test_anything_else_is_news(step: str, status: EffectStatus, answered: str, kind: str) -> None:
    """The shopper's challenge, a lost answer, a lapse: the order must hear of it."""
    assert await is_echo(await ledger_with(step, status, answered), "o1", event(kind)) is False

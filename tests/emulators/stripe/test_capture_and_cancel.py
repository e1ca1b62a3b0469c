"""What may be done with an authorization, and until when."""

from typing import Any

import pytest
import stripe

from tests.emulators.stripe.support import charge_of, event_types, intent_in, known, pay
from tests.support.emulators import EmulatorProcess, eventually


async def test_a_full_capture(client: stripe.StripeClient, emulator: EmulatorProcess) -> None:
    """Captured in full, the money is ours and nothing is left."""
    intent = await pay(client)
    captured = await client.v1.payment_intents.capture_async(intent.id, {"expand": ["latest_charge"]})
    charge = charge_of(captured)
    assert (captured.status, captured.amount_received, captured.amount_capturable) == ("succeeded", 1000, 0)
    assert (charge.captured, charge.amount_captured, charge.amount_refunded) == (True, 1000, 0)
    assert (await event_types(emulator))[2:] == ["charge.captured", "payment_intent.succeeded"]


async def test_a_partial_capture_releases_the_rest(client: stripe.StripeClient, emulator: EmulatorProcess) -> None:
    """The rest cannot be captured later; the charge shows it as given back, though no refund exists."""
    intent = await pay(client)
    captured = await client.v1.payment_intents.capture_async(
        intent.id, {"amount_to_capture": 600, "expand": ["latest_charge"]}
    )
    charge = charge_of(captured)
    assert (captured.amount, captured.amount_received, captured.amount_capturable) == (1000, 600, 0)
    assert (charge.amount_captured, charge.amount_refunded, charge.refunded) == (600, 400, False)
    assert await known(emulator, "refund") == []


async def test_a_second_capture_is_refused(client: stripe.StripeClient) -> None:
    """One capture per authorization; the error carries the intent."""
    intent = await pay(client)
    await client.v1.payment_intents.capture_async(intent.id, {"amount_to_capture": 600})
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await client.v1.payment_intents.capture_async(intent.id, {"amount_to_capture": 400})
    assert (caught.value.http_status, caught.value.code) == (400, "payment_intent_unexpected_state")
    assert (intent_in(caught.value).status, intent_in(caught.value).amount_received) == ("succeeded", 600)


async def test_more_than_authorized_cannot_be_captured(client: stripe.StripeClient) -> None:
    """Too large a capture is refused, and the authorization stays."""
    intent = await pay(client)
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await client.v1.payment_intents.capture_async(intent.id, {"amount_to_capture": 1001})
    assert caught.value.code == "amount_too_large"
    assert (await client.v1.payment_intents.retrieve_async(intent.id)).amount_capturable == 1000


async def test_a_failing_capture_leaves_the_authorization(
    client: stripe.StripeClient, emulator: EmulatorProcess
) -> None:
    """The bank refuses the capture: 402, nothing taken, still capturable."""
    intent = await pay(client, "pm_card_captureFails")
    with pytest.raises(stripe.CardError) as caught:
        await client.v1.payment_intents.capture_async(intent.id)
    assert caught.value.code == "card_declined"
    after = await client.v1.payment_intents.retrieve_async(intent.id)
    assert (after.status, after.amount_received) == ("requires_capture", 0)
    assert "charge.captured" not in await event_types(emulator)


async def test_an_authorization_that_lapsed_unnoticed(client: stripe.StripeClient, emulator: EmulatorProcess) -> None:
    """The capture finds the authorization gone: the intent is canceled, nothing was taken."""
    intent = await pay(client, "pm_card_captureExpired")
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await client.v1.payment_intents.capture_async(intent.id)
    assert caught.value.code == "payment_intent_unexpected_state"
    found = intent_in(caught.value)
    assert (found.status, found.cancellation_reason, found.amount_received) == ("canceled", "automatic", 0)
    assert (await event_types(emulator))[2:] == ["charge.expired", "payment_intent.canceled"]


async def test_a_short_authorization_lapses_by_itself(client: stripe.StripeClient, emulator: EmulatorProcess) -> None:
    """Sixty virtual seconds later the hold is gone and Stripe says so."""
    intent = await pay(client, "pm_card_shortAuthorization")
    assert intent.status == "requires_capture"

    async def canceled() -> bool:
        return (await client.v1.payment_intents.retrieve_async(intent.id)).status == "canceled"

    await eventually(canceled, seconds=5)
    assert (await event_types(emulator))[2:] == ["charge.expired", "payment_intent.canceled"]
    [charge] = await known(emulator, "charge")
    assert (charge["captured"], charge["refunded"], charge["amount_captured"]) == (False, True, 0)


async def test_a_captured_authorization_does_not_lapse(client: stripe.StripeClient, emulator: EmulatorProcess) -> None:
    """Expiring what was captured is refused, and the money stays."""
    intent = await pay(client)
    await client.v1.payment_intents.capture_async(intent.id)
    answer = await emulator.request("POST", f"/_control/payment_intents/{intent.id}/expire")
    assert (answer.status_code, answer.json()["status"]) == (409, "succeeded")
    assert "charge.expired" not in await event_types(emulator)


async def test_an_authorization_expires_on_request(client: stripe.StripeClient, emulator: EmulatorProcess) -> None:
    """A test need not wait seven days."""
    intent = await pay(client)
    expired = await emulator.post(f"payment_intents/{intent.id}/expire")
    assert (expired["status"], expired["cancellation_reason"]) == ("canceled", "automatic")


@pytest.mark.parametrize(
    ("method", "confirm", "before"),
    [
        (None, False, "requires_payment_method"),
        ("pm_card_visa", False, "requires_confirmation"),
        ("pm_card_authenticationRequired", True, "requires_action"),
        ("pm_card_visa", True, "requires_capture"),
    ],
)
async def test_what_may_be_canceled(
    client: stripe.StripeClient, emulator: EmulatorProcess, method: str | None, confirm: bool, before: str
) -> None:
    """Everything not yet paid may be canceled, with the reason given; nothing stays capturable."""
    params: Any = {"payment_method": method} if method else {"payment_method": None}
    intent = await pay(client, confirm=confirm, **params)
    assert intent.status == before
    canceled = await client.v1.payment_intents.cancel_async(intent.id, {"cancellation_reason": "abandoned"})
    assert (canceled.status, canceled.cancellation_reason) == ("canceled", "abandoned")
    assert (canceled.amount_capturable, canceled.next_action) == (0, None)
    assert canceled.canceled_at is not None
    assert (await event_types(emulator))[-1] == "payment_intent.canceled"


async def test_what_may_not_be_canceled(client: stripe.StripeClient, emulator: EmulatorProcess) -> None:
    """A paid intent and a canceled one refuse, each naming its state."""
    paid = await pay(client, capture_method="automatic")
    canceled = await pay(client)
    await client.v1.payment_intents.cancel_async(canceled.id)
    for intent, status in ((paid, "succeeded"), (canceled, "canceled")):
        with pytest.raises(stripe.InvalidRequestError) as caught:
            await client.v1.payment_intents.cancel_async(intent.id)
        assert caught.value.code == "payment_intent_unexpected_state"
        assert intent_in(caught.value).status == status
    assert (await event_types(emulator)).count("payment_intent.canceled") == 1


async def test_a_canceled_authorization_cannot_be_captured(client: stripe.StripeClient) -> None:
    """A void is final."""
    intent = await pay(client)
    await client.v1.payment_intents.cancel_async(intent.id)
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await client.v1.payment_intents.capture_async(intent.id)
    assert intent_in(caught.value).amount_received == 0

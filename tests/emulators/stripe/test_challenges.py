"""3-D Secure: one more step to pay."""

import pytest
import stripe

from tests.emulators.stripe.support import event_types, intent_in, known, pay
from tests.support.emulators import EmulatorProcess

CARD = "pm_card_authenticationRequired"


async def test_a_challenge_asks_for_action(client: stripe.StripeClient, emulator: EmulatorProcess) -> None:
    """On session the shopper is asked, and nothing is held yet."""
    intent = await pay(client, "pm_card_threeDSecure2Required")
    assert (intent.status, intent.amount_capturable, intent.latest_charge) == ("requires_action", 0, None)
    assert intent.next_action is not None
    assert intent.next_action.type == "use_stripe_sdk"
    assert await event_types(emulator) == ["payment_intent.created", "payment_intent.requires_action"]


async def test_a_passed_challenge_authorizes(client: stripe.StripeClient, emulator: EmulatorProcess) -> None:
    """Once the shopper succeeds the money is held, and the challenge is over."""
    intent = await pay(client, CARD, metadata={"order_id": "ord_3"})
    assert await emulator.post("authenticate", match="ord_3", result="succeed") == {"authenticated": [intent.id]}
    after = await client.v1.payment_intents.retrieve_async(intent.id)
    assert (after.status, after.amount_capturable, after.next_action) == ("requires_capture", 1000, None)
    again = await emulator.request("POST", "/_control/authenticate", json={"match": "ord_3", "result": "succeed"})
    assert (again.status_code, again.json()) == (404, {"authenticated": []})


async def test_a_failed_challenge_pays_nothing(client: stripe.StripeClient, emulator: EmulatorProcess) -> None:
    """A shopper who fails is back to choosing a payment method; no charge was made."""
    intent = await pay(client, CARD)
    await emulator.post(f"payment_intents/{intent.id}/authenticate", result="fail")
    after = await client.v1.payment_intents.retrieve_async(intent.id)
    assert (after.status, after.payment_method) == ("requires_payment_method", None)
    assert after.last_payment_error is not None
    assert after.last_payment_error.code == "payment_intent_authentication_failure"
    assert await known(emulator, "charge") == []
    assert (await event_types(emulator))[-1] == "payment_intent.payment_failed"


async def test_the_hosted_page_leads_back_to_the_shop(client: stripe.StripeClient, emulator: EmulatorProcess) -> None:
    """With a return URL the shopper is sent to a page and, after it, back."""
    intent = await pay(client, CARD, return_url="https://shop.example/thanks")
    assert intent.next_action is not None
    redirect = intent.next_action.redirect_to_url
    assert redirect is not None
    assert redirect.url is not None
    assert redirect.return_url == "https://shop.example/thanks"
    path = redirect.url.removeprefix(emulator.url)
    page = await emulator.request("GET", path)
    assert "10.00 USD" in page.text
    back = await emulator.request("POST", path.replace("challenge", "authenticate"), data={"result": "succeed"})
    assert (back.status_code, back.headers["location"]) == (303, "https://shop.example/thanks")
    assert (await client.v1.payment_intents.retrieve_async(intent.id)).status == "requires_capture"


async def test_off_session_a_challenge_is_a_decline(client: stripe.StripeClient, emulator: EmulatorProcess) -> None:
    """Nobody is there to answer: 402, and nothing is held."""
    with pytest.raises(stripe.CardError) as caught:
        await pay(client, CARD, off_session=True)
    assert (caught.value.code, intent_in(caught.value).status) == ("authentication_required", "requires_payment_method")
    assert [charge["status"] for charge in await known(emulator, "charge")] == ["failed"]


async def test_off_session_passes_once_the_shopper_agreed(
    client: stripe.StripeClient, emulator: EmulatorProcess
) -> None:
    """A card authenticated for later use by this customer passes without them, for this customer only."""
    customer = await client.v1.customers.create_async({"name": "Ada"})
    other = await client.v1.customers.create_async({"name": "Grace"})
    intent = await pay(client, CARD, customer=customer.id, setup_future_usage="off_session")
    with pytest.raises(stripe.CardError):
        await pay(client, CARD, customer=customer.id, off_session=True)
    await emulator.post(f"payment_intents/{intent.id}/authenticate", result="succeed")
    assert (await pay(client, CARD, customer=customer.id, off_session=True)).status == "requires_capture"
    with pytest.raises(stripe.CardError):
        await pay(client, CARD, customer=other.id, off_session=True)


async def test_an_unused_challenge_cannot_be_answered_twice(
    client: stripe.StripeClient, emulator: EmulatorProcess
) -> None:
    """A canceled intent's challenge is refused and holds nothing."""
    intent = await pay(client, CARD)
    await client.v1.payment_intents.cancel_async(intent.id)
    path = f"/_control/payment_intents/{intent.id}/authenticate"
    answer = await emulator.request("POST", path, json={"result": "succeed"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "payment_intent_unexpected_state")
    assert await known(emulator, "charge") == []

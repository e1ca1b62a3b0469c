"""Checkout Sessions: pages on which a shopper pays."""

import time

import pytest
import stripe

from tests.emulators.stripe.support import event_types, known, page
from tests.support.emulators import EmulatorProcess


async def test_a_page_that_is_paid_on_holds_the_money(client: stripe.StripeClient, emulator: EmulatorProcess) -> None:
    """The payment carries the page's metadata, the page is complete and shows it, and both are announced."""
    made = await page(client, customer_creation="always")
    assert (made.status, made.payment_status, made.payment_intent) == ("open", "unpaid", None)
    await emulator.post(f"checkout/sessions/{made.id}/pay", payment_method="pm_card_visa")
    after = await client.v1.checkout.sessions.retrieve_async(made.id, {"expand": ["payment_intent.latest_charge"]})
    assert (after.status, after.payment_status, after.url) == ("complete", "unpaid", None)
    intent = after.payment_intent
    assert isinstance(intent, stripe.PaymentIntent)
    assert (intent.status, intent.amount_capturable, intent.metadata["order_id"]) == ("requires_capture", 1000, "o")
    assert intent.customer == after.customer
    assert "checkout.session.completed" in await event_types(emulator)


async def test_a_declined_attempt_leaves_the_page_open(client: stripe.StripeClient, emulator: EmulatorProcess) -> None:
    """The shopper may try another card there; one payment of theirs is alive at most."""
    made = await page(client)
    pay = f"/_control/checkout/sessions/{made.id}/pay"
    refused = await emulator.request("POST", pay, json={"payment_method": "pm_card_chargeDeclined"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "card_declined")
    assert (await client.v1.checkout.sessions.retrieve_async(made.id)).status == "open"
    assert await emulator.post("checkout/pay", match=made.id) == {"paid": [made.id]}
    assert sorted(i["status"] for i in await known(emulator, "payment_intent")) == ["canceled", "requires_capture"]


async def test_a_challenge_on_the_page_completes_it_when_passed(
    client: stripe.StripeClient, emulator: EmulatorProcess
) -> None:
    """Until then nothing is held."""
    made = await page(client)
    await emulator.post(f"checkout/sessions/{made.id}/pay", payment_method="pm_card_authenticationRequired")
    waiting = await client.v1.checkout.sessions.retrieve_async(made.id)
    assert waiting.status == "open"
    await emulator.post(f"payment_intents/{waiting.payment_intent}/authenticate", result="succeed")
    assert (await client.v1.checkout.sessions.retrieve_async(made.id)).status == "complete"


async def test_an_expired_page_takes_no_money(client: stripe.StripeClient, emulator: EmulatorProcess) -> None:
    """Expired by the shop: paying is refused, expiring it again is refused, and it is announced once."""
    made = await page(client)
    assert (await client.v1.checkout.sessions.expire_async(made.id)).status == "expired"
    assert (await emulator.request("POST", f"/_control/checkout/sessions/{made.id}/pay", json={})).status_code == 409
    assert (await emulator.request("GET", f"/_control/checkout/sessions/{made.id}/page")).status_code == 410
    with pytest.raises(stripe.InvalidRequestError):
        await client.v1.checkout.sessions.expire_async(made.id)
    assert (await event_types(emulator)).count("checkout.session.expired") == 1


@pytest.mark.parametrize("lives", [60, 29 * 60, 25 * 3600])
async def test_a_page_lives_from_half_an_hour_to_a_day(client: stripe.StripeClient, lives: int) -> None:
    """Anything else is refused, naming the parameter."""
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await page(client, expires_at=int(time.time()) + lives)
    assert caught.value.param == "expires_at"


async def test_the_page_for_a_human_leads_back_to_the_shop(
    client: stripe.StripeClient, emulator: EmulatorProcess
) -> None:
    """Its form pays and sends the shopper to the success page."""
    made = await page(client)
    assert made.url is not None
    shown = await emulator.request("GET", made.url.removeprefix(emulator.url))
    assert "Pay 10.00 USD" in shown.text
    form = {"payment_method": "pm_card_visa"}
    answer = await emulator.request("POST", f"/_control/checkout/sessions/{made.id}/pay", data=form)
    assert (answer.status_code, answer.headers["location"]) == (303, "https://shop.example/thanks")

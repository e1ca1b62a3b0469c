"""Authorizing and declining, as the real SDK sees it."""

from typing import Any

import httpx
import pytest
import stripe

from tests.emulators.stripe.support import charge_of, event_types, intent_in, known, pay
from tests.support.emulators import EmulatorProcess


async def test_manual_capture_authorizes(client: stripe.StripeClient, emulator: EmulatorProcess) -> None:
    """A good card is held, not charged."""
    intent = await pay(client, metadata={"order_id": "ord_1"}, transfer_group="ord_1", description="Order 1")
    charge = charge_of(intent)
    assert (intent.status, intent.amount_capturable, intent.amount_received) == ("requires_capture", 1000, 0)
    assert (intent.transfer_group, intent.description) == ("ord_1", "Order 1")
    assert intent.to_dict()["metadata"] == {"order_id": "ord_1"}
    assert (intent.livemode, intent.next_action, intent.last_payment_error) == (False, None, None)
    assert (charge.captured, charge.amount_captured, charge.amount_refunded, charge.refunded) == (False, 0, 0, False)
    assert charge.outcome is not None
    assert charge.outcome.type == "authorized"
    assert await event_types(emulator) == ["payment_intent.created", "payment_intent.amount_capturable_updated"]


async def test_an_authorization_is_good_for_seven_real_days(client: stripe.StripeClient) -> None:
    """`capture_before` is seven days ahead whatever the time scale."""
    charge = charge_of(await pay(client))
    assert charge.payment_method_details is not None
    assert charge.payment_method_details.card is not None
    assert charge.payment_method_details.card.capture_before is not None
    assert 0 <= charge.payment_method_details.card.capture_before - charge.created - 7 * 86_400 <= 1


async def test_automatic_capture_takes_the_money_at_once(
    client: stripe.StripeClient, emulator: EmulatorProcess
) -> None:
    """Without manual capture a good card is charged, and there is nothing left to capture."""
    intent = await pay(client, "pm_card_mastercard", capture_method="automatic")
    charge = charge_of(intent)
    assert (intent.status, intent.amount_capturable, intent.amount_received) == ("succeeded", 0, 1000)
    assert (charge.captured, charge.amount_captured) == (True, 1000)
    assert await event_types(emulator) == ["payment_intent.created", "payment_intent.succeeded"]


@pytest.mark.parametrize(
    ("method", "code", "decline_code"),
    [
        ("pm_card_chargeDeclined", "card_declined", "generic_decline"),
        ("pm_card_visa_chargeDeclined", "card_declined", "generic_decline"),
        ("pm_card_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card", "expired_card"),
    ],
)
async def test_a_decline_is_a_card_error(
    client: stripe.StripeClient, emulator: EmulatorProcess, method: str, code: str, decline_code: str
) -> None:
    """A declined card answers 402, leaves an unpaid intent and holds no money."""
    with pytest.raises(stripe.CardError) as caught:
        await pay(client, method)
    error = caught.value
    assert error.error is not None
    intent = intent_in(error)
    assert (error.http_status, error.code, error.error.decline_code) == (402, code, decline_code)
    assert (intent.status, intent.amount_capturable, intent.payment_method) == ("requires_payment_method", 0, None)
    assert intent.last_payment_error is not None
    assert intent.last_payment_error.code == code
    [charge] = await known(emulator, "charge")
    assert (charge["id"], charge["status"], charge["paid"]) == (error.error.charge, "failed", False)
    assert await event_types(emulator) == ["payment_intent.created", "payment_intent.payment_failed"]


async def test_a_declined_intent_can_be_paid_with_another_card(client: stripe.StripeClient) -> None:
    """The shopper tries again on the same intent, and one charge succeeds."""
    with pytest.raises(stripe.CardError) as caught:
        await pay(client, "pm_card_chargeDeclined")
    params: Any = {"payment_method": "pm_card_visa"}
    intent = await client.v1.payment_intents.confirm_async(intent_in(caught.value).id, params)
    assert (intent.status, intent.last_payment_error) == ("requires_capture", None)


async def test_create_then_confirm(client: stripe.StripeClient) -> None:
    """An intent can be made first and confirmed later, once."""
    intent = await pay(client, confirm=False)
    assert (intent.status, intent.latest_charge) == ("requires_confirmation", None)
    confirmed = await client.v1.payment_intents.confirm_async(intent.id)
    assert confirmed.status == "requires_capture"
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await client.v1.payment_intents.confirm_async(intent.id)
    assert caught.value.code == "payment_intent_unexpected_state"
    assert intent_in(caught.value).status == "requires_capture"


@pytest.mark.parametrize(
    ("params", "code", "param"),
    [
        ({"amount": None}, "parameter_missing", "amount"),
        ({"amount": "ten"}, "parameter_invalid_integer", "amount"),
        ({"amount": 0}, "parameter_invalid_integer", "amount"),
        ({"amount": 49}, "amount_too_small", "amount"),
        ({"colour": "red"}, "parameter_unknown", "colour"),
        ({"payment_method": "pm_unknown"}, "resource_missing", "payment_method"),
        ({"customer": "cus_unknown"}, "resource_missing", "customer"),
        ({"capture_method": "never"}, None, "capture_method"),
        ({"metadata": {"k": "v" * 501}}, None, "metadata[k]"),
    ],
)
async def test_wrong_parameters_are_refused_before_anything_is_made(
    client: stripe.StripeClient, emulator: EmulatorProcess, params: dict[str, Any], code: str | None, param: str
) -> None:
    """A refused parameter answers 400 naming it, and no intent exists."""
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await pay(client, **params)
    assert (caught.value.http_status, caught.value.code, caught.value.param) == (400, code, param)
    assert await known(emulator, "payment_intent") == []


async def test_unknown_objects_are_404(client: stripe.StripeClient) -> None:
    """What does not exist cannot be read."""
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await client.v1.payment_intents.retrieve_async("pi_unknown")
    assert (caught.value.http_status, caught.value.code) == (404, "resource_missing")


async def test_an_api_key_is_required(emulator: EmulatorProcess) -> None:
    """Without a key the answer is 401 with Stripe's error body."""
    answer = await emulator.request("POST", "/v1/payment_intents", data={"amount": "1000", "currency": "usd"})
    assert answer.status_code == 401
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert await known(emulator, "payment_intent") == []


async def test_reading_back_and_expanding(client: stripe.StripeClient) -> None:
    """References are ids unless expanded."""
    customer = await client.v1.customers.create_async({"name": "Ada", "metadata": {"shopper": "s1"}})
    made = await pay(client, customer=customer.id, expand=[])
    assert isinstance(made.latest_charge, str)
    plain = await client.v1.payment_intents.retrieve_async(made.id)
    assert (plain.customer, plain.latest_charge) == (customer.id, made.latest_charge)
    full = await client.v1.payment_intents.retrieve_async(made.id, {"expand": ["latest_charge", "customer"]})
    assert charge_of(full).id == made.latest_charge
    assert isinstance(full.customer, stripe.Customer)
    assert full.customer.name == "Ada"
    assert full.customer.to_dict()["metadata"] == {"shopper": "s1"}
    charge = await client.v1.charges.retrieve_async(made.latest_charge)
    assert (charge.payment_intent, charge.customer) == (made.id, customer.id)
    assert (await client.v1.customers.retrieve_async(customer.id)).name == "Ada"


async def test_a_refusal_on_request_declines_the_attempt(
    client: stripe.StripeClient, emulator: EmulatorProcess
) -> None:
    """A `refuse` fault makes the bank say no to a good card; nothing is held."""
    await emulator.post("faults", kind="refuse", code="insufficient_funds", match="ord_7", times=1)
    with pytest.raises(stripe.CardError) as caught:
        await pay(client, metadata={"order_id": "ord_7"})
    assert caught.value.error is not None
    assert (caught.value.code, caught.value.error.decline_code) == ("card_declined", "insufficient_funds")
    assert intent_in(caught.value).amount_capturable == 0
    assert (await pay(client, metadata={"order_id": "ord_7"})).status == "requires_capture"


async def test_a_refusal_of_something_else_is_a_400(client: stripe.StripeClient, emulator: EmulatorProcess) -> None:
    """A refused cancellation names the code, and the intent stays as it was."""
    intent = await pay(client)
    await emulator.post("faults", kind="refuse", code="lock_timeout", path="/cancel$", times=1)
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await client.v1.payment_intents.cancel_async(intent.id)
    assert caught.value.code == "lock_timeout"
    assert (await client.v1.payment_intents.retrieve_async(intent.id)).status == "requires_capture"


async def test_rate_limit(client: stripe.StripeClient, emulator: EmulatorProcess) -> None:
    """A 429 is a RateLimitError whose code is in the body, and no intent exists."""
    await emulator.post("faults", kind="status", status=429, times=1)
    with pytest.raises(stripe.RateLimitError) as caught:
        await pay(client)
    assert caught.value.error is not None
    assert caught.value.error.code == "rate_limit"
    assert await known(emulator, "payment_intent") == []


async def test_a_lost_answer_is_a_connection_error(client: stripe.StripeClient, emulator: EmulatorProcess) -> None:
    """The SDK cannot know the outcome, though the money is held; the same key tells."""
    await emulator.post("faults", kind="lose_answer", times=1)
    with pytest.raises(stripe.APIConnectionError):
        await pay(client, key="key-1")
    [lost] = await known(emulator, "payment_intent")
    assert (await pay(client, key="key-1")).id == lost["id"]
    assert len(await known(emulator, "charge")) == 1


async def test_unknown_paths_are_404(emulator: EmulatorProcess) -> None:
    """A path Stripe does not have answers its own 404 body."""
    headers = httpx.Headers({"authorization": "Bearer sk_test_emulator"})
    answer = await emulator.request("GET", "/v1/nothing", headers=headers)
    assert answer.status_code == 404
    assert answer.json()["error"]["type"] == "invalid_request_error"

"""A payment method of its own pays once, unless it is kept for a customer; test tokens are new ones each time."""

from typing import Any

import pytest
import stripe

from tests.emulators.stripe.support import event_types, known, pay
from tests.support.emulators import EmulatorProcess


async def made(client: stripe.StripeClient, token: str = "tok_visa") -> str:
    """The id of a new payment method."""
    params: Any = {"type": "card", "card": {"token": token}}
    return (await client.v1.payment_methods.create_async(params)).id


async def buyer(client: stripe.StripeClient) -> str:
    """The id of a new customer."""
    return (await client.v1.customers.create_async({"name": "Ada"})).id


async def refused(attempt: Any) -> str:
    """The message of a refusal of parameters; Stripe gives these no code."""
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await attempt
    assert (caught.value.http_status, caught.value.code) == (400, None)
    return str(caught.value.user_message)


async def test_one_pays_once(client: stripe.StripeClient, emulator: EmulatorProcess) -> None:
    """The second payment is refused in words, with and without a customer, and nothing is made."""
    method = await made(client)
    assert (await pay(client, method)).status == "requires_capture"
    assert "may not be used again" in await refused(pay(client, method))
    customer = await buyer(client)
    assert "may not be used again" in await refused(pay(client, method, customer=customer))
    attach = client.v1.payment_methods.attach_async(method, {"customer": customer})
    assert "may not be used again" in await refused(attach)
    assert len(await known(emulator, "payment_intent")) == 1
    [kept] = await known(emulator, "payment_method")
    assert kept["customer"] is None


async def test_a_declined_attempt_uses_it_up_too(client: stripe.StripeClient) -> None:
    """Declined, it is gone all the same: the same payment takes another one."""
    method = await made(client, "tok_chargeDeclined")
    with pytest.raises(stripe.CardError):
        await pay(client, method)
    assert "may not be used again" in await refused(pay(client, method))


async def test_a_customer_alone_does_not_keep_it(client: stripe.StripeClient) -> None:
    """Without `setup_future_usage` it is used up for the customer as well."""
    customer, method = await buyer(client), await made(client)
    await pay(client, method, customer=customer)
    assert "may not be used again" in await refused(pay(client, method, customer=customer))


async def test_one_kept_for_a_customer_pays_again_for_that_customer(
    client: stripe.StripeClient, emulator: EmulatorProcess
) -> None:
    """Kept by the first payment; off session later; never for another customer or for none."""
    customer, method = await buyer(client), await made(client)
    await pay(client, method, customer=customer, setup_future_usage="off_session")
    assert (await client.v1.payment_methods.retrieve_async(method)).customer == customer
    assert (await pay(client, method, customer=customer, off_session=True)).status == "requires_capture"
    assert "attached to a customer" in await refused(pay(client, method))
    assert "attached to a customer" in await refused(pay(client, method, customer=await buyer(client)))
    assert (await event_types(emulator)).count("payment_method.attached") == 1


async def test_one_attached_before_it_paid(client: stripe.StripeClient) -> None:
    """A form may keep it first; then any payment of that customer may use it."""
    customer, method = await buyer(client), await made(client)
    attached = await client.v1.payment_methods.attach_async(method, {"customer": customer})
    assert (attached.customer, attached.to_dict()["card"]["last4"]) == (customer, "4242")
    for _ in range(2):
        assert (await pay(client, method, customer=customer)).status == "requires_capture"


async def test_a_decline_keeps_nothing(client: stripe.StripeClient) -> None:
    """Kept only by a payment that passed."""
    customer, method = await buyer(client), await made(client, "tok_chargeDeclined")
    with pytest.raises(stripe.CardError):
        await pay(client, method, customer=customer, setup_future_usage="off_session")
    assert (await client.v1.payment_methods.retrieve_async(method)).customer is None


async def test_a_test_token_is_never_used_up(client: stripe.StripeClient, emulator: EmulatorProcess) -> None:
    """`pm_card_visa` stands for a new method each time."""
    for _ in range(2):
        assert (await pay(client, "pm_card_visa")).status == "requires_capture"
    assert await known(emulator, "payment_method") == []


async def test_unknown_tokens_methods_and_customers(client: stripe.StripeClient) -> None:
    """Named by a parameter: 400; by the path: 404."""
    attempts = [
        made(client, "tok_unknown"),
        pay(client, "pm_card_visa_000000000000000000000000"),
        client.v1.payment_methods.attach_async(await made(client), {"customer": "cus_unknown"}),
        client.v1.payment_methods.retrieve_async("pm_unknown"),
    ]
    found = []
    for attempt in attempts:
        with pytest.raises(stripe.InvalidRequestError) as caught:
            await attempt
        found.append((caught.value.http_status, caught.value.code))
    assert found == [(400, "resource_missing")] * 3 + [(404, "resource_missing")]


@pytest.mark.parametrize(
    ("available", "asked", "days", "status"),
    [
        (True, "if_available", 30, "enabled"),
        (True, "never", 7, "disabled"),
        (True, None, 7, "disabled"),
        (False, "if_available", 7, "disabled"),
    ],
)
async def test_a_hold_is_longer_where_asked_for_and_allowed(
    client: stripe.StripeClient, emulator: EmulatorProcess, available: bool, asked: str | None, days: int, status: str
) -> None:
    """Thirty days for an account that may, seven for any other; the charge says which."""
    await emulator.post("extended-authorization", available=available)
    options: Any = {"payment_method_options": {"card": {"request_extended_authorization": asked}}} if asked else {}
    intent = await pay(client, **options)
    assert isinstance(intent.latest_charge, stripe.Charge)
    card = intent.latest_charge.to_dict()["payment_method_details"]["card"]
    assert card["extended_authorization"] == {"status": status}
    assert 0 <= card["capture_before"] - intent.created - days * 86_400 <= 1


async def test_a_wrong_wish_for_a_longer_hold(client: stripe.StripeClient, emulator: EmulatorProcess) -> None:
    """Only the two words Stripe knows."""
    options: Any = {"card": {"request_extended_authorization": "always"}}
    await refused(pay(client, payment_method_options=options))
    assert await known(emulator, "payment_intent") == []

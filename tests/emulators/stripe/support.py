"""Short ways to say what the tests of the Stripe emulator do again and again."""

import time
from typing import Any

import stripe

from tests.support.emulators import EmulatorProcess


async def pay(client: stripe.StripeClient, method: str = "pm_card_visa", **more: Any) -> stripe.PaymentIntent:
    """A confirmed intent over 10 dollars; manual capture unless told otherwise. `key` is the idempotency key."""
    key = more.pop("key", None)
    params: Any = {
        "amount": 1000,
        "currency": "usd",
        "capture_method": "manual",
        "confirm": True,
        "payment_method": method,
        "expand": ["latest_charge"],
        **more,
    }
    return await client.v1.payment_intents.create_async(params, {"idempotency_key": key} if key else {})


async def page(client: stripe.StripeClient, **more: Any) -> stripe.checkout.Session:
    """A page to pay 10 dollars on, reserved first, open for an hour."""
    price = {"currency": "usd", "unit_amount": 1000, "product_data": {"name": "Order o"}}
    params: Any = {
        "mode": "payment",
        "line_items": [{"price_data": price, "quantity": 1}],
        "payment_intent_data": {"capture_method": "manual", "metadata": {"order_id": "o"}},
        "metadata": {"order_id": "o"},
        "success_url": "https://shop.example/thanks",
        "expires_at": int(time.time()) + 3600,
        **more,
    }
    return await client.v1.checkout.sessions.create_async(params)


def charge_of(intent: stripe.PaymentIntent) -> stripe.Charge:
    """The expanded charge."""
    assert isinstance(intent.latest_charge, stripe.Charge)
    return intent.latest_charge


def intent_in(error: stripe.StripeError) -> stripe.PaymentIntent:
    """The payment intent an error carries."""
    assert error.error is not None
    intent = error.error.payment_intent
    assert intent is not None
    return intent


async def known(emulator: EmulatorProcess, kind: str) -> list[dict[str, Any]]:
    """Every object of a kind the company knows."""
    found: list[dict[str, Any]] = (await emulator.get("records", kind=kind)).get(kind, [])
    return found


async def event_types(emulator: EmulatorProcess) -> list[str]:
    """Types of the events announced so far, in order."""
    return [event["type"] for event in await known(emulator, "event")]

"""Every object and error held against Stripe's published specification, where it is at hand."""

import json
from functools import cache
from typing import Any

import jsonschema
import pytest
import stripe

from tests.emulators.stripe.support import known, page, pay
from tests.support.emulators import SPECS, EmulatorProcess

SPEC = SPECS / "stripe-openapi.json"
pytestmark = pytest.mark.skipif(not SPEC.exists(), reason="Stripe's specification is not beside the repository")


@cache
def schemas() -> dict[str, Any]:
    """The component schemas as JSON Schema: OpenAPI's `nullable` becomes a choice with null."""
    found: dict[str, Any] = _with_null(json.loads(SPEC.read_text())["components"])
    return found


def _with_null(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_with_null(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    converted = {name: _with_null(value) for name, value in schema.items() if name != "nullable"}
    return {"anyOf": [converted, {"type": "null"}]} if schema.get("nullable") is True else converted


def problems(name: str, thing: dict[str, Any]) -> list[str]:
    """Where an object departs from a component schema."""
    schema = {"$ref": f"#/components/schemas/{name}", "components": schemas()}
    validator = jsonschema.Draft7Validator(schema)
    return [
        f"{name} {'/'.join(map(str, error.absolute_path))}: {error.message}" for error in validator.iter_errors(thing)
    ]


async def live(client: stripe.StripeClient, emulator: EmulatorProcess) -> list[stripe.StripeError]:
    """One payment of every kind; answers the errors met."""
    customer = await client.v1.customers.create_async({"name": "Ada", "metadata": {"shopper": "s1"}})
    captured = await pay(client, customer=customer.id, setup_future_usage="off_session", metadata={"order_id": "o"})
    await client.v1.payment_intents.capture_async(captured.id, {"amount_to_capture": 600})
    await client.v1.refunds.create_async({"payment_intent": captured.id, "amount": 100})
    await client.v1.payment_intents.cancel_async((await pay(client)).id)
    await pay(client, "pm_card_authenticationRequired", return_url="https://shop.example/thanks")
    await pay(client, "pm_card_authenticationRequired")
    for done in ("pay", "lapse"):
        await emulator.post(f"checkout/sessions/{(await page(client)).id}/{done}")
    await page(client)
    back = {"return_url": "https://shop.example/thanks"}
    ideal = {"currency": "eur", "capture_method": "automatic", "allowed_payment_method_types": ["ideal"], **back}
    redirected = await pay(client, "pm_ideal", **ideal)
    await emulator.post(f"payment_intents/{redirected.id}/authenticate", result="succeed")
    accepted = {"customer_acceptance": {"type": "offline", "offline": {}}}
    debit = {"capture_method": "automatic", "allowed_payment_method_types": ["us_bank_account"]}
    for result in ("succeed", "fail"):
        made = await pay(client, "pm_usBankAccount_success", mandate_data=accepted, **debit)
        await emulator.post(f"payment_intents/{made.id}/settle", result=result)
    await pay(client, "pm_card_applePay")
    card: Any = {"type": "card", "card": {"token": "tok_visa"}}
    await pay(client, (await client.v1.payment_methods.create_async(card)).id)
    attempts = [
        pay(client, "pm_card_chargeDeclined"),
        pay(client, amount="ten"),
        client.v1.payment_intents.capture_async(captured.id),
        client.v1.payment_intents.retrieve_async("pi_unknown"),
        client.v1.refunds.create_async({"payment_intent": captured.id, "amount": 9000}),
    ]
    return [await _error(attempt) for attempt in attempts]


async def _error(attempt: Any) -> stripe.StripeError:
    with pytest.raises(stripe.StripeError) as caught:
        await attempt
    return caught.value


async def test_objects_fit_the_specification(client: stripe.StripeClient, emulator: EmulatorProcess) -> None:
    """Every intent, charge, refund, customer and event is of its schema."""
    await live(client, emulator)
    for kind in ("payment_intent", "payment_method", "charge", "refund", "customer", "event", "checkout.session"):
        things = await known(emulator, kind)
        assert things != []
        assert [problem for thing in things for problem in problems(kind, thing)] == []


async def test_errors_fit_the_specification(client: stripe.StripeClient, emulator: EmulatorProcess) -> None:
    """Every error body is of the error schema."""
    errors = await live(client, emulator)
    assert [error.http_status for error in errors] == [402, 400, 400, 404, 400]
    bodies = [json.loads(str(error.http_body)) for error in errors]
    assert [problem for body in bodies for problem in problems("error", body)] == []


async def test_expanded_objects_fit_the_specification(client: stripe.StripeClient) -> None:
    """An intent carrying its charge and customer is still of its schema."""
    customer = await client.v1.customers.create_async({"name": "Ada"})
    intent = await pay(client, customer=customer.id, expand=["latest_charge", "customer"])
    assert intent.last_response is not None
    assert problems("payment_intent", json.loads(intent.last_response.body)) == []

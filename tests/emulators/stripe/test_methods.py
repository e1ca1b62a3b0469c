"""Payment methods that are no cards: what Stripe refuses of them, and how they end."""

from typing import Any

import pytest
import stripe

from tests.emulators.stripe.support import event_types, pay
from tests.support.emulators import EmulatorProcess, eventually

BACK = "https://shop.example/thanks"
ACCEPTED = {"customer_acceptance": {"type": "offline", "offline": {}}}
DEBIT: dict[str, Any] = {
    "capture_method": "automatic",
    "allowed_payment_method_types": ["us_bank_account"],
    "mandate_data": ACCEPTED,
}


@pytest.mark.parametrize(
    ("method", "changes", "param"),
    [
        ("pm_ideal", {"currency": "eur", "allowed_payment_method_types": ["ideal"]}, "capture_method"),
        ("pm_affirm", {"setup_future_usage": "off_session"}, "setup_future_usage"),
        ("pm_affirm", {"currency": "eur"}, "currency"),
        ("pm_affirm", {"return_url": ""}, "payment_method"),
        ("pm_usBankAccount_success", {**DEBIT, "mandate_data": ""}, "mandate_data"),
    ],
)
async def test_what_a_type_cannot_do_is_refused(
    client: stripe.StripeClient, method: str, changes: dict[str, Any], param: str
) -> None:
    """Named by its parameter, before anything is made."""
    usual = {"allowed_payment_method_types": ["affirm"], "return_url": BACK} if method == "pm_affirm" else {}
    if param == "payment_method":
        usual = {}
    asked = {name: value for name, value in {**usual, **changes}.items() if value != ""}
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await pay(client, method, **asked)
    assert caught.value.param == param


async def test_a_debit_settles_by_itself_after_days(client: stripe.StripeClient, emulator: EmulatorProcess) -> None:
    """It processes, cannot be canceled, and is decided once the virtual days have passed."""
    made = await pay(client, "pm_usBankAccount_accountClosed", **DEBIT)
    assert made.status == "processing"
    with pytest.raises(stripe.InvalidRequestError, match="could not be canceled"):
        await client.v1.payment_intents.cancel_async(made.id)
    await emulator.post("time-scale", scale=10_000_000)

    async def failed() -> bool:
        return "payment_intent.payment_failed" in await event_types(emulator)

    try:
        await eventually(failed)
    finally:
        await emulator.post("time-scale", scale=100)
    after = await client.v1.payment_intents.retrieve_async(made.id)
    assert after.status == "requires_payment_method"
    assert after.last_payment_error is not None
    assert after.last_payment_error.decline_code == "account_closed"

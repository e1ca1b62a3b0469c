"""Payment methods that are no cards, over HTTP; a wallet's payment method is one."""

import json
from typing import Any

import pytest

from ordersaga.domain.errors import OperatorError, RetryError
from ordersaga.domain.payment_methods import CAPABILITIES, MethodType
from ordersaga.domain.payments import PaymentState, PaymentStatus
from ordersaga.gateways.stripe.payments import StripePayments
from tests.gateways.support import new_order, payment
from tests.support.emulators import SPECS, EmulatorProcess

BACK = "https://shop.example/thanks"
SPEC = SPECS / "stripe-openapi.json"


async def asked(gateway: StripePayments, order: str, method: str, kind: MethodType, **changes: Any) -> PaymentState:
    """12.34 asked for."""
    wanted = payment(order, payment_method=method, method_type=kind, **{"return_url": BACK, **changes})
    return await gateway.authorize(wanted, key=f"{order}/authorize/1/1")


@pytest.mark.parametrize("wallet", ["pm_card_applePay", "pm_card_googlePay"])
async def test_a_wallet_hands_over_a_card(stripe_payments: StripePayments, wallet: str) -> None:
    """Reserved, captured and refunded as any card is."""
    order = new_order()
    state = await stripe_payments.authorize(payment(order, payment_method=wallet), key=f"{order}/authorize/1/1")
    assert (state.status, state.capturable) == (PaymentStatus.AUTHORIZED, 1234)
    assert state.capture_before is not None
    state = await stripe_payments.capture(state.payment_id, 1234, key=f"{order}/capture/1/1")
    assert (state.status, state.captured) == (PaymentStatus.CAPTURED, 1234)


@pytest.mark.parametrize(
    ("kind", "currency", "paid"),
    [
        (MethodType.IDEAL, "EUR", PaymentStatus.CAPTURED),
        (MethodType.BANCONTACT, "EUR", PaymentStatus.CAPTURED),
        (MethodType.PAYPAL, "USD", PaymentStatus.AUTHORIZED),
        (MethodType.AFFIRM, "USD", PaymentStatus.AUTHORIZED),
        (MethodType.KLARNA, "USD", PaymentStatus.AUTHORIZED),
    ],
)
async def test_a_redirect_leads_to_the_bank_and_back(
    stripe_payments: StripePayments, stripe_emulator: EmulatorProcess, kind: MethodType, currency: str, paid: str
) -> None:
    """Sent to the bank's page; then reserved where the type can be, else taken at once."""
    state = await asked(stripe_payments, new_order(), f"pm_{kind}", kind, currency=currency)
    assert state.status is PaymentStatus.REQUIRES_ACTION
    assert state.next_action is not None
    assert (state.next_action.kind, bool(state.next_action.url)) == ("redirect", True)
    await stripe_emulator.post(f"payment_intents/{state.payment_id}/authenticate", result="succeed")
    assert (await stripe_payments.inquire(state.payment_id)).status == paid
    assert CAPABILITIES[kind].reserves is (paid == PaymentStatus.AUTHORIZED)


async def test_a_redirect_without_a_way_back_is_an_operators_matter(stripe_payments: StripePayments) -> None:
    """Nothing is asked of Stripe; the error names the field."""
    with pytest.raises(OperatorError, match=r"send payment\.return_url") as caught:
        await asked(stripe_payments, new_order(), "pm_ideal", MethodType.IDEAL, currency="EUR", return_url=None)
    assert caught.value.code == "return_url_missing"


@pytest.mark.parametrize(
    ("method", "kind", "currency"),
    [
        ("pm_usBankAccount_success", MethodType.US_BANK_ACCOUNT, "USD"),
        ("pm_sepaDebit_success", MethodType.SEPA_DEBIT, "EUR"),
    ],
)
@pytest.mark.parametrize("succeed", [True, False])
async def test_a_bank_debit_is_decided_days_later(
    stripe_payments: StripePayments,
    stripe_emulator: EmulatorProcess,
    method: str,
    kind: MethodType,
    currency: str,
    succeed: bool,
) -> None:
    """It processes, and cannot be given back meanwhile; then it is taken, or declined with the bank's reason."""
    state = await asked(stripe_payments, order := new_order(), method, kind, currency=currency)
    assert (state.status, state.captured) == (PaymentStatus.PROCESSING, 0)
    with pytest.raises(RetryError, match="payment_busy"):
        await stripe_payments.void(state.payment_id, key=f"{order}/void/1/1")
    result = "succeed" if succeed else "fail"
    await stripe_emulator.post(f"payment_intents/{state.payment_id}/settle", result=result)
    state = await stripe_payments.inquire(state.payment_id)
    if succeed:
        assert (state.status, state.captured) == (PaymentStatus.CAPTURED, 1234)
        assert (await stripe_payments.refund(state.payment_id, 1234, key=f"{order}/refund/1/1")).amount == 1234
    else:
        assert (state.status, state.code) == (PaymentStatus.DECLINED, "insufficient_funds")
        assert (await stripe_payments.void(state.payment_id, key=f"{order}/void/1/2")).status is PaymentStatus.VOIDED


@pytest.mark.skipif(not SPEC.exists(), reason="Stripe's specification is not beside the repository")
def test_what_can_be_reserved_is_what_stripe_lets_be_captured_by_hand() -> None:
    """The specification has an option `capture_method` for exactly these types, of those it knows."""
    body = json.loads(SPEC.read_text())["paths"]["/v1/payment_intents"]["post"]["requestBody"]["content"]
    options = body["application/x-www-form-urlencoded"]["schema"]["properties"]["payment_method_options"]["properties"]
    for kind, can in CAPABILITIES.items():
        if kind in options:
            choices = options[kind].get("anyOf", [options[kind]])
            by_hand = any("capture_method" in choice.get("properties", {}) for choice in choices)
            assert by_hand is can.reserves, kind

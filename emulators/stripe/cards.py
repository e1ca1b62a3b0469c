"""Test payment methods (https://docs.stripe.com/testing) and a few of this emulator's own.

Stripe turns a test token into a payment method with an id of its own; here the token stays the id.
Own ones: `pm_card_captureFails`, `pm_card_captureExpired`, `pm_card_shortAuthorization`, and those that stand for
what a shopper makes in Stripe's form: `pm_ideal`, `pm_bancontact`, `pm_paypal`, `pm_affirm`, `pm_klarna`,
`pm_sepaDebit_success`, `pm_sepaDebit_failed`, `pm_card_applePay`, `pm_card_googlePay`.
"""

from dataclasses import dataclass
from typing import Any, Literal

DAY = 86_400
_MESSAGES = {
    "expired_card": "Your card has expired.",
    "insufficient_funds": "Your card has insufficient funds.",
    "incorrect_cvc": "Your card's security code is incorrect.",
    "processing_error": "An error occurred while processing your card. Try again in a little bit.",
    "authentication_required": "Your card was declined. This transaction requires authentication.",
}
_OWN_CODES = {"expired_card", "incorrect_cvc", "processing_error", "authentication_required"}


@dataclass(frozen=True)
class Card:
    """How a test card behaves, or a payment method of another `type`.

    `wallet`: whose wallet handed the card over. `settles`: what a slow bank says in the end; None: it says nothing.
    """

    brand: str = "visa"
    last4: str = "4242"
    decline: str | None = None
    challenge: bool = False
    capture: Literal["succeed", "fail", "lapse"] = "succeed"
    short_authorization: bool = False
    refund: Literal["succeed", "pending", "fail"] = "succeed"
    type: str = "card"
    wallet: str | None = None
    settles: str | None = "succeed"


@dataclass(frozen=True)
class Kind:
    """What Stripe allows of a type of payment methods."""

    manual_capture: bool = False
    saved: bool = False
    slow: bool = False
    currencies: tuple[str, ...] = ()


KINDS = {
    "card": Kind(manual_capture=True, saved=True),
    "paypal": Kind(manual_capture=True),
    "affirm": Kind(manual_capture=True, currencies=("usd", "cad")),
    "klarna": Kind(manual_capture=True),
    "ideal": Kind(currencies=("eur",)),
    "bancontact": Kind(currencies=("eur",)),
    "us_bank_account": Kind(saved=True, slow=True, currencies=("usd",)),
    "sepa_debit": Kind(saved=True, slow=True, currencies=("eur",)),
}


CARDS = {
    "pm_card_visa": Card(),
    "pm_card_mastercard": Card("mastercard", "4444"),
    "pm_card_amex": Card("amex", "8431"),
    "pm_card_chargeDeclined": Card(last4="0002", decline="generic_decline"),
    "pm_card_visa_chargeDeclined": Card(last4="0002", decline="generic_decline"),
    "pm_card_chargeDeclinedInsufficientFunds": Card(last4="9995", decline="insufficient_funds"),
    "pm_card_visa_chargeDeclinedInsufficientFunds": Card(last4="9995", decline="insufficient_funds"),
    "pm_card_chargeDeclinedExpiredCard": Card(last4="0069", decline="expired_card"),
    "pm_card_chargeDeclinedProcessingError": Card(last4="0119", decline="processing_error"),
    "pm_card_authenticationRequired": Card(last4="3184", challenge=True),
    "pm_card_threeDSecure2Required": Card(last4="3220", challenge=True),
    "pm_card_captureFails": Card(last4="0341", capture="fail"),
    "pm_card_captureExpired": Card(last4="0342", capture="lapse"),
    "pm_card_shortAuthorization": Card(last4="0343", short_authorization=True),
    "pm_card_pendingRefund": Card(last4="7726", refund="pending"),
    "pm_card_refundFail": Card(last4="5126", refund="fail"),
    "pm_card_applePay": Card(wallet="apple_pay"),
    "pm_card_googlePay": Card(wallet="google_pay"),
    "pm_ideal": Card(type="ideal", challenge=True),
    "pm_bancontact": Card(type="bancontact", challenge=True),
    "pm_paypal": Card(type="paypal", challenge=True),
    "pm_affirm": Card(type="affirm", challenge=True),
    "pm_klarna": Card(type="klarna", challenge=True),
    "pm_usBankAccount_success": Card(last4="6789", type="us_bank_account"),
    "pm_usBankAccount_accountClosed": Card(last4="1113", type="us_bank_account", settles="account_closed"),
    "pm_usBankAccount_insufficientFunds": Card(last4="2227", type="us_bank_account", settles="insufficient_funds"),
    "pm_usBankAccount_debitNotAuthorized": Card(last4="3335", type="us_bank_account", settles="debit_not_authorized"),
    "pm_usBankAccount_processing": Card(last4="5590", type="us_bank_account", settles=None),
    "pm_sepaDebit_success": Card(last4="3201", type="sepa_debit"),
    "pm_sepaDebit_failed": Card(last4="3202", type="sepa_debit", settles="insufficient_funds"),
}


def card_of(id_: str) -> Card:
    """The card behind a test token, or behind a payment method made of one (`<token>_<digits>`)."""
    return CARDS[id_ if id_ in CARDS else id_.rpartition("_")[0]]


def decline_fields(decline: str) -> dict[str, str]:
    """`code`, `decline_code` and `message`, from either of the two codes: most declines share `card_declined`."""
    code = decline if decline in _OWN_CODES else "card_declined"
    fields = {"code": code, "message": _MESSAGES.get(decline, "Your card was declined.")}
    if decline not in {"card_declined", "incorrect_cvc"}:
        fields["decline_code"] = decline
    return fields if decline != "card_declined" else {**fields, "decline_code": "generic_decline"}


def method_details(card: Card) -> dict[str, Any]:
    """What a charge and a payment method both tell about what was paid with."""
    return {"type": card.type, card.type: card_details(card) if card.type == "card" else _others(card)}


def _others(card: Card) -> dict[str, Any]:
    """Little is told of what is no card."""
    if card.type == "us_bank_account":
        known = {"account_holder_type": "individual", "account_type": "checking", "bank_name": "STRIPE TEST BANK"}
        return {**known, "fingerprint": f"fp{card.last4}", "last4": card.last4, "routing_number": "110000000"}
    if card.type == "sepa_debit":
        return {**dict.fromkeys(("bank_code", "branch_code", "country", "fingerprint")), "last4": card.last4}
    return {}


def card_details(card: Card) -> dict[str, Any]:
    """The card, and the wallet it came from."""
    checks = {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"}
    return {
        "brand": card.brand,
        "checks": checks,
        "country": "US",
        "exp_month": 12,
        "exp_year": 2034,
        "fingerprint": f"fp{card.brand}{card.last4}",
        "funding": "credit",
        "last4": card.last4,
        "network": card.brand,
        "three_d_secure": None,
        "wallet": {"type": card.wallet, card.wallet: {}, "dynamic_last4": None} if card.wallet else None,
    }


def payment_method(id_: str, created: int) -> dict[str, Any]:
    """The payment method object, as it is made and as card errors carry it."""
    return {
        "id": id_,
        "object": "payment_method",
        "billing_details": billing_details(),
        **method_details(card_of(id_)),
        "created": created,
        "customer": None,
        "livemode": False,
        "metadata": {},
    }


def billing_details() -> dict[str, Any]:
    """Nothing is known about the card holder."""
    address = dict.fromkeys(["city", "country", "line1", "line2", "postal_code", "state"])
    return {"address": address, "email": None, "name": None, "phone": None}

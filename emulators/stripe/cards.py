"""Test payment methods (https://docs.stripe.com/testing) and a few of this emulator's own.

Stripe turns a test token into a payment method with an id of its own; here the token stays the id.
Own ones: `pm_card_captureFails`, `pm_card_captureExpired`, `pm_card_shortAuthorization`.
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
    """How a test card behaves."""

    brand: str = "visa"
    last4: str = "4242"
    decline: str | None = None
    challenge: bool = False
    capture: Literal["succeed", "fail", "lapse"] = "succeed"
    short_authorization: bool = False
    refund: Literal["succeed", "pending", "fail"] = "succeed"


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


def card_details(card: Card) -> dict[str, Any]:
    """What a charge and a payment method both tell about the card."""
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
        "wallet": None,
    }


def payment_method(id_: str, created: int) -> dict[str, Any]:
    """The payment method object, as it is made and as card errors carry it."""
    return {
        "id": id_,
        "object": "payment_method",
        "billing_details": billing_details(),
        "card": card_details(card_of(id_)),
        "created": created,
        "customer": None,
        "livemode": False,
        "metadata": {},
        "type": "card",
    }


def billing_details() -> dict[str, Any]:
    """Nothing is known about the card holder."""
    address = dict.fromkeys(["city", "country", "line1", "line2", "postal_code", "state"])
    return {"address": address, "email": None, "name": None, "phone": None}

"""Payments a bank confirms days later (https://docs.stripe.com/payments/ach-direct-debit)."""

from typing import Any

from emulators.stripe import objects
from emulators.stripe.account import Account
from emulators.stripe.cards import DAY, Card, payment_method
from emulators.stripe.objects import Object

SETTLE_DEBIT = "debit_settles"
_DAYS = 4
_WORDS = {
    "account_closed": "The customer's bank account has been closed.",
    "debit_not_authorized": "The customer has notified their bank that this payment was unauthorized.",
    "insufficient_funds": "The customer's account has insufficient funds to cover this payment.",
}


class SlowPayments:
    """What is special about them; the rest of their life is like any intent's."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def begin(self, intent: Object, card: Card) -> Object:
        """The debit is sent; its bank answers in virtual days, or not at all."""
        charge = {**objects.charge(intent, self._account.now()), "paid": False, "status": "pending"}
        intent.update(status="processing", latest_charge=charge["id"], next_action=None, last_payment_error=None)
        if card.settles is not None:
            data = {"id": intent["id"], "succeed": card.settles == "succeed", "why": card.settles}
            self._account.timers.after(_DAYS * DAY, SETTLE_DEBIT, data, key=intent["id"])
        self._account.save(charge)
        self._account.save(intent)
        self._account.announce("payment_intent.processing", intent)
        return intent

    def failed(self, intent: Object, charge: Object, why: str) -> dict[str, Any]:
        """The bank said no: the charge failed; what `last_payment_error` says."""
        message = _WORDS.get(why, _WORDS["insufficient_funds"])
        self._account.timers.cancel(intent["id"])
        self._account.save(objects.charge_failed(charge, why, message, why))
        method = payment_method(intent["payment_method"], intent["created"])
        return {
            "code": "payment_method_provider_decline",
            "decline_code": why,
            "message": message,
            "charge": charge["id"],
            "payment_method": method,
        }

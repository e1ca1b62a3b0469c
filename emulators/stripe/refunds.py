"""Refunds (https://docs.stripe.com/refunds): never more than was captured; some stay pending, some fail later."""

from typing import Any, Literal

from emulators.stripe import errors, objects
from emulators.stripe.account import Account
from emulators.stripe.cards import DAY, card_of
from emulators.stripe.objects import Object
from emulators.stripe.params import CreateRefund

SETTLE = "refund_settles"
Mode = Literal["succeed", "pending", "fail"]
_MODE = "refund_mode"
_DEFAULT_SETTLE_SECONDS = 2 * DAY


class Refunds:
    """Create and settle."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def set_mode(self, mode: Mode, settle_after: float | None) -> None:
        """How refunds to come behave: at once, pending until told or until a virtual delay, or failing later."""
        self._account.store.set_value(_MODE, {"mode": mode, "settle_after": settle_after})

    def create(self, params: CreateRefund) -> Object:
        """POST /v1/refunds."""
        charge = self._charge(params)
        left = charge["amount"] - charge["amount_refunded"]
        amount = self._checked_amount(params, charge, left)
        refund = objects.refund(params, charge, amount, self._account.now())
        charge["amount_refunded"] += amount
        self._settle_by_mode(refund, charge)
        self._save(refund, charge)
        self._account.announce("refund.created", refund)
        self._account.announce("charge.refunded", charge)
        return refund

    def _charge(self, params: CreateRefund) -> Object:
        """The charge to give money back from."""
        if params.charge is not None:
            found = self._account.store.get("charge", params.charge)
            if found is None:
                raise errors.missing("charge", params.charge, param="charge", status=400)
            return found
        if params.payment_intent is None:
            message = "One of the following params should be provided for this request: payment_intent or charge."
            raise errors.invalid(message, code="parameter_missing", param="payment_intent")
        intent = self._account.store.get("payment_intent", params.payment_intent)
        if intent is None:
            raise errors.missing("payment_intent", params.payment_intent, param="payment_intent", status=400)
        return self._charge_of(intent)

    def _charge_of(self, intent: Object) -> Object:
        if intent["status"] != "succeeded":
            message = f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund."
            raise errors.refused(message, "payment_intent_unexpected_state", payment_intent=intent)
        return self._account.load("charge", intent["latest_charge"])

    @staticmethod
    def _checked_amount(params: CreateRefund, charge: Object, left: int) -> int:
        if not charge["captured"]:
            raise errors.refused(f"Charge {charge['id']} has not been captured.", "charge_not_captured")
        if left == 0:
            raise errors.refused(f"Charge {charge['id']} has already been refunded.", "charge_already_refunded")
        if params.amount is not None and params.amount > left:
            message = f"Refund amount ({params.amount}) is greater than unrefunded amount on charge ({left})"
            raise errors.refused(message, "amount_too_large", param="amount")
        return params.amount or left

    def _settle_by_mode(self, refund: Object, charge: Object) -> None:
        """Succeed at once, or stay pending and arm the moment of settlement."""
        told: dict[str, Any] = self._account.store.value(_MODE) or {}
        mode = told.get("mode", "succeed")
        if mode == "succeed":
            mode = card_of(charge["payment_method"]).refund
        if mode == "succeed":
            refund["status"] = "succeeded"
            return
        seconds = told["settle_after"] if told.get("mode") == mode else _DEFAULT_SETTLE_SECONDS
        if seconds is not None:
            data = {"id": refund["id"], "succeed": mode == "pending"}
            self._account.timers.after(seconds, SETTLE, data, key=refund["id"])

    def settle(self, id_: str, *, succeed: bool) -> Object:
        """The bank's word on a refund; a failed one gives the money back to the merchant."""
        refund = self._account.load("refund", id_)
        if refund["status"] in {"failed", "canceled"} or (succeed and refund["status"] != "pending"):
            raise errors.refused(f"Refund {id_} is already {refund['status']}.", "refund_unexpected_state")
        charge = self._account.load("charge", refund["charge"])
        self._account.timers.cancel(id_)
        if succeed:
            refund["status"] = "succeeded"
        else:
            refund.update(status="failed", failure_reason="expired_or_canceled_card")
            charge["amount_refunded"] -= refund["amount"]
        self._save(refund, charge)
        self._account.announce("refund.updated", refund)
        if not succeed:
            self._account.announce("refund.failed", refund)
        return refund

    def _save(self, refund: Object, charge: Object) -> None:
        charge["refunded"] = charge["amount_refunded"] == charge["amount"]
        self._account.save(refund)
        self._account.save(charge)

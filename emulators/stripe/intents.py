"""The life of a payment intent (https://docs.stripe.com/payments/paymentintents/lifecycle)."""

from typing import Any

from emulators.stripe import errors, kinds, objects
from emulators.stripe.account import Account
from emulators.stripe.cards import DAY, KINDS, Card, card_of, decline_fields, payment_method
from emulators.stripe.methods import Methods
from emulators.stripe.objects import Object
from emulators.stripe.params import CancelIntent, CaptureIntent, ConfirmIntent, CreateIntent
from emulators.stripe.slow import SlowPayments

AUTHORIZATION_DAYS = 7
EXTENDED_AUTHORIZATION_DAYS = 30
SHORT_AUTHORIZATION_SECONDS = 60
LAPSE = "authorization_lapses"

_CONFIRMABLE = ("requires_payment_method", "requires_confirmation", "requires_action")
_CANCELABLE = ("requires_payment_method", "requires_capture", "requires_confirmation", "requires_action")
_CHALLENGE_FAILED = {
    "code": "payment_intent_authentication_failure",
    "message": "The provided payment method has failed authentication.",
}


class Intents:
    """Create, confirm, challenge, capture, cancel and lapse."""

    def __init__(self, account: Account, methods: Methods) -> None:
        self._account, self._methods = account, methods
        self._slow = SlowPayments(account)

    def create(self, params: CreateIntent, refusal: str | None = None) -> Object:
        """POST /v1/payment_intents; `refusal` is a decline asked for by a fault."""
        self._check(params)
        account = self._account
        intent = objects.payment_intent(params, account.now())
        account.save(intent)
        account.store.put("_searchable", intent["id"], {"at": account.clock.now() + account.search_delay})
        account.announce("payment_intent.created", intent)
        return self._attempt(intent, params, refusal) if params.confirm else intent

    def _check(self, params: CreateIntent) -> None:
        """Everything Stripe refuses before it begins."""
        self._methods.check(params.payment_method, params.customer)
        kinds.check(params)
        if params.customer is not None and self._account.store.get("customer", params.customer) is None:
            raise errors.missing("customer", params.customer, param="customer", status=400)
        if params.currency.lower() == "usd" and params.amount < 50:
            raise errors.invalid("Amount must be at least $0.50 usd", code="amount_too_small", param="amount")
        if params.confirm and params.payment_method is None:
            message = "You cannot confirm this PaymentIntent because it's missing a payment method."
            raise errors.invalid(message, code="parameter_missing", param="payment_method")
        if params.off_session and not params.confirm:
            raise errors.invalid("`off_session` requires `confirm` to be true.", param="off_session")

    def settle(self, id_: str, *, succeed: bool, why: str = "insufficient_funds") -> Object:
        """A slow bank's word."""
        intent = self._account.load("payment_intent", id_)
        if intent["status"] != "processing":
            raise errors.unexpected_state(intent, "settled", "processing")
        charge = self._account.load("charge", intent["latest_charge"])
        if succeed:
            charge.update(paid=True, status="succeeded")
            self._take(intent, charge, intent["amount"])
            return intent
        details = self._slow.failed(intent, charge, why)
        self._fail(intent, details, charge["id"])
        return intent

    def confirm(self, id_: str, params: ConfirmIntent, refusal: str | None = None) -> Object:
        """POST /v1/payment_intents/{id}/confirm."""
        intent = self._account.load("payment_intent", id_)
        method = params.payment_method or intent["payment_method"]
        self._methods.check(method, intent["customer"])
        if intent["status"] not in _CONFIRMABLE or method is None:
            raise errors.unexpected_state(intent, "confirmed", ", ".join(_CONFIRMABLE))
        intent["payment_method"] = method
        intent["setup_future_usage"] = params.setup_future_usage or intent["setup_future_usage"]
        return self._attempt(intent, params, refusal)

    def _attempt(self, intent: Object, params: CreateIntent | ConfirmIntent, refusal: str | None) -> Object:
        """Try to pay: declined, challenged or authorized."""
        self._methods.tried(intent)
        card = card_of(intent["payment_method"])
        challenged = card.challenge and not (params.off_session and self._is_remembered(intent))
        decline = refusal or card.decline
        if challenged and (params.off_session or params.error_on_requires_action):
            decline = decline or "authentication_required"
        if decline is not None:
            raise self._declined(intent, decline)
        if challenged:
            return self._challenge(intent, params.return_url)
        if KINDS[card.type].slow:
            return self._slow.begin(intent, card)
        return self._authorize(intent, card)

    def _is_remembered(self, intent: Object) -> bool:
        """Whether this customer authenticated this card for payments without them."""
        return intent["customer"] is not None and bool(self._account.store.value(self._memory(intent)))

    @staticmethod
    def _memory(intent: Object) -> str:
        return f"authenticated:{intent['customer']}:{intent['payment_method']}"

    def _declined(self, intent: Object, decline: str) -> errors.StripeError:
        """Note a failed attempt on the intent and make the 402 answer."""
        fields = decline_fields(decline)
        charge = objects.charge(intent, self._account.now())
        charge = objects.charge_failed(charge, fields["code"], fields["message"], decline)
        self._account.save(charge)
        method = payment_method(intent["payment_method"], intent["created"])
        details: Object = {**fields, "charge": charge["id"], "payment_method": method}
        self._fail(intent, details, charge["id"])
        return errors.card_error({**details, "payment_intent": intent})

    def _fail(self, intent: Object, details: dict[str, Any], charge_id: str | None) -> None:
        """Back to `requires_payment_method` with the reason noted."""
        intent.update(
            status="requires_payment_method",
            last_payment_error={"type": "card_error", **details},
            payment_method=None,
            next_action=None,
            latest_charge=charge_id,
        )
        self._account.save(intent)
        self._account.announce("payment_intent.payment_failed", intent)

    def _challenge(self, intent: Object, return_url: str | None) -> Object:
        """Ask the shopper to authenticate, on a page of this emulator."""
        url = f"{self._account.config.base_url}/_control/payment_intents/{intent['id']}/challenge"
        if return_url is None:
            action = {"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "three_d_secure_redirect", "stripe_js": url}}
        else:
            redirect = {"url": url, "return_url": return_url}
            action = {"type": "redirect_to_url", "redirect_to_url": redirect}
        intent.update(status="requires_action", next_action=action)
        self._account.save(intent)
        self._account.announce("payment_intent.requires_action", intent)
        return intent

    def authenticate(self, id_: str, *, succeed: bool) -> Object:
        """The shopper's answer to a challenge."""
        intent = self._account.load("payment_intent", id_)
        if intent["status"] != "requires_action":
            raise errors.unexpected_state(intent, "authenticated", "requires_action")
        if not succeed:
            method = payment_method(intent["payment_method"], intent["created"])
            self._fail(intent, {**_CHALLENGE_FAILED, "payment_method": method}, intent["latest_charge"])
            return intent
        if intent["setup_future_usage"] == "off_session" and intent["customer"] is not None:
            self._account.store.set_value(self._memory(intent), True)
        return self._authorize(intent, card_of(intent["payment_method"]))

    def _authorize(self, intent: Object, card: Card) -> Object:
        """The network agreed: hold the money, or take it at once."""
        self._methods.paid(intent)
        charge = objects.charge(intent, self._account.now())
        intent.update(latest_charge=charge["id"], next_action=None, last_payment_error=None)
        if intent["capture_method"] == "manual":
            self._hold(intent, charge, card)
        else:
            self._take(intent, charge, intent["amount"])
        return intent

    def _hold(self, intent: Object, charge: Object, card: Card) -> None:
        """An authorization waits for its capture until `capture_before`."""
        extended = self._is_extended(intent)
        deadline = self._account.clock.now() + self._hold_seconds(card, extended)
        if card.type == "card":
            charge["payment_method_details"]["card"].update(
                capture_before=int(deadline), extended_authorization={"status": "enabled" if extended else "disabled"}
            )
        intent.update(status="requires_capture", amount_capturable=intent["amount"])
        self._account.timers.at(deadline, LAPSE, {"id": intent["id"]}, key=intent["id"])
        self._save(intent, charge)
        self._account.announce("payment_intent.amount_capturable_updated", intent)

    def _is_extended(self, intent: Object) -> bool:
        """Asked for, and allowed to this account (https://docs.stripe.com/payments/extended-authorization)."""
        asked = intent["payment_method_options"]["card"].get("request_extended_authorization")
        return asked == "if_available" and self._account.may_extend

    def _hold_seconds(self, card: Card, extended: bool) -> float:
        if card.short_authorization:
            return self._account.clock.real_delay(SHORT_AUTHORIZATION_SECONDS)
        return (EXTENDED_AUTHORIZATION_DAYS if extended else AUTHORIZATION_DAYS) * DAY

    def _take(self, intent: Object, charge: Object, amount: int) -> None:
        """Money moves. What was authorized beyond it is released and counts as refunded on the charge."""
        charge.update(captured=True, amount_captured=amount, amount_refunded=charge["amount"] - amount)
        intent.update(status="succeeded", amount_capturable=0, amount_received=amount)
        self._save(intent, charge)
        if intent["capture_method"] == "manual":
            self._account.announce("charge.captured", charge)
        self._account.announce("payment_intent.succeeded", intent)

    def _save(self, intent: Object, charge: Object) -> None:
        self._account.save(charge)
        self._account.save(intent)

    def capture(self, id_: str, params: CaptureIntent, refusal: str | None = None) -> Object:
        """POST /v1/payment_intents/{id}/capture: once; less than authorized releases the rest."""
        intent = self._account.load("payment_intent", id_)
        if intent["status"] != "requires_capture":
            raise errors.unexpected_state(intent, "captured", "requires_capture")
        amount = params.amount_to_capture or intent["amount_capturable"]
        if amount > intent["amount_capturable"]:
            message = "The amount to capture is greater than the amount that can be captured."
            raise errors.invalid(message, code="amount_too_large", param="amount_to_capture")
        charge = self._account.load("charge", intent["latest_charge"])
        self._try_capture(intent, charge, refusal)
        intent["metadata"].update(params.metadata)
        self._account.timers.cancel(id_)
        self._take(intent, charge, amount)
        return intent

    def _try_capture(self, intent: Object, charge: Object, refusal: str | None) -> None:
        """The network's word on a capture; raises unless it agrees."""
        behavior = card_of(intent["payment_method"]).capture
        if refusal is not None or behavior == "fail":
            fields = decline_fields(refusal or "generic_decline")
            raise errors.card_error({**fields, "charge": charge["id"], "payment_intent": intent})
        if behavior == "lapse":
            self.lapse(intent["id"])
            intent = self._account.load("payment_intent", intent["id"])
            raise errors.unexpected_state(intent, "captured", "requires_capture")

    def cancel(self, id_: str, params: CancelIntent) -> Object:
        """POST /v1/payment_intents/{id}/cancel: what was authorized is released."""
        intent = self._account.load("payment_intent", id_)
        if intent["status"] not in _CANCELABLE:
            raise errors.unexpected_state(intent, "canceled", ", ".join(_CANCELABLE))
        if intent["status"] == "requires_capture":
            self._release(intent)
        return self._end(intent, params.cancellation_reason)

    def lapse(self, id_: str) -> bool:
        """The authorization is over; answers False where there is none."""
        intent = self._account.load("payment_intent", id_)
        if intent["status"] != "requires_capture":
            return False
        self._account.announce("charge.expired", self._release(intent))
        self._end(intent, "automatic")
        return True

    def _release(self, intent: Object) -> Object:
        """Give up an authorization: Stripe marks the uncaptured charge as refunded."""
        charge = self._account.load("charge", intent["latest_charge"])
        charge.update(refunded=True, amount_refunded=charge["amount"])
        self._account.timers.cancel(intent["id"])
        self._account.save(charge)
        return charge

    def _end(self, intent: Object, reason: str | None) -> Object:
        intent.update(
            status="canceled",
            cancellation_reason=reason,
            canceled_at=self._account.now(),
            amount_capturable=0,
            next_action=None,
        )
        self._account.save(intent)
        self._account.announce("payment_intent.canceled", intent)
        return intent

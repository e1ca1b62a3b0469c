"""Checkout Sessions (https://docs.stripe.com/api/checkout/sessions): hosted pages on which a shopper pays.

The page itself is the control API: `POST /_control/checkout/sessions/{id}/pay`. Its payment is made with the first
attempt; a declined one leaves the page open, as at Stripe. Only payments (`mode=payment`) of priced lines.
"""

from typing import Any, Final

from emulators.stripe import errors
from emulators.stripe.account import Account
from emulators.stripe.cards import DAY, KINDS
from emulators.stripe.intents import Intents
from emulators.stripe.objects import Object, checkout_session, customer
from emulators.stripe.params import CancelIntent, CreateCustomer, CreateIntent, CreateSession, Params

CLOSE: Final = "session_expires"
_KIND: Final = "checkout.session"
_SHORTEST, _LONGEST = 30 * 60, DAY


class Sessions:
    """Create, pay, abandon and expire."""

    def __init__(self, account: Account, intents: Intents) -> None:
        self._account, self._intents = account, intents

    def create(self, params: CreateSession) -> Object:
        """POST /v1/checkout/sessions."""
        now = self._account.now()
        expires_at = params.expires_at or now + _LONGEST
        if not _SHORTEST <= expires_at - now <= _LONGEST:
            message = "The `expires_at` timestamp must be between 30 minutes and 24 hours after the session is created."
            raise errors.invalid(message, param="expires_at")
        session = checkout_session(params, now, expires_at, self._account.config.base_url)
        self._account.store.put("_session_payment", session["id"], params.model_dump(mode="json"))
        self._account.save(session)
        self._account.timers.at(expires_at, CLOSE, {"id": session["id"]}, key=session["id"])
        return session

    def load(self, id_: str) -> Object:
        """A session named by the path."""
        return self._account.load(_KIND, id_)

    def pay(self, id_: str, method: str) -> Object:
        """The shopper pays on the page; raises the decline, which leaves it open."""
        session = self._open(id_, "paid")
        params = CreateSession.model_validate(self._account.store.get("_session_payment", id_))
        self._abandon_attempt(session)
        wanted = self._wanted(session, params, method)
        try:
            intent = self._intents.create(wanted)
        except errors.StripeError as refusal:
            made = refusal.error.get("payment_intent")
            if made:
                self._remember(session, made["id"])
            raise
        self._remember(session, intent["id"])
        return self.follow(intent) or session

    def _wanted(self, session: Object, params: CreateSession, method: str) -> CreateIntent:
        data = params.payment_intent_data
        fields: dict[str, Any] = {
            **data.model_dump(exclude_none=True),
            "amount": session["amount_total"],
            "currency": session["currency"],
            "payment_method": method,
            "payment_method_options": params.payment_method_options,
            "allowed_payment_method_types": list(KINDS),
            "return_url": session["success_url"],
            "customer": session["customer"] or self._customer_of(params),
            "confirm": True,
        }
        return CreateIntent.model_validate(fields)

    def _customer_of(self, params: CreateSession) -> str | None:
        if params.customer_creation != "always":
            return None
        made = customer(CreateCustomer(), self._account.now())
        self._account.save(made)
        return str(made["id"])

    def _abandon_attempt(self, session: Object) -> None:
        """One page makes one payment: an attempt that came to nothing is given up before the next."""
        if session["payment_intent"]:
            self._intents.cancel(session["payment_intent"], CancelIntent())

    def _remember(self, session: Object, intent_id: str) -> None:
        session["payment_intent"] = intent_id
        self._account.save(session)

    def follow(self, intent: Object) -> Object | None:
        """The page of a payment that has just succeeded, processes, or is held, is over; None: no page, or not yet."""
        found = self._account.store.find(_KIND, f"payment_intent={intent['id']}")
        if not found or intent["status"] not in ("requires_capture", "processing", "succeeded"):
            return None
        session = found[0]
        if session["status"] == "open":
            paid = "paid" if intent["status"] == "succeeded" else "unpaid"
            session.update(status="complete", payment_status=paid, url=None, customer=intent["customer"])
            self._account.timers.cancel(session["id"])
            self._account.save(session)
            self._account.announce("checkout.session.completed", session)
        return session

    def expire(self, id_: str, _: Params) -> Object:
        """POST /v1/checkout/sessions/{id}/expire."""
        return self._close(self._open(id_, "expired"))

    def lapse(self, id_: str) -> None:
        """Its time is over."""
        session = self.load(id_)
        if session["status"] == "open":
            self._close(session)

    def _close(self, session: Object) -> Object:
        self._abandon_attempt(session)
        session.update(status="expired", url=None)
        self._account.timers.cancel(session["id"])
        self._account.save(session)
        self._account.announce("checkout.session.expired", session)
        return session

    def _open(self, id_: str, verb: str) -> Object:
        session = self.load(id_)
        if session["status"] != "open":
            message = (
                f'Only Checkout Sessions with a status in ["open"] can be {verb}. This one is {session["status"]}.'
            )
            raise errors.refused(message, "checkout_session_unexpected_state")
        return session

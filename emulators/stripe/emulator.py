"""The parts put together."""

import hashlib
import hmac
import re
from typing import Any

from starlette.routing import BaseRoute

from emulators.common import Answer, Call, Emulator, EmulatorConfig, Message
from emulators.common.faults import Fault
from emulators.stripe import errors
from emulators.stripe.account import Account
from emulators.stripe.api import Api
from emulators.stripe.control import StripeControl
from emulators.stripe.idempotency import Keys
from emulators.stripe.intents import LAPSE, Intents
from emulators.stripe.methods import Methods
from emulators.stripe.refunds import SETTLE, Refunds
from emulators.stripe.sessions import CLOSE, Sessions
from emulators.stripe.shopper import ShopperControl
from emulators.stripe.slow import SETTLE_DEBIT

_PATHS = {
    "payment_intent": re.compile(r"/v1/payment_intents/(pi_[^/]+)"),
    "checkout.session": re.compile(r"/v1/checkout/sessions/(cs_[^/]+)"),
}


class StripeEmulator(Emulator):
    """Stripe's API on the common framework."""

    def __init__(self, config: EmulatorConfig) -> None:
        super().__init__(config)
        self._account = Account(config, self.store, self.clock, self.timers, self.webhooks)
        self._methods, self._refunds = Methods(self._account), Refunds(self._account)
        self._intents = Intents(self._account, self._methods)
        self._keys, self._sessions = Keys(self._account), Sessions(self._account, self._intents)
        parts = (self._account, self._intents, self._methods, self._refunds, self._keys, self._sessions)
        self._api = Api(*parts)

    def control_routes(self) -> list[BaseRoute]:
        """See the package docstring."""
        shopper = ShopperControl(self._account, self._intents, self._sessions)
        return [*shopper.routes(), *StripeControl(self._account, self._intents, self._refunds, self._keys).routes()]

    async def perform(self, call: Call) -> Answer:
        """Requests are answered without ASGI in between: each is one synchronous transaction."""
        return self._api.answer(call)

    def enter(self, call: Call) -> Answer | None:
        """A key whose first request is still running answers 409."""
        try:
            if call.method == "POST" and call.idempotency_key:
                self._keys.claim(call.idempotency_key)
        except errors.StripeError as error:
            return error.answer()
        return None

    def about(self, call: Call) -> str:
        """The key, and the order of the payment in the path: reading one by its id says nothing of it."""
        order = ""
        for kind, path in _PATHS.items():
            found = path.match(call.path)
            thing = self.store.get(kind, found[1]) if found else None
            order = order or (thing or {}).get("metadata", {}).get("order_id", "")
        return f"{super().about(call)} {order}".strip()

    def leave(self, call: Call) -> None:
        """The key may be used again."""
        if call.idempotency_key:
            self._keys.release(call.idempotency_key)

    def error_answer(self, status: int, call: Call) -> Answer:
        """Stripe's usual body for a status."""
        return errors.plain(status).answer()

    def status_answer(self, call: Call, fault: Fault) -> Answer:
        """A 500 is kept under the idempotency key, as Stripe does; other statuses are answered before any work."""
        answer = super().status_answer(call, fault)
        if answer.status >= 500:
            self._api.keep(call, answer)
        return answer

    def spoiled_answer(self, call: Call, fault: Fault) -> Answer:
        """The failure, not the work's own answer, is what the key remembers from then on."""
        if call.idempotency_key:
            self._keys.forget(call.idempotency_key)
        return self.status_answer(call, fault)

    def refuse(self, call: Call, code: str) -> Answer:
        """A decline of the attempt to pay or capture; for other requests a 400 with that code."""
        return self._api.answer(call, refusal=code)

    def sign(self, message: Message) -> dict[str, str]:
        """`Stripe-Signature` (https://docs.stripe.com/webhooks#verify-manually), with the time of this attempt."""
        moment = int(self.clock.now())
        signed = hmac.new(self.config.webhook_secret.encode(), f"{moment}.{message.body}".encode(), hashlib.sha256)
        return {
            "content-type": "application/json; charset=utf-8",
            "stripe-signature": f"t={moment},v1={signed.hexdigest()}",
            "user-agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        }

    def on_timer(self, kind: str, data: dict[str, Any]) -> None:
        """An authorization lapses, a refund or a bank debit settles, or a page closes."""
        if kind == LAPSE:
            self._intents.lapse(data["id"])
        elif kind == SETTLE:
            self._refunds.settle(data["id"], succeed=data["succeed"])
        elif kind == SETTLE_DEBIT:
            self._intents.settle(data["id"], succeed=data["succeed"], why=data["why"])
        elif kind == CLOSE:
            self._sessions.lapse(data["id"])

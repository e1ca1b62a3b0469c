"""The merchant's account: its objects in the store, and the events it announces."""

import json
from dataclasses import dataclass

from emulators.common import EmulatorConfig, Message, Store, Timers, Webhooks
from emulators.common.clock import Clock
from emulators.stripe import errors
from emulators.stripe.objects import Object, new_id

API_VERSION = "2026-10-28.endive"
_SEARCH_DELAY = 1.0


@dataclass(frozen=True)
class CurrentRequest:
    """Which API request causes the events of the moment; none for timers and controls."""

    id: str | None = None
    idempotency_key: str | None = None


class Account:
    """Loads, saves and announces. Objects hold ids of each other; expansion happens when answering."""

    def __init__(self, config: EmulatorConfig, store: Store, clock: Clock, timers: Timers, webhooks: Webhooks) -> None:
        self.config, self.store, self.clock, self.timers, self._webhooks = config, store, clock, timers, webhooks
        self.current = CurrentRequest()

    def now(self) -> int:
        """Stripe's `created` moments are whole seconds."""
        return int(self.clock.now())

    def load(self, kind: str, id_: str) -> Object:
        """An object named by the path of a request."""
        found = self.store.get(kind, id_)
        if found is None:
            raise errors.missing(kind, id_, param="intent" if kind == "payment_intent" else "id")
        return found

    def save(self, thing: Object) -> None:
        """Write an object with the keys it is found by."""
        keys = [f"{name}={thing[name]}" for name in ("customer", "payment_intent", "charge") if thing.get(name)]
        keys += [f"metadata:{name}={value}" for name, value in thing.get("metadata", {}).items()]
        self.store.put(thing["object"], thing["id"], thing, keys)

    def announce(self, type_: str, thing: Object) -> None:
        """Record an event with a snapshot of the object and send it out."""
        body: Object = {
            "id": new_id("evt"),
            "object": "event",
            "api_version": API_VERSION,
            "created": self.now(),
            "data": {"object": thing},
            "livemode": False,
            "pending_webhooks": 1 if self.config.webhook_url else 0,
            "request": {"id": self.current.id, "idempotency_key": self.current.idempotency_key},
            "type": type_,
        }
        self.store.put("event", body["id"], body)
        if self.config.webhook_url:
            subject = thing.get("payment_intent") or thing["id"]
            text = json.dumps(body, indent=2)
            self._webhooks.emit(Message(body["id"], type_, subject, text, self.config.webhook_url))

    @property
    def search_delay(self) -> float:
        """Real seconds until a new intent is found by search."""
        saved = self.store.value("search_delay")
        return _SEARCH_DELAY if saved is None else float(saved)

    def set_search_delay(self, seconds: float) -> None:
        """Change it for intents to come."""
        self.store.set_value("search_delay", seconds)

    @property
    def may_extend(self) -> bool:
        """Whether banks hold this account's authorizations for 30 days when asked to."""
        return bool(self.store.value("extended_authorization"))

    def set_may_extend(self, available: bool) -> None:
        """Change it for authorizations to come."""
        self.store.set_value("extended_authorization", available)

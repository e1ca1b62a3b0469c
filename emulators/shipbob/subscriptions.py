"""Who hears about what: webhook subscriptions, and the one given on the command line, which hears everything."""

import base64
import json
import secrets
from datetime import UTC, datetime
from typing import Final

from standardwebhooks.webhooks import Webhook

from emulators.common import EmulatorConfig, Message, Webhooks
from emulators.shipbob.books import Books
from emulators.shipbob.stages import Record

KIND: Final = "_subscription"
TOPICS: Final = {
    "order.shipped",
    "order.shipment.delivered",
    "order.shipment.exception",
    "order.shipment.on_hold",
    "order.shipment.cancelled",
    "return.created",
    "return.updated",
    "return.completed",
    "billing.charge.created",
    "billing.refund.created",
    "billing.credit.created",
}


class Subscriptions:
    """Subscriptions as POST, GET and DELETE /webhook handle them, and the sending of events."""

    def __init__(self, books: Books, webhooks: Webhooks, config: EmulatorConfig) -> None:
        self._books, self._webhooks, self._config = books, webhooks, config

    def add(self, body: Record) -> Record:
        """Subscribe. Raises ValueError for a missing URL or an unknown topic."""
        topics, url = body.get("topics"), body.get("url")
        if not isinstance(url, str) or not url.startswith(("https://", "http://")):
            raise ValueError("url: an absolute URL is required")
        if not isinstance(topics, list) or not topics or not set(topics) <= TOPICS:
            raise ValueError("topics: at least one known topic is required")
        subscription = {
            "id": secrets.token_hex(12),
            "url": url,
            "topics": topics,
            "description": body.get("description"),
            "secret": body.get("secret") or "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode(),
            "created_at": self._books.now(),
        }
        self._books.store.put(KIND, str(subscription["id"]), subscription)
        return subscription

    def all(self) -> list[Record]:
        """Every subscription that has not been removed, without its secret."""
        found = [each for each in self._books.store.all(KIND) if not each.get("removed")]
        return [{**{k: v for k, v in each.items() if k != "secret"}, "enabled": True} for each in found]

    def remove(self, subscription_id: str) -> None:
        """Unsubscribe; nothing happens when there is no such subscription."""
        found = self._books.store.get(KIND, subscription_id)
        if found:
            self._books.store.put(KIND, subscription_id, {**found, "removed": True})

    def notify(self, topic: str, body: Record) -> None:
        """Send an event to everyone who asked for it."""
        if self._config.webhook_url:
            self._send(topic, body, self._config.webhook_url, self._config.webhook_secret)
        for subscription in self._books.store.all(KIND):
            if topic in subscription["topics"] and not subscription.get("removed"):
                self._send(topic, body, subscription["url"], subscription["secret"])

    def _send(self, topic: str, body: Record, url: str, secret: str) -> None:
        identity, subject = f"msg_{secrets.token_hex(14)}", f"{url} {body['id']}"
        self._webhooks.emit(Message(identity, topic, subject, json.dumps(body), url, secret))


def signed_headers(message: Message, now: float) -> dict[str, str]:
    """The Standard Webhooks headers of one attempt, with the topic beside them."""
    moment = datetime.fromtimestamp(now, UTC)
    assert message.secret is not None, "every message carries the secret of its receiver"
    return {
        "webhook-id": message.id,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": Webhook(message.secret).sign(message.id, moment, message.body),
        "x-webhook-topic": message.topic,
    }

"""What happens to a parcel: recorded once, told by webhook, signed by Standard Webhooks."""

import json
from datetime import UTC, datetime

from standardwebhooks.webhooks import Webhook

from emulators.common import EmulatorConfig, Message, Webhooks
from emulators.courier.books import EVENTS, Books, Record, event_id


class Events:
    """Records events and sends them to the account's receiver."""

    def __init__(self, books: Books, webhooks: Webhooks, config: EmulatorConfig) -> None:
        self._books, self._webhooks, self._config = books, webhooks, config

    def record(self, shipment: Record, status: str, reason: str | None, proof: Record | None) -> None:
        """The shipment has this status from now on; expects to run inside a transaction, and keeps the shipment."""
        now, number = self._books.now(), self._books.next_number(EVENTS)
        event = {
            "id": event_id(number),
            "shipment_id": shipment["id"],
            "reference": shipment["reference"],
            "tracking_number": shipment["tracking_number"],
            "sequence": shipment["sequence"] + 1,
            "type": status,
            "occurred_at": now,
            "reason": reason,
            "proof": proof,
        }
        shipment.update(status=status, sequence=event["sequence"], last_event=event)
        self._books.add_event(event)
        self._books.save(shipment)
        self._tell(event, now)

    def _tell(self, event: Record, now: str) -> None:
        url = self._config.webhook_url
        if url is None:
            return
        topic = f"shipment.{event['type']}"
        body = json.dumps({"type": topic, "timestamp": now, "data": event})
        self._webhooks.emit(Message(event["id"], topic, event["shipment_id"], body, url))


def signed_headers(message: Message, secret: str, now: float) -> dict[str, str]:
    """The Standard Webhooks headers of one attempt."""
    moment = datetime.fromtimestamp(now, UTC)
    return {
        "webhook-id": message.id,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": Webhook(secret).sign(message.id, moment, message.body),
    }

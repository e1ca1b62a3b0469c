"""EasyPost's events: what is sent, and how it is signed.

The Event object and its descriptions follow the documentation page "Events"; the signature is the one
``easypost.util.validate_webhook`` of the 10.7 SDK checks.
"""

import hashlib
import hmac
import json
import unicodedata

from emulators.common import EmulatorConfig, Message, Webhooks
from emulators.easypost.books import Books, Record


class Events:
    """Sends events to the webhook of the account."""

    def __init__(self, books: Books, webhooks: Webhooks, config: EmulatorConfig) -> None:
        self._books, self._webhooks, self._config = books, webhooks, config

    def send(self, description: str, result: Record, previous: Record | None = None) -> None:
        """Announce a change of an object."""
        url = self._config.webhook_url
        if url is None:
            return
        event = {
            **self._books.new("evt", "Event"),
            "description": description,
            "previous_attributes": previous or {},
            "result": result,
            "status": "pending",
            "pending_urls": [url],
            "completed_urls": [],
            "user_id": "user_emulated",
        }
        self._webhooks.emit(Message(event["id"], description, result["id"], json.dumps(event), url))


def signed_headers(message: Message, secret: str) -> dict[str, str]:
    """HMAC-SHA256 over the raw body, keyed with the NFKD-normalized secret."""
    key = unicodedata.normalize("NFKD", secret).encode()
    digest = hmac.new(key, message.body.encode(), hashlib.sha256).hexdigest()
    return {"X-Hmac-Signature": f"hmac-sha256-hex={digest}"}

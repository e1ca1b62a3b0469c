"""OAuth tokens, by client credentials: they live four hours, less one second (`expires_in` 14399), in real time."""

import base64
import binascii
import secrets
from typing import Final

from emulators.common import Clock, Store
from emulators.ups.books import Record

KIND: Final = "_token"
LIFE: Final = 14399
_LIFE: Final = "token_life"


class Tokens:
    """Issues tokens and knows which are good."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock

    def issue(self, client_id: str) -> Record:
        """A new token, as the API prints it: every value is text."""
        token, seconds = secrets.token_urlsafe(32), int(self._store.value(_LIFE) or LIFE)
        self._store.put(KIND, token, {"until": self._clock.now() + seconds})
        return {
            "token_type": "Bearer",
            "issued_at": str(int(self._clock.now() * 1000)),
            "client_id": client_id,
            "access_token": token,
            "scope": "",
            "expires_in": str(seconds),
            "refresh_count": "0",
            "status": "approved",
        }

    def is_good(self, authorization: str) -> bool:
        """Whether the header bears a token that was issued and has not ended."""
        token = authorization.removeprefix("Bearer ")
        known = self._store.get(KIND, token) if token != authorization else None
        return known is not None and known["until"] > self._clock.now()

    def set_life(self, seconds: int) -> None:
        """Of tokens issued from now on."""
        self._store.set_value(_LIFE, seconds)

    def revoke(self) -> None:
        """None issued so far is good any more."""
        self._store.delete(KIND)


def client_of(authorization: str) -> str:
    """The client id in a Basic header; empty when the header has no id with a secret."""
    try:
        client_id, _, secret = (
            base64.b64decode(authorization.removeprefix("Basic "), validate=True).decode().partition(":")
        )
    except (binascii.Error, UnicodeDecodeError):
        return ""
    return client_id if secret and authorization.startswith("Basic ") else ""

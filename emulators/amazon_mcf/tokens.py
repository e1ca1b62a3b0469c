"""Login with Amazon: an access token for a refresh token, good for an hour of real time (POST /auth/o2/token)."""

import secrets
from typing import Final
from urllib.parse import parse_qs

from emulators.common import Answer, Clock, Store

KIND: Final = "_token"
PATH: Final = "/auth/o2/token"
LASTS_SECONDS: Final = 3600


class Tokens:
    """Which access tokens are good. A refresh token stands for one seller's account."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock

    def answer(self, body: bytes) -> Answer:
        """What the token endpoint answers to a form."""
        form = {name: values[0] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}
        if form.get("grant_type") != "refresh_token":
            return _refused(400, "unsupported_grant_type", "The authorization grant type is not supported")
        if not form.get("client_id") or not form.get("client_secret"):
            return _refused(401, "invalid_client", "Client authentication failed")
        refresh = form.get("refresh_token", "")
        if not refresh.startswith("Atzr|"):
            return _refused(400, "invalid_grant", "The request has an invalid grant parameter : refresh_token")
        access = f"Atza|{secrets.token_urlsafe(24)}"
        self._store.put(KIND, access, {"refresh": refresh, "until": self._clock.now() + LASTS_SECONDS})
        told = {"access_token": access, "refresh_token": refresh, "token_type": "bearer", "expires_in": LASTS_SECONDS}
        return Answer.json(200, told)

    def account(self, access: str) -> str | None:
        """Whose token it is; None when it is none, or has expired."""
        known = self._store.get(KIND, access)
        return str(known["refresh"]) if known and known["until"] > self._clock.now() else None

    def why_not(self, access: str) -> str:
        """The `details` of a refusal."""
        expired = self._store.get(KIND, access) is not None
        return "The access token you provided " + ("has expired." if expired else "is revoked, malformed or invalid.")

    def expire_all(self) -> None:
        """Nothing given out so far is good any more."""
        with self._store.transaction():
            for known in self._store.db.execute("SELECT id FROM objects WHERE kind = ?", (KIND,)).fetchall():
                record = self._store.get(KIND, known["id"]) or {}
                self._store.put(KIND, known["id"], {**record, "until": 0})


def _refused(status: int, error: str, description: str) -> Answer:
    return Answer.json(status, {"error": error, "error_description": description})

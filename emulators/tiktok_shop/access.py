"""Who may ask: app key, access token, shop cipher, a timestamp of about now, and the signature over all of it."""

import hashlib
import hmac
from typing import Final
from urllib.parse import parse_qsl

from emulators.common import Answer, Call, Clock, Store
from emulators.tiktok_shop import envelope

APP_KEY: Final = "6emulated"
CIPHER: Final = "GCP_"
_ACCESS, _REFRESH = "TTP_", "TTR_"
_OLDEST, _NEWEST = 300, 30
_WITHOUT_SHOP: Final = ("/authorization/",)
_EXPIRED: Final = "_expired_tokens"
_ROTATES, _SPENT = "_refresh_tokens_rotate", "_spent_refresh_tokens"
_LIVES: Final = 7 * 86400
_REFRESH_LIVES: Final = 365 * 86400


class Access:
    """Checks requests; gives and ends tokens. `secret`: of the app."""

    def __init__(self, store: Store, clock: Clock, secret: str) -> None:
        self._store, self._clock, self._secret = store, clock, secret

    def refusal(self, call: Call) -> Answer | None:
        """Why the request may not enter; None when it may."""
        query = dict(parse_qsl(call.query, keep_blank_values=True))
        return self._of_app(call, query) or self._of_token(call) or self._of_shop(call, query)

    def _of_app(self, call: Call, query: dict[str, str]) -> Answer | None:
        if query.get("app_key") != APP_KEY:
            return envelope.answer(400, envelope.INVALID, "Invalid credentials. Invalid `app_key` query parameter.")
        stamp, now = query.get("timestamp", ""), self._clock.now()
        if not stamp.isdecimal() or not now - _OLDEST <= int(stamp) <= now + _NEWEST:
            return envelope.answer(400, envelope.INVALID, "Invalid timestamp. It must be of the last 5 minutes.")
        if not hmac.compare_digest(self.sign(call).encode(), query.get("sign", "").encode()):
            return envelope.answer(
                401, envelope.BAD_SIGN, "Invalid credentials. The `sign` query parameter is invalid."
            )
        return None

    def _of_token(self, call: Call) -> Answer | None:
        token = call.headers.get("x-tts-access-token", "")
        if not token.startswith(_ACCESS):
            return envelope.answer(401, envelope.BAD_TOKEN, "Invalid query or header. `x-tts-access-token` is invalid.")
        if token in self._expired():
            return envelope.answer(401, envelope.EXPIRED, "Expired credentials. `x-tts-access-token` has expired.")
        self._remember(token)
        return None

    @staticmethod
    def _of_shop(call: Call, query: dict[str, str]) -> Answer | None:
        if call.path.startswith(_WITHOUT_SHOP) or query.get("shop_cipher", "").startswith(CIPHER):
            return None
        return envelope.answer(400, envelope.NO_CIPHER, "Missing identifier. `shop_cipher` is required.")

    def sign(self, call: Call) -> str:
        """The signature this request should bear: secret, path, sorted query, body, secret, keyed with the secret."""
        pairs = sorted(parse_qsl(call.query, keep_blank_values=True), key=lambda pair: pair[0])
        told = "".join(name + value for name, value in pairs if name not in ("sign", "access_token"))
        text = f"{self._secret}{call.path}{told}".encode() + call.body + self._secret.encode()
        return hmac.new(self._secret.encode(), text, hashlib.sha256).hexdigest()

    def refresh(self, query: dict[str, str]) -> dict[str, object]:
        """New tokens for a refresh token, which stays good unless it was said that each is good once."""
        if query.get("app_key") != APP_KEY or query.get("app_secret") != self._secret:
            raise envelope.RefusedError(36004004, "app key or app secret is invalid")
        given = query.get("refresh_token", "")
        if not given.startswith(_REFRESH) or given in (self._store.value(_SPENT) or []):
            raise envelope.RefusedError(36004004, "refresh token is invalid")
        now, number = int(self._clock.now()), self._store.next_number("token")
        return {
            "access_token": f"{_ACCESS}renewed_{number}",
            "access_token_expire_in": now + _LIVES,
            "refresh_token": self._following(given, number),
            "refresh_token_expire_in": now + _REFRESH_LIVES,
            "open_id": "emulated",
            "seller_name": "Emulated Shop",
            "seller_base_region": "US",
            "user_type": 0,
        }

    def _following(self, refresh_token: str, number: int) -> str:
        """The same, or a new one in the place of one that is spent."""
        if not self._store.value(_ROTATES):
            return refresh_token
        self._store.set_value(_SPENT, [*(self._store.value(_SPENT) or []), refresh_token])
        return f"{_REFRESH}renewed_{number}"

    def rotate(self, on: bool) -> None:
        """Whether a refresh token is good once only."""
        self._store.set_value(_ROTATES, on)

    def expire_all(self) -> int:
        """Every access token seen so far has expired; answers how many."""
        seen = self._store.value("_tokens_seen") or []
        self._store.set_value(_EXPIRED, sorted({*self._expired(), *seen}))
        return len(seen)

    def _expired(self) -> list[str]:
        return list(self._store.value(_EXPIRED) or [])

    def _remember(self, token: str) -> None:
        seen = self._store.value("_tokens_seen") or []
        if token not in seen:
            self._store.set_value("_tokens_seen", [*seen, token])


def shop_of(cipher: str) -> str:
    """The shop a cipher stands for."""
    return cipher.removeprefix(CIPHER)


def signed_headers(body: str, secret: str) -> dict[str, str]:
    """The headers of a webhook: the signature covers the app key and the body."""
    digest = hmac.new(secret.encode(), (APP_KEY + body).encode(), hashlib.sha256).hexdigest()
    return {"authorization": digest}

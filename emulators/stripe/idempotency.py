"""Idempotency keys (https://docs.stripe.com/api/idempotent_requests): the first answer is kept and given again.

Kept: the answer of every request whose endpoint had begun, 500s included. Not kept: refused parameters, 401, 429.
A key belongs to the endpoint and the parameters it was first used with; Stripe forgets it after 24 hours.
"""

import hashlib
import json
from typing import Any

from emulators.common import Answer, Call
from emulators.stripe import errors
from emulators.stripe.account import Account
from emulators.stripe.cards import DAY
from emulators.stripe.forms import parse

_KIND = "_idempotency"
_LONGEST = 255


class Keys:
    """The answers kept and the keys in use."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._in_use: set[str] = set()

    def claim(self, key: str) -> None:
        """Begin a request; the same key may not be in use by another one."""
        if key in self._in_use:
            raise errors.key_in_use()
        self._in_use.add(key)

    def release(self, key: str) -> None:
        """The request is over."""
        self._in_use.discard(key)

    def replay(self, call: Call, key: str) -> Answer | None:
        """The answer kept for this key, None for a new key."""
        if len(key) > _LONGEST:
            raise errors.invalid(f"Idempotency key is too long: at most {_LONGEST} characters are allowed.")
        kept = self._kept(key)
        if kept is None:
            return None
        advice = f"Try using a key other than '{key}' if you meant to execute a different request."
        if kept["path"] != call.path:
            only = "Keys for idempotent requests can only be used for the same endpoint they were first used for "
            raise errors.idempotency(f"{only}('{call.path}' vs '{kept['path']}'). {advice}")
        if kept["fingerprint"] != _fingerprint(call):
            only = "Keys for idempotent requests can only be used with the same parameters they were first used with."
            raise errors.idempotency(f"{only} {advice}")
        headers = {**kept["headers"], "idempotent-replayed": "true", "original-request": kept["request_id"]}
        return Answer(kept["status"], kept["body"].encode(), headers)

    def _kept(self, key: str) -> dict[str, Any] | None:
        kept = self._account.store.get(_KIND, key)
        if kept is None or kept["at"] < self._account.clock.now() - DAY:
            return None
        return kept

    def keep(self, call: Call, key: str, answer: Answer) -> None:
        """Remember the first answer."""
        if self._kept(key) is not None:
            return
        data = {
            "at": self._account.clock.now(),
            "path": call.path,
            "fingerprint": _fingerprint(call),
            "request_id": self._account.current.id or "req_unknown",
            "status": answer.status,
            "headers": answer.headers,
            "body": answer.body.decode(),
        }
        self._account.store.put(_KIND, key, data)

    def forget(self, key: str | None) -> None:
        """Forget one key or, for None, all: what 24 hours do."""
        with self._account.store.transaction():
            self._account.store.delete(_KIND, key)


def _fingerprint(call: Call) -> str:
    """The same parameters in another order are the same request."""
    return hashlib.sha256(json.dumps(parse(call.body.decode()), sort_keys=True).encode()).hexdigest()

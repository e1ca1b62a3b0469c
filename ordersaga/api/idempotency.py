"""`Idempotency-Key`: what is asked of an order again under the same key is asked once, and has the same answer."""

import hashlib
import json
import uuid
from typing import Annotated

from fastapi import Depends, Header
from pydantic import BaseModel

from ordersaga.api.problems import FieldError, Problem, invalid
from ordersaga.bootstrap import ApiKey, IdempotencyKey, Services

REUSED = "this Idempotency-Key was used for another request; use a new key for a new request"


async def checked_key(
    idempotency_key: Annotated[str | None, Header(description="Makes repeating the request harmless.")] = None,
) -> str | None:
    """The caller's key. Problem 422 for one that cannot be used."""
    key = idempotency_key
    if key is None or (1 <= len(key) <= 255 and key.isascii() and key.isprintable()):
        return key
    advice = "use 1 to 255 printable ASCII characters, such as a UUID"
    raise invalid([FieldError(field="Idempotency-Key", message="not usable as a key", remedy=advice)])


RepeatKey = Annotated[str | None, Depends(checked_key)]


async def request_id(
    services: Services, key: ApiKey, given: str | None, order_id: str, asked: BaseModel, what: str
) -> str:
    """The id under which the order's saga knows this request, however often it is sent on; without a key, a new one.

    Problem 422 when the key stands for another request. The saga is told a digest: two callers' keys never meet.
    """
    if given is None:
        return uuid.uuid4().hex
    claim = IdempotencyKey(key.id, given, _digest(what, order_id, json.dumps(asked.model_dump(mode="json"))))
    if not await services.intake.claim_key(claim, order_id):
        raise Problem(422, "idempotency_key_reused", REUSED)
    return _digest(key.id, given)[:32]


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()

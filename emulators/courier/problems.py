"""Refusals as problem details (RFC 9457) with the codes of the API."""

import json
from typing import Any, Final

from emulators.common import Answer

MEDIA: Final = "application/problem+json"
STATUS: Final = {
    "malformed": 400,
    "idempotency_key_missing": 400,
    "unauthorized": 401,
    "account_suspended": 402,
    "sandbox_only": 403,
    "not_found": 404,
    "method_not_allowed": 405,
    "idempotency_key_reused": 409,
    "in_progress": 409,
    "already_scanned": 409,
    "void_refused": 409,
    "not_scanned": 409,
    "already_ended": 409,
    "return_refused": 409,
    "return_not_offered": 409,
    "cannot_advance": 409,
    "invalid": 422,
    "address_invalid": 422,
    "out_of_zone": 422,
    "too_heavy": 422,
    "service_not_offered": 422,
    "currency_not_supported": 422,
    "rate_limited": 429,
    "unavailable": 503,
}
Errors = list[dict[str, str]]


class RefusedError(Exception):
    """The request is answered with a problem."""

    def __init__(self, code: str, detail: str, errors: Errors | None = None) -> None:
        super().__init__(detail)
        self.answer = problem(code, detail, errors)


def problem(code: str, detail: str, errors: Errors | None = None, *, status: int | None = None) -> Answer:
    """The answer; its status is that of the code unless told."""
    found = status or STATUS.get(code, 422)
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": code.replace("_", " ").capitalize(),
        "status": found,
        "code": code,
        "detail": detail,
    }
    headers = {"content-type": MEDIA, **({"retry-after": "1"} if found in (429, 503) else {})}
    return Answer(found, json.dumps(body | ({"errors": errors} if errors else {})).encode(), headers)

"""TikTok Shop's answers that are not a success, translated (https://partner.tiktokshop.com/docv2/page/common-errors).

Every answer is an envelope `{code, message, request_id, data}`; any code but 0 is a failure, whatever the HTTP status.
"""

from collections.abc import Iterable
from typing import Any, Final

import httpx

from ordersaga.domain.errors import OperatorError, OrdersagaError, RetryError
from ordersaga.gateways.http_errors import rate_limited, unavailable

COMPANY: Final = "tiktok_shop"
CREDENTIALS: Final = "tiktok_shop_credentials"
TOO_MANY: Final = 36009002
EXPIRED: Final = 105002
_TROUBLE: Final = frozenset({36009003, 36009007, 10006402, 10002014, 10002015, 10037002, 10037003, 10037004})
"""It failed itself, or ran out of time: the work may have been done."""
_CREDENTIALS: Final = frozenset({101000, 105005, 106001, 106013, 36004004, 36009033})
_OVERLOADED: Final = 36009004
"""One code for a dozen refusals; the message tells them apart."""
_ABOUT_CREDENTIALS: Final = ("credentials", "app_key", "timestamp", "access_token", "x-tts-access-token", "signature")
_TOLD: Final = 300


class ExpiredTokenError(OperatorError):
    """The access token has expired; nothing was done."""


class RefusedByTikTokError(OperatorError):
    """A final refusal; `number` is TikTok's code of it."""

    def __init__(self, number: int, message: str) -> None:
        super().__init__("tiktok_shop_refused", f"TikTok Shop refuses ({number}): {message}")
        self.number = number


def data_of(answer: httpx.Response, secrets: Iterable[str]) -> dict[str, Any]:
    """The `data` of a successful envelope, empty when there is none; everything else is raised.

    Of a refusal the message is kept, without our secrets: what we ask carries no shopper's data for it to quote.
    """
    envelope = _envelope(answer)
    number = _number(envelope.get("code"))
    if answer.status_code == httpx.codes.TOO_MANY_REQUESTS or number == TOO_MANY:
        raise rate_limited(COMPANY, answer.headers.get("retry-after"))
    if answer.status_code >= 500 or number in _TROUBLE:
        raise unavailable(COMPANY, number or answer.status_code)
    if not answer.is_success or number != 0:
        raise refusal(number or answer.status_code, _without(secrets, str(envelope.get("message") or "")))
    data = envelope.get("data")
    return data if isinstance(data, dict) else {}


def refusal(number: int, message: str) -> OrdersagaError:
    """Who must act on a refusal."""
    if number == EXPIRED:
        return ExpiredTokenError(CREDENTIALS, "the access token of the shop has expired")
    about_us = number == _OVERLOADED and any(word in message for word in _ABOUT_CREDENTIALS)
    if number in _CREDENTIALS or number in (401, 403) or about_us:
        advice = "check app key, secret, token and shop cipher, and this machine's clock"
        return OperatorError(CREDENTIALS, f"TikTok Shop answered {number} ({message}): {advice}")
    return RefusedByTikTokError(number, message or "no reason given")


def unreadable(what: str) -> RetryError:
    """An answer that says nothing we can use; what was asked may have been done."""
    return RetryError("tiktok_shop_unreadable", f"TikTok Shop answered something that is {what}", unknown=True)


def _envelope(answer: httpx.Response) -> dict[str, Any]:
    """The JSON object of an answer. A success must be one with a code; of a failure the status says enough."""
    try:
        envelope = answer.json()
    except ValueError:
        envelope = None
    if isinstance(envelope, dict) and (not answer.is_success or _number(envelope.get("code")) is not None):
        return envelope
    if answer.is_success:
        raise unreadable("no envelope with a code")
    return {}


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _without(secrets: Iterable[str], message: str) -> str:
    for secret in secrets:
        message = message.replace(secret, "[secret]") if secret else message
    return message[:_TOLD]

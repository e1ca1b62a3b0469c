"""UPS's answers that are not a success, translated (https://developer.ups.com/api/reference/shipping/errors)."""

from typing import Any

import httpx

from ordersaga.domain.errors import CustomerError, OperatorError, OrdersagaError, RetryError
from ordersaga.gateways.http_errors import rate_limited, unavailable

NOT_FOUND = frozenset({"300007"})
VOIDED = frozenset({"300033", "190116", "190117"})
NO_LABEL = frozenset({"300001", "300002", "300006", "300032", "300034", "300035"})
"""The label exists and is not printed any more: scanned, too old; or there are several of the kind."""
VOID_REFUSED = frozenset(
    {
        "190101",  # time has expired
        "190102",  # no shipment within the allowed period
        "190103",  # its pick-up is completed
        "190104",  # return shipments cannot be voided
        "190114",
        "190115",
        "190118",
        "190121",  # none of the packages were voided
        "190124",
    }
)
_AWAY = frozenset({"20001", "120001", "190001", "250050", "300000"})
_BAD_INPUT = "710"
_SHIP_TO, _SHIP_FROM = ("1202", "120802"), ("1203", "120803")
_POSTAL_CODE_OF_STATE = ("111285", "111286")


def refusal(answer: httpx.Response) -> OrdersagaError:
    """Who must act on an answer outside 2xx."""
    status, (code, message) = answer.status_code, _first(answer)
    if status >= 500:
        return unavailable("ups", status)
    if status == 429:
        return rate_limited("ups", answer.headers.get("retry-after"))
    if status in {401, 403}:
        advice = "check the client id, its secret, and that the app has this product"
        return OperatorError("ups_credentials", f"UPS answered {status} ({code}): {advice}")
    if code in _AWAY:
        return RetryError("ups_unavailable", f"UPS answered {code}: {message}", unknown=True)
    return OperatorError("ups_refused", f"UPS answered {status}: {code}: {message}")


def label_refusal(answer: httpx.Response, *, returning: bool) -> OrdersagaError:
    """Who must act on a label that was not sold. Of an address the code is named only: the message may quote it."""
    error, (code, message) = refusal(answer), _first(answer)
    if not isinstance(error, OperatorError) or error.code != "ups_refused":
        return error
    shopper = _SHIP_FROM if returning else _SHIP_TO
    if code.startswith((*shopper, *_POSTAL_CODE_OF_STATE)):
        return CustomerError("label_refused", f"{code}: the address is refused")
    return OperatorError("label_refused", f"{code}: {message}")


def is_bad_input(answer: httpx.Response) -> bool:
    """An intercept that was not even looked at."""
    return code_of(answer) == _BAD_INPUT


def code_of(answer: httpx.Response) -> str:
    """UPS's code of the first error; empty when there is none."""
    return _first(answer)[0]


def unreadable(what: str) -> RetryError:
    """A success whose body is not what it should be: what was asked may have been done."""
    return RetryError("ups_unavailable", f"UPS answered something that is {what}", unknown=True)


def json_of(answer: httpx.Response) -> Any:
    """The JSON of an answer; None when it has none."""
    try:
        return answer.json()
    except ValueError:
        return None


def _first(answer: httpx.Response) -> tuple[str, str]:
    """Code and message of the first error."""
    body = json_of(answer)
    response = body.get("response") if isinstance(body, dict) else None
    errors = response.get("errors") if isinstance(response, dict) else None
    first = errors[0] if isinstance(errors, list) and errors else None
    if not isinstance(first, dict):
        return "", "no reason given"
    return str(first.get("code") or ""), str(first.get("message") or "no reason given")

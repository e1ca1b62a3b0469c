"""Amazon's answers that are not a success, translated (`{"errors": [{"code", "message", "details"}]}`)."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ordersaga.domain.errors import CustomerError, OperatorError, OrdersagaError, RetryError
from ordersaga.gateways.http_errors import rate_limited, unavailable
from ordersaga.gateways.webhook_parts import text

COMPANY: Final = "amazon_mcf"
_ABOUT_ADDRESS: Final = re.compile(r"destination|deliveryAddress|addressLine|postal|stateOrRegion|countryCode", re.I)
_ABOUT_STOCK: Final = re.compile(r"inventory|unfulfillable|out of stock|insufficient", re.I)
_ABOUT_ABSENCE: Final = re.compile(r"not exist|no fulfillment order|not found", re.I)
_ABOUT_DUPLICATE: Final = re.compile(r"already exist|duplicate|must be unique", re.I)
_USUAL_PAUSE: Final = "1"
"""Seconds, after a 429 that names no rate: by the published one a second is worth two calls."""


class NotTakenError(OperatorError):
    """Amazon does not take what was asked; an order may stand all the same."""


class AbsentError(NotTakenError):
    """Amazon says that there is no such order."""


class DuplicateError(NotTakenError):
    """Amazon says that there is an order with this reference already."""


class TokenRefusedError(OperatorError):
    """The access token is not good any more: nothing was done, and a new one may do."""


class UnreadableError(RetryError):
    """An answer that cannot be understood: what was asked happened, or may have."""


def refusal(status: int, headers: Mapping[str, str], body: object) -> OrdersagaError:
    """Who must act on an answer outside 2xx."""
    if status >= 500:
        return unavailable(COMPANY, status)
    if status == 429:
        return rate_limited(COMPANY, _pause(headers))
    errors = _errors(body)
    if status in {401, 403}:
        return _denied(status, errors)
    return _refused(status, errors)


def _pause(headers: Mapping[str, str]) -> str:
    """What the answer asks for; else the time after which the rate it names allows another call."""
    rate = headers.get("x-amzn-ratelimit-limit") or ""
    stated = headers.get("retry-after")
    try:
        return stated or str(1 / float(rate))
    except (ValueError, ZeroDivisionError):
        return _USUAL_PAUSE


def _denied(status: int, errors: Sequence[Mapping[str, Any]]) -> OrdersagaError:
    told = f"Amazon answered {status}: check the application's roles and the seller's authorization"
    about_token = any("access token" in str(each.get("details")) for each in errors)
    kind = TokenRefusedError if about_token else OperatorError
    return kind("amazon_mcf_credentials", told)


def _refused(status: int, errors: Sequence[Mapping[str, Any]]) -> OrdersagaError:
    """Of an address that is refused the message is not told: it may quote it."""
    told = "; ".join(f"{each.get('code')}: {each.get('message')}" for each in errors) or "no reason given"
    refused = f"Amazon answered {status}: {told}"
    if status == 404 or _ABOUT_ABSENCE.search(told):
        return AbsentError("amazon_mcf_refused", refused)
    if status == 409 or _ABOUT_DUPLICATE.search(told):
        return DuplicateError("amazon_mcf_refused", refused)
    if _ABOUT_ADDRESS.search(told):
        codes = ", ".join(dict.fromkeys(str(each.get("code")) for each in errors))
        return CustomerError("address_refused", f"Amazon refuses the address ({codes})")
    if _ABOUT_STOCK.search(told):
        return NotTakenError("out_of_stock", refused)
    return NotTakenError("amazon_mcf_refused", refused)


def token_refusal(status: int, body: object) -> OrdersagaError:
    """An answer of the token endpoint outside 2xx. Whatever it is, the call it was for was never made."""
    if status >= 500 or status == 429:
        return RetryError("amazon_mcf_no_token", f"Login with Amazon answered {status}")
    error = text(body.get("error")) if isinstance(body, dict) else None
    told = f"Login with Amazon answered {status} ({error or 'no reason given'}): check client and refresh token"
    return OperatorError("amazon_mcf_credentials", told)


def unreadable(what: str) -> UnreadableError:
    """A success whose content cannot be understood."""
    return UnreadableError("amazon_mcf_unreadable", f"Amazon's answer cannot be read: {what}", unknown=True)


def not_visible(reference: str) -> RetryError:
    """An order that must stand, as Amazon or our own hand-off said, is not shown: that is no proof of absence."""
    return RetryError("amazon_mcf_not_visible", f"Amazon does not show the order {reference}", unknown=True)


def _errors(body: object) -> list[Mapping[str, Any]]:
    found = body.get("errors") if isinstance(body, dict) else None
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []

"""Newegg's answers that are not a success, and its reports of what failed, translated.

Errors are a list of codes and messages (https://developer.newegg.com, "Throttling", each function's "Errors"). What a
processing report says about a shopper's address names the field only: the reason may quote it.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import httpx

from ordersaga.domain.errors import (
    CustomerError,
    OperatorError,
    OrdersagaError,
    RateLimitedError,
    RefusedError,
    RetryError,
)
from ordersaga.gateways.http_errors import seconds, unavailable
from ordersaga.gateways.newegg.times import read

NOT_FOUND: Final = "SO003"
NOT_UNSHIPPED: Final = frozenset({"SO006", "SO008"})
NOT_RELEASED: Final = "SO016"
ALLOWANCE: Final = "DF012"
RELEASED_WITHIN: Final = timedelta(hours=2)
"""How long an order may take to reach Newegg's own portal, before which nothing can be asked of it (SO016)."""

_LONGEST_WAIT: Final = timedelta(hours=1)
_AFTER: Final = re.compile(r"after (\d{1,4}[-/]\d{1,2}[-/]\d{1,4} \d{1,2}:\d{2}:\d{2})")
_FIELD: Final = re.compile(r"^\s*([A-Za-z]\w*)\s*[-:]")
_ADDRESS: Final = re.compile(
    r"\b(address|postal|zip|p\.?\s*o\.?\s*box|city|state|country|phone|recipient)\b", re.IGNORECASE
)
_DUPLICATE: Final = re.compile(r"\b(duplicated?|already)\b", re.IGNORECASE)
_NO_REASON: Final = re.compile(r"^Error\(s\)\.")
_OURS: Final = frozenset(
    {
        "ItemList",
        "NeweggItemNumber",
        "OrderDate",
        "Quantity",
        "SalesChannel",
        "SellerOrderID",
        "SellerPartNumber",
        "ShippingMethod",
    }
)


def refusal(answer: httpx.Response) -> OrdersagaError:
    """Who must act on an answer outside 2xx."""
    status, told = answer.status_code, problems(answer)
    if status >= 500:
        return unavailable("newegg", status)
    if is_limited(answer):
        return RateLimitedError("newegg_rate_limited", "newegg limits our requests", retry_after=_wait(answer))
    if status in {401, 403}:
        return OperatorError("newegg_credentials", f"Newegg answered {status}: check both keys and the seller id")
    reasons = "; ".join(f"{code}: {message}" for code, message in told) or "no reason given"
    return OperatorError("newegg_refused", f"Newegg answered {status}: {reasons}")


def is_limited(answer: httpx.Response) -> bool:
    """Too many calls, or too many records of feeds in an hour: nothing was done."""
    return answer.status_code == 429 or (answer.status_code < 500 and ALLOWANCE in codes(answer))


def codes(answer: httpx.Response) -> frozenset[str]:
    """The codes in an answer that is an error."""
    return frozenset(code for code, _ in problems(answer))


def problems(answer: httpx.Response) -> list[tuple[str, str]]:
    """Code and message pairs, one or a list of them; none in an answer of another shape."""
    body = json_of(answer)
    found = body.get("Errors", body) if isinstance(body, dict) else body
    several = found if isinstance(found, list) else [found]
    return [
        (str(each["Code"]), str(each.get("Message", "")))
        for each in several
        if isinstance(each, dict) and "Code" in each
    ]


def _wait(answer: httpx.Response) -> timedelta | None:
    """Until the moment that Newegg names, in a header or in the message; None where that is not to be understood."""
    stated = seconds(answer.headers.get("retry-after"))
    if stated is not None:
        return stated
    named = [answer.headers.get("x-ratelimit-resettime")]
    named += [found[1] for _, message in problems(answer) if (found := _AFTER.search(message))]
    until = next((at for text in named if text and (at := read(text))), None)
    wait = until - datetime.now(UTC) if until else None
    return wait if wait is not None and timedelta(0) < wait <= _LONGEST_WAIT else None


def not_released(reference: str) -> RetryError:
    """Newegg knows the order, and lets nothing be asked of it yet: nothing was done."""
    return RetryError(
        "newegg_not_released", f"Newegg has not released the order {reference} yet", retry_after=RELEASED_WITHIN / 8
    )


def undecided(reference: str, wait: timedelta) -> RetryError:
    """Newegg works on feeds, and the order may be in one of them."""
    told = f"Newegg is still working on a feed that may hold the order {reference}"
    return RetryError("newegg_undecided", told, unknown=True, retry_after=wait)


def not_visible(reference: str) -> RetryError:
    """An order that must stand, as Newegg or our own hand-off said, is not shown: that is no proof of absence."""
    return RetryError("newegg_not_visible", f"Newegg does not show the order {reference}", unknown=True)


def unreadable(what: str) -> RetryError:
    """An answer of another shape, to a call that may have been carried out."""
    return RetryError("newegg_unavailable", f"Newegg answered something that is {what}", unknown=True)


def undocumented(what: str, word: object) -> RetryError:
    """A word of Newegg's that its documentation does not have, about something that is under way."""
    return RetryError("newegg_unknown_status", f"Newegg says {what} is {word!r}, which is not documented", unknown=True)


def not_created(reference: str, reasons: Sequence[str], *, quoting: bool) -> OrdersagaError:
    """What a processing report says of an order it names, and that is not shown: a final refusal, nothing was made.

    A duplicate is none: then an order was made before, and should be shown. `quoting`: reasons that begin with no field
    we know are quoted, by a caller who hides the shopper's address.
    """
    told = [reason for reason in reasons if not _NO_REASON.match(reason)]
    if any(_DUPLICATE.search(reason) for reason in told):
        return not_visible(reference)
    about_address = dict.fromkeys(_field(reason) for reason in told if _is_about_address(reason))
    if about_address:
        return CustomerError("address_refused", f"Newegg refuses {', '.join(about_address)}")
    said = "; ".join(reason if quoting or _field(reason) in _OURS else "a reason not quoted here" for reason in told)
    return RefusedError("newegg_refused", f"Newegg made no order: {said or 'no reason given'}")


def _is_about_address(reason: str) -> bool:
    field = _field(reason)
    return field not in _OURS and (field.startswith("ShipTo") or _ADDRESS.search(reason) is not None)


def _field(reason: str) -> str:
    found = _FIELD.match(reason)
    return found[1] if found else "the address"


def json_of(answer: httpx.Response) -> Any:
    """The JSON of an answer; None when it has none."""
    try:
        return answer.json()
    except ValueError:
        return None

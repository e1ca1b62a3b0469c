"""ShipBob's answers that are not a success, translated (https://developer.shipbob.com, "Rate limits", "Errors")."""

from collections.abc import Iterator
from typing import Any

import httpx

from ordersaga.domain.errors import CustomerError, OperatorError, OrdersagaError
from ordersaga.gateways.http_errors import rate_limited, unavailable


def refusal(answer: httpx.Response) -> OrdersagaError:
    """Who must act on an answer outside 2xx."""
    status = answer.status_code
    if status >= 500:
        return unavailable("shipbob", status)
    if status == 429:
        return rate_limited("shipbob", answer.headers.get("x-retry-after"))
    if status in {401, 403}:
        return OperatorError("shipbob_credentials", f"ShipBob answered {status}: check the token and its channel")
    return _refused(answer)


def _refused(answer: httpx.Response) -> OrdersagaError:
    """Validation errors map a field to its messages; those about the recipient only the shopper can mend.

    Of these the fields are named only: the messages may quote the address.
    """
    found = list(_messages(json_of(answer)))
    about_recipient = dict.fromkeys(field for field, _ in found if field.lower().startswith("recipient"))
    if about_recipient:
        return CustomerError("address_refused", f"ShipBob refuses {', '.join(about_recipient)}")
    told = "; ".join(f"{field}: {message}" for field, message in found) or "no reason given"
    return OperatorError("shipbob_refused", f"ShipBob answered {answer.status_code}: {told}")


def _messages(body: object) -> Iterator[tuple[str, str]]:
    """Field and message pairs, whether at the top (`{field: [message]}`) or under `errors` (problem details)."""
    if not isinstance(body, dict):
        return
    for field, messages in body.items():
        if field == "errors" and isinstance(messages, dict):
            yield from _messages(messages)
        elif isinstance(messages, list):
            yield from ((field, str(message)) for message in messages)
        elif isinstance(messages, str) and not field.startswith("$"):
            yield field, messages


def names_reference(answer: httpx.Response) -> bool:
    """Whether the order's own reference is what is refused, however ShipBob spells the field."""
    return any(field.lower().replace("_", "") == "referenceid" for field, _ in _messages(json_of(answer)))


def json_of(answer: httpx.Response) -> Any:
    """The JSON of an answer; None when it has none."""
    try:
        return answer.json()
    except ValueError:
        return None

"""A private courier's problems (RFC 9457), translated by their codes; by the status where a code is new."""

from collections.abc import Mapping
from typing import Any, Final

import httpx

from ordersaga.domain.errors import CustomerError, OperatorError, OrdersagaError, RetryError
from ordersaga.gateways.http_errors import rate_limited, unavailable

COMPANY: Final = "private_delivery"
NOT_SERVED: Final = frozenset({"out_of_zone", "too_heavy", "service_not_offered"})
"""The courier does not take such a parcel there: another carrier may."""


def problem_of(answer: httpx.Response) -> Mapping[str, Any]:
    """The problem in an answer; empty when it holds none."""
    try:
        body = answer.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def code_of(answer: httpx.Response) -> str:
    """The problem's code; empty when there is none, as in a success."""
    return "" if answer.is_success else str(problem_of(answer).get("code") or "")


def refusal(answer: httpx.Response) -> OrdersagaError:
    """Who must act on an answer outside 2xx."""
    status, code = answer.status_code, code_of(answer)
    if status >= 500:
        return unavailable(COMPANY, status)
    if status == 429:
        return rate_limited(COMPANY, answer.headers.get("retry-after"))
    if code == "in_progress":
        return RetryError("private_delivery_busy", "the courier is at work on the same request", unknown=True)
    if status in {401, 403}:
        return OperatorError("private_delivery_credentials", f"the courier answered {status}: check the API key")
    if status == 402:
        return OperatorError("private_delivery_account", "the courier sells nothing to this account: ask them why")
    return _refused(answer, code)


def _refused(answer: httpx.Response, code: str) -> OrdersagaError:
    """Of an address only the names of the fields are told; `detail` is the courier's own text."""
    problem = problem_of(answer)
    if code == "address_invalid":
        return CustomerError("label_refused", f"the courier refuses the address{_fields(problem)}")
    if code in NOT_SERVED:
        return OperatorError("no_rates", f"the courier does not take the parcel ({code}); choose another carrier")
    told = str(problem.get("detail") or problem.get("title") or "no reason given")
    return OperatorError("label_refused", f"{code or answer.status_code}: {told}{_fields(problem)}")


def _fields(problem: Mapping[str, Any]) -> str:
    found = problem.get("errors")
    errors: list[Any] = found if isinstance(found, list) else []
    named = [f"{each.get('field')} {each.get('code')}" for each in errors if isinstance(each, dict)]
    return f" ({', '.join(named)})" if named else ""

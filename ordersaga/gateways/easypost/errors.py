"""EasyPost's errors, translated (https://docs.easypost.com/guides/errors-guide)."""

import contextlib
from collections.abc import Iterator
from typing import Any

import requests
from easypost.errors.api.api_error import ApiError
from easypost.errors.general.easypost_error import EasyPostError
from urllib3.exceptions import NewConnectionError

from ordersaga.domain.errors import CustomerError, OperatorError, OrdersagaError, RetryError
from ordersaga.gateways.http_errors import causes, rate_limited, unavailable

# The SDK hides the transport's error behind its own, as the context of its exception.
_NEVER_SENT = (requests.exceptions.ConnectTimeout, NewConnectionError)
_NO_ANSWER_YET = frozenset({"SHIPMENT.POSTAGE.TIMED_OUT", "SHIPMENT.POSTAGE.NO_RESPONSE"})


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Turn whatever the SDK raises into an error that says who must act."""
    try:
        yield
    except EasyPostError as error:
        raise translate(error) from error


def translate(error: EasyPostError) -> OrdersagaError:
    """Who must act. The SDK reports an answer that is no JSON, and no answer at all, without a status."""
    if not isinstance(error, ApiError) or error.http_status in {None, 408}:
        return _no_answer(error)
    status = error.http_status
    if status >= 500:
        return unavailable("easypost", status)
    if status == 429:
        return rate_limited("easypost", None)
    return _refused(error, status)


def _no_answer(error: EasyPostError) -> RetryError:
    if any(isinstance(cause, _NEVER_SENT) for cause in causes(error)):
        return RetryError("easypost_unreachable", "no connection to EasyPost could be made")
    return RetryError("easypost_no_answer", "EasyPost was asked and gave no answer we can read", unknown=True)


def _refused(error: ApiError, status: int) -> OrdersagaError:
    code, message = error.code or str(status), error.message
    if code in _NO_ANSWER_YET:
        return RetryError("easypost_no_answer", f"{code}: {message}", unknown=True)
    if status in {401, 403}:
        return OperatorError("easypost_credentials", f"EasyPost answered {status}: check the API key")
    if status == 402:
        return OperatorError("easypost_funds", f"EasyPost wants funds or billing details: {message}")
    if about_address(f"{code} {message}"):
        return CustomerError("label_refused", f"{code}: the address is refused{_details(error)}")
    return OperatorError("label_refused", f"{code}: {message}")


def _details(error: ApiError) -> str:
    """Which fields, and EasyPost's codes for what is wrong with them; its messages may quote the address."""
    errors: list[Any] = error.errors or []
    found = [entry for entry in errors if isinstance(entry, dict)]
    words = dict.fromkeys(str(entry[name]) for entry in found for name in ("field", "code") if entry.get(name))
    return f" ({', '.join(words)})" if words else ""


def about_address(told: str) -> bool:
    """Whether a refusal is about where the parcel shall go, in EasyPost's codes or its carriers' words."""
    return "address" in told.lower()


def code_of(error: EasyPostError) -> str:
    """EasyPost's error code; empty when there is none."""
    return str(error.code or "") if isinstance(error, ApiError) else ""

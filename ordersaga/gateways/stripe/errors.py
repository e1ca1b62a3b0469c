"""Stripe's errors, translated once (https://docs.stripe.com/error-handling, .../error-low-level)."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import stripe

from ordersaga.domain.errors import CustomerError, OperatorError, OrdersagaError, RetryError
from ordersaga.gateways.http_errors import seconds, transport_error, unavailable

_UNEXPECTED_STATE = "payment_intent_unexpected_state"
_CREDENTIALS = (stripe.AuthenticationError, stripe.PermissionError)


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Turn whatever the SDK raises into an error that says who must act."""
    try:
        yield
    except stripe.StripeError as error:
        raise translate(error) from error


def translate(error: stripe.StripeError) -> OrdersagaError:
    """Who must act, and whether the request may have been carried out.

    The SDK has no class for an answer that is not Stripe's own, of a proxy for instance: then the status decides.
    """
    if isinstance(error, stripe.CardError):
        return CustomerError(decline_code(error), message_of(error))
    if isinstance(error, stripe.APIConnectionError):
        return transport_error("stripe", error)
    if isinstance(error, stripe.IdempotencyError):
        return OperatorError("idempotency_key_reused", message_of(error))
    if isinstance(error, _CREDENTIALS) or error.http_status in {401, 403}:
        return OperatorError("stripe_credentials", f"Stripe answered {error.http_status}: check the API key")
    return _by_status(error)


def _by_status(error: stripe.StripeError) -> OrdersagaError:
    status = error.http_status
    if status == 409:
        wait = seconds(_headers(error).get("retry-after"))
        return RetryError("idempotency_key_in_use", message_of(error), unknown=True, retry_after=wait)
    if isinstance(error, stripe.InvalidRequestError) or (status is not None and 400 <= status < 500):
        return OperatorError("stripe_refused", f"{code_of(error) or status}: {message_of(error)}")
    if _headers(error).get("idempotent-replayed") == "true":
        return RetryError("stored_failure", "Stripe repeats the failure it stored under this key", unknown=True)
    return unavailable("stripe", status)


def is_unexpected_state(error: stripe.StripeError) -> bool:
    """The payment is not in a state in which this can be done."""
    return code_of(error) == _UNEXPECTED_STATE


def is_used_up(error: stripe.StripeError) -> bool:
    """The payment method paid once and was not kept for a customer; Stripe says so in words only, without a code."""
    return "may not be used again" in message_of(error)


def body_of(error: stripe.StripeError) -> dict[str, Any]:
    """The `error` object of the answer; empty when there is none.

    The SDK leaves `e.code` unset on several classes (429, 409), so the code is always read from here.
    """
    body = error.json_body
    found = body.get("error") if isinstance(body, Mapping) else None
    return dict(found) if isinstance(found, Mapping) else {}


def code_of(error: stripe.StripeError) -> str | None:
    """Stripe's error code."""
    code = body_of(error).get("code")
    return str(code) if code else None


def decline_code(error: stripe.StripeError) -> str:
    """Why the issuer declined; the error code when it did not say."""
    return str(body_of(error).get("decline_code") or code_of(error) or "card_declined")


def message_of(error: stripe.StripeError) -> str:
    """Stripe's message for people. Without one the SDK makes up its own, which quotes the answer: that is not told."""
    return str(body_of(error).get("message") or "no message")


def _headers(error: stripe.StripeError) -> dict[str, str]:
    return {name.lower(): value for name, value in (error.headers or {}).items()}

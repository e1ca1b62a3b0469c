"""Stripe's error answers (https://docs.stripe.com/api/errors).

`executed` says whether the endpoint had begun its work: only then is the answer kept under the idempotency key
(https://docs.stripe.com/api/idempotent_requests).
"""

from typing import Any

from emulators.common import Answer

_DOCS = "https://stripe.com/docs/error-codes/"


class StripeError(Exception):
    """An answer other than 2xx."""

    def __init__(self, status: int, error: dict[str, Any], *, executed: bool = False) -> None:
        super().__init__(error["message"])
        self.status, self.error, self.executed = status, error, executed

    def answer(self) -> Answer:
        """The HTTP answer."""
        return Answer.json(self.status, {"error": self.error})


def _error(type_: str, message: str, code: str | None = None, param: str | None = None, **more: Any) -> dict[str, Any]:
    fields = {"code": code, "doc_url": _DOCS + code.replace("_", "-") if code else None, "param": param, **more}
    return {"type": type_, "message": message, **{name: value for name, value in fields.items() if value is not None}}


def invalid(message: str, *, code: str | None = None, param: str | None = None, status: int = 400) -> StripeError:
    """The parameters are wrong; nothing was begun."""
    return StripeError(status, _error("invalid_request_error", message, code, param))


def missing(what: str, id_: str, *, param: str = "id", status: int = 404) -> StripeError:
    """There is no such object: 404 for one named by the path, 400 for one named by a parameter."""
    return invalid(f"No such {what}: '{id_}'", code="resource_missing", param=param, status=status)


def refused(message: str, code: str, *, param: str | None = None, **more: Any) -> StripeError:
    """The work was begun and the state of things forbids it."""
    return StripeError(400, _error("invalid_request_error", message, code, param, **more), executed=True)


def unexpected_state(intent: dict[str, Any], verb: str, allowed: str) -> StripeError:
    """The payment intent is in a state that forbids the operation."""
    message = (
        f"This PaymentIntent's status is {intent['status']}, but it could not be {verb}. "
        f"Only a PaymentIntent with one of the following statuses may be {verb}: {allowed}."
    )
    return refused(message, "payment_intent_unexpected_state", payment_intent=intent)


def card_error(details: dict[str, Any]) -> StripeError:
    """A card was declined; `details` is what `last_payment_error` holds too."""
    return StripeError(402, {"type": "card_error", **details}, executed=True)


def idempotency(message: str) -> StripeError:
    """A key was used again for something else."""
    return StripeError(400, _error("idempotency_error", message))


def key_in_use() -> StripeError:
    """The first request with this key is not over."""
    message = "There is currently another in-progress request using this idempotency key."
    return StripeError(409, _error("idempotency_error", message, "idempotency_key_in_use"))


def unauthorized() -> StripeError:
    """No API key."""
    message = "You did not provide an API key. You need to provide your API key in the Authorization header."
    return StripeError(401, _error("invalid_request_error", message))


_PLAIN = {
    401: ("invalid_request_error", "Invalid API Key provided.", None),
    402: ("card_error", "Your card was declined.", "card_declined"),
    409: ("invalid_request_error", "This object cannot be accessed right now.", "lock_timeout"),
    429: ("invalid_request_error", "Request rate limit exceeded.", "rate_limit"),
}


def plain(status: int) -> StripeError:
    """The usual body of a status, for faults."""
    default = ("api_error" if status >= 500 else "invalid_request_error", "An unexpected error occurred.", None)
    type_, message, code = _PLAIN.get(status, default)
    return StripeError(status, _error(type_, message, code))

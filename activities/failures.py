"""Domain errors become Temporal failures here, once; the failure's type says who must act.

| error | failure type | retried by Temporal |
|---|---|---|
| RetryError | `retry` | yes, no sooner than `retry_after` |
| CustomerError | `customer` | no |
| OperatorError | `operator` | no |
| RefusedError | `refused` | no; the ledger holds that nothing happened |
"""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from ordersaga.domain.errors import CustomerError, OperatorError, OrdersagaError, RefusedError, RetryError

P = ParamSpec("P")
T = TypeVar("T")

RETRY, CUSTOMER, OPERATOR, REFUSED = "retry", "customer", "operator", "refused"
_TYPES: dict[type[OrdersagaError], str] = {
    RetryError: RETRY,
    CustomerError: CUSTOMER,
    OperatorError: OPERATOR,
    RefusedError: REFUSED,
}


def translated(act: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
    """Make an activity's domain errors readable by workflows (`ApplicationError` with details `[code, message]`)."""

    @wraps(act)
    async def run(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return await act(*args, **kwargs)
        except OrdersagaError as error:
            activity.logger.info("%s ended as %s", act.__name__, error.code, exc_info=True)
            raise as_failure(error) from None  # Temporal cuts off a failure whose causes carry long stack traces

    return run


def as_failure(error: OrdersagaError) -> ApplicationError:
    """The Temporal failure an error becomes. Expected refusals are BENIGN: they must not page anyone."""
    retry = isinstance(error, RetryError)
    return ApplicationError(
        str(error),
        error.code,
        error.message,
        type=_TYPES.get(type(error), OPERATOR),
        non_retryable=not retry,
        next_retry_delay=error.retry_after if isinstance(error, RetryError) else None,
        category=ApplicationErrorCategory.BENIGN if retry else ApplicationErrorCategory.UNSPECIFIED,
    )

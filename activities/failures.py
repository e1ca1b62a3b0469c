"""Domain errors become Temporal failures here, once; the failure's type says who must act.

| error | failure type | retried by Temporal |
|---|---|---|
| RetryError | `retry` | yes, no sooner than `retry_after`; a workflow task waits for no longer than a second |
| CustomerError | `customer` | no |
| OperatorError | `operator` | no |
| RefusedError | `refused` | no; the ledger holds that nothing happened |
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import wraps
from typing import ParamSpec, TypeVar

from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from ordersaga.domain.errors import CustomerError, OrdersagaError, RefusedError, RetryError

P = ParamSpec("P")
T = TypeVar("T")

RETRY, CUSTOMER, OPERATOR, REFUSED = "retry", "customer", "operator", "refused"
_LOCALLY = timedelta(seconds=1)
"""A longer wait is not spent inside the workflow task: the call goes to its lane."""


def translated(act: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
    """Make an activity's domain errors readable by workflows (`ApplicationError` with details `[code, message]`)."""

    @wraps(act)
    async def run(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return await act(*args, **kwargs)
        except OrdersagaError as error:
            activity.logger.info("%s ended as %s", act.__name__, error.code, exc_info=True)
            local = activity.in_activity() and activity.info().is_local
            raise as_failure(error, local=local) from None  # causes carry long stack traces, which Temporal cuts off

    return run


def as_failure(error: OrdersagaError, *, local: bool = False) -> ApplicationError:
    """The Temporal failure an error becomes. Expected refusals are BENIGN: they must not page anyone.

    `local`: the activity ran inside the workflow task, which waits for nothing that takes long.
    """
    wait = error.retry_after if isinstance(error, RetryError) else None
    retry = isinstance(error, RetryError)
    elsewhere = local and wait is not None and wait > _LOCALLY
    return ApplicationError(
        str(error),
        error.code,
        error.message,
        type=_type(error),
        non_retryable=not retry or elsewhere,
        next_retry_delay=wait,
        category=ApplicationErrorCategory.BENIGN if retry else ApplicationErrorCategory.UNSPECIFIED,
    )


def _type(error: OrdersagaError) -> str:
    if isinstance(error, RetryError):
        return RETRY
    if isinstance(error, CustomerError):
        return CUSTOMER
    return REFUSED if isinstance(error, RefusedError) else OPERATOR

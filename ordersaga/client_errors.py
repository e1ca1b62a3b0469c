"""What can go wrong between a caller and a running order.

```
OrdersagaError
├── CustomerError
│   ├── OrderNotFoundError        order_not_found: no saga has this id, now or within Temporal's retention
│   ├── OrderClosedError          order_closed: the saga has ended; nothing can be asked of it any more
│   └── OrderRefusedError         refused, preview_outdated, invalid_message, query_failed: the saga refused the request
├── OperatorError
│   └── NamespaceNotReadyError    namespace_not_ready: namespace or search attributes are missing
└── RetryError
    └── SagaUnreachableError      saga_unreachable: Temporal, or a worker, did not answer in time
        └── UndecidedError        the same, but the saga has taken the request: only its answer is missing
```
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from temporalio.client import (
    RPCError,
    WorkflowQueryFailedError,
    WorkflowQueryRejectedError,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCStatusCode

from ordersaga.domain.errors import CustomerError, OperatorError, OrdersagaError, RetryError
from ordersaga.remedies import listed_at


class OrderNotFoundError(CustomerError):
    """No saga has this order's id."""

    def __init__(self, order_id: str) -> None:
        listed = listed_at("/v1/orders", "order list")
        super().__init__("order_not_found", f"no running order has the id {order_id}; {listed}")


class OrderClosedError(CustomerError):
    """The saga has ended, so it takes no more messages."""

    def __init__(self, order_id: str) -> None:
        super().__init__("order_closed", f"order {order_id} has ended; it takes no more messages")


class OrderRefusedError(CustomerError):
    """The saga refused the request."""


class NamespaceNotReadyError(OperatorError):
    """The namespace lacks what orders need."""

    def __init__(self, detail: str) -> None:
        remedy = "create the namespace and its search attributes (`temporal operator search-attribute create`)"
        super().__init__("namespace_not_ready", f"{detail}; {remedy}")


class SagaUnreachableError(RetryError):
    """Temporal, or the order's worker, gave no answer in time. What was sent may still be carried out."""

    def __init__(self, detail: str) -> None:
        super().__init__("saga_unreachable", f"the order's saga did not answer: {detail}", unknown=True)


class UndecidedError(SagaUnreachableError):
    """The saga took the request and goes on with it; its answer did not come in time."""


_CLOSED_MARKS = ("already completed", "closing workflow", "closed before")
PREVIEW_OUTDATED = "preview_outdated"
"""A cancellation that rests on a preview would come to something else now."""
_NO_CONNECTION = "Failed client connect"
_SETTINGS_MARKS = ("search attribute", "namespace", "no mapping defined")


@asynccontextmanager
async def translated(order_id: str) -> AsyncIterator[None]:
    """Turn the SDK's errors into the ones above. Any other passes as it is: it says nothing about Temporal."""
    try:
        yield
    except RPCError as error:
        raise translate_rpc(order_id, error) from error
    except WorkflowUpdateFailedError as error:
        raise _refusal(order_id, error) from error
    except (WorkflowQueryFailedError, WorkflowQueryRejectedError) as error:
        raise OrderRefusedError("query_failed", str(error)) from error
    except (WorkflowUpdateRPCTimeoutOrCancelledError, TimeoutError) as error:
        raise SagaUnreachableError("no answer in time") from error
    except RuntimeError as error:
        if not is_outage(error):
            raise
        raise SagaUnreachableError(_first_line(error)) from error


def is_outage(error: RuntimeError) -> bool:
    """Whether no connection to Temporal came about: the SDK has no type of its own for that."""
    return str(error).startswith(_NO_CONNECTION)


def translate_rpc(order_id: str, error: RPCError) -> OrdersagaError:
    """The meaning of a failed call to the Temporal frontend."""
    text = error.message.lower()
    if error.status == RPCStatusCode.NOT_FOUND and any(mark in text for mark in _CLOSED_MARKS):
        return OrderClosedError(order_id)
    if error.status in (RPCStatusCode.NOT_FOUND, RPCStatusCode.INVALID_ARGUMENT) and _names_settings(text):
        return NamespaceNotReadyError(error.message)
    if error.status == RPCStatusCode.NOT_FOUND:
        return OrderNotFoundError(order_id)
    if error.status == RPCStatusCode.INVALID_ARGUMENT:
        return OrderRefusedError("invalid_message", error.message)
    return SagaUnreachableError(error.message)


def _names_settings(text: str) -> bool:
    return any(mark in text for mark in _SETTINGS_MARKS)


def _refusal(order_id: str, error: WorkflowUpdateFailedError) -> OrdersagaError:
    cause = error.cause
    kind = cause.type if isinstance(cause, ApplicationError) else None
    if kind == "AcceptedUpdateCompletedWorkflow":
        return OrderClosedError(order_id)
    message = cause.message if isinstance(cause, ApplicationError) else str(cause)
    return OrderRefusedError(kind if kind == PREVIEW_OUTDATED else "refused", message)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__

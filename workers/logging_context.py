"""Every log line of an activity names its order and its place in Temporal."""

from typing import Any

import structlog
from temporalio import activity
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from ordersaga.tracing import about_order


class LoggingContext(Interceptor):
    """Binds order and Temporal ids for whatever logs while an activity runs."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002 - its name
        """Called once per worker."""
        return _Bound(super().intercept_activity(next))


class _Bound(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 - the SDK's name
        info = activity.info()
        ids = {
            "order_id": (info.workflow_id or "").removeprefix("order-"),
            "workflow_id": info.workflow_id,
            "run_id": info.workflow_run_id,
            "activity": info.activity_type,
            "attempt": info.attempt,
        }
        about_order((info.workflow_id or "").removeprefix("order-"))
        with structlog.contextvars.bound_contextvars(**ids):
            return await super().execute_activity(input)

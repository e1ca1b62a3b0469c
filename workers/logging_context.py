"""Every log line of an activity names its order and its place in Temporal."""

from typing import Any

import structlog
from temporalio import activity
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from ordersaga.domain.identifiers import owner_of_workflow
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
            "workflow_id": info.workflow_id,
            "run_id": info.workflow_run_id,
            "activity": info.activity_type,
            "attempt": info.attempt,
        }
        if order_id := owner_of_workflow(info.workflow_id or ""):
            ids["order_id"] = order_id
            about_order(order_id)
        with structlog.contextvars.bound_contextvars(**ids):
            return await super().execute_activity(input)

"""Traces through Temporal: from who asks, over the saga, to its activities.

A saga lives for weeks and is replayed at will, so its own spans are points in time, told once (docs/adr says why). What
it does within `TOGETHER` of its start is one trace with the checkout; each later step is a trace of its own, which its
`order_id` finds.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Final

from opentelemetry.context import Context, attach, detach
from temporalio import client, worker, workflow
from temporalio.contrib.opentelemetry import TracingInterceptor

from ordersaga import tracing

TOGETHER: Final = timedelta(minutes=10)


def interceptors() -> Sequence[client.Interceptor]:
    """For `Client.connect`, whose workers take them over; none while traces are off."""
    if not tracing.are_on():
        return []
    return [TracingInterceptor(tracing.tracer(), always_create_workflow_spans=True), LaterSteps()]


class LaterSteps(client.Interceptor, worker.Interceptor):
    """Has what a workflow starts long after its own start begin a trace of its own."""

    def workflow_interceptor_class(
        self,
        input: worker.WorkflowInterceptorClassInput,  # noqa: A002 - the SDK's name
    ) -> type[worker.WorkflowInboundInterceptor] | None:
        """Called once per worker."""
        return _Inbound


class _Inbound(worker.WorkflowInboundInterceptor):
    def init(self, outbound: worker.WorkflowOutboundInterceptor) -> None:
        super().init(_Outbound(outbound))


class _Outbound(worker.WorkflowOutboundInterceptor):
    def start_activity(self, input: worker.StartActivityInput) -> workflow.ActivityHandle[Any]:  # noqa: A002
        with _trace_of_step():
            return super().start_activity(input)

    def start_local_activity(self, input: worker.StartLocalActivityInput) -> workflow.ActivityHandle[Any]:  # noqa: A002
        with _trace_of_step():
            return super().start_local_activity(input)


@contextmanager
def _trace_of_step() -> Iterator[None]:
    if workflow.now() - workflow.info().start_time < TOGETHER:
        yield
        return
    token = attach(Context())
    try:
        yield
    finally:
        detach(token)

"""What sagas did, from their histories: each is replayed, and every call it made is noted with what it was answered.

A local activity's input stands nowhere in a history: only the replayed code knows it.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Literal

from temporalio import workflow
from temporalio.client import Client, WorkflowExecution, WorkflowExecutionStatus, WorkflowHistory
from temporalio.converter import DataConverter
from temporalio.exceptions import ActivityError, ApplicationError, FailureError
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import (
    Interceptor,
    Replayer,
    StartActivityInput,
    StartLocalActivityInput,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
    WorkflowOutboundInterceptor,
)

from ordersaga.domain.identifiers import owner_of_workflow, return_id, workflow_id
from workers.sandbox import workflow_runner
from workflows.order_fulfillment import OrderFulfillment
from workflows.order_return import OrderReturn
from workflows.reconciliation import Reconciliation, RepairFinding
from workflows.stop_orders import StopOrders

WORKFLOWS: Final = (OrderFulfillment, OrderReturn, Reconciliation, RepairFinding, StopOrders)
_MINDED: Final = "WorkflowType IN ('OrderFulfillment', 'OrderReturn', 'StopOrders')"

Outcome = Literal["done", "refused", "open"]
"""`open`: nobody answered it, or nobody knows what it came to."""


@dataclass
class Call:
    """A call of an activity. `at`: not before then it was begun; `result`: of one that is done."""

    workflow_id: str
    activity: str
    arguments: tuple[Any, ...]
    at: datetime
    outcome: Outcome = "open"
    result: Any = None


@dataclass(frozen=True)
class History:
    """A saga as Temporal has it. `calls` in their order; `unread`: why this build cannot read them."""

    workflow_id: str
    kind: str
    running: bool
    began: datetime
    last: datetime
    calls: tuple[Call, ...] = ()
    unread: str | None = None

    @property
    def subject(self) -> str:
        """Whom it is about, as people know it: an order or a return; a stop by its workflow."""
        order_id = owner_of_workflow(self.workflow_id)
        if order_id is None or self.workflow_id == workflow_id(order_id):
            return order_id or self.workflow_id
        return return_id(order_id, int(self.workflow_id.rpartition("-")[2]))


@dataclass
class Listener(Interceptor):
    """Notes the calls of workflows that are replayed outside the sandbox, by workflow id."""

    calls: defaultdict[str, list[Call]] = field(default_factory=lambda: defaultdict(list))

    def workflow_interceptor_class(self, input: WorkflowInterceptorClassInput) -> type[WorkflowInboundInterceptor]:  # noqa: A002 - the SDK's name
        """Called once for each replay."""
        calls = self.calls

        class Inbound(WorkflowInboundInterceptor):
            def init(self, outbound: WorkflowOutboundInterceptor) -> None:
                super().init(_Outbound(outbound, calls))

        return Inbound


class _Outbound(WorkflowOutboundInterceptor):
    def __init__(self, following: WorkflowOutboundInterceptor, calls: defaultdict[str, list[Call]]) -> None:
        super().__init__(following)
        self._calls = calls

    def start_activity(self, input: StartActivityInput) -> workflow.ActivityHandle[Any]:  # noqa: A002 - the SDK's name
        return self._noted(input, super().start_activity(input))

    def start_local_activity(self, input: StartLocalActivityInput) -> workflow.ActivityHandle[Any]:  # noqa: A002 - the SDK's name
        return self._noted(input, super().start_local_activity(input))

    def _noted(
        self, asked: StartActivityInput | StartLocalActivityInput, handle: workflow.ActivityHandle[Any]
    ) -> workflow.ActivityHandle[Any]:
        name = workflow.info().workflow_id
        call = Call(name, asked.activity, tuple(asked.args), workflow.now())
        self._calls[name].append(call)

        def ended(done: "asyncio.Task[Any]") -> None:
            if not done.cancelled():
                call.outcome, call.result = _came_to(done)

        handle.add_done_callback(ended)
        return handle


def _came_to(done: "asyncio.Task[Any]") -> tuple[Outcome, Any]:
    error = done.exception()
    if error is None:
        return "done", done.result()
    cause = error.cause if isinstance(error, ActivityError) else error
    final = isinstance(cause, ApplicationError) and cause.type in ("customer", "operator", "refused")
    return ("refused" if final and isinstance(error, FailureError) else "open"), None


async def read_histories(temporal: Client, since: datetime) -> AsyncIterator[History]:
    """Every saga that runs, and every one that ended after `since`, in no order."""
    moment = since.astimezone(UTC).isoformat()
    query = f"{_MINDED} AND (ExecutionStatus = 'Running' OR CloseTime > '{moment}')"
    async for found in temporal.list_workflows(query):
        if history := await _read(temporal, found):
            yield history


def latest(histories: Iterable[History]) -> dict[str, History]:
    """By workflow id the run that is, or was the last: one that was reset has several."""
    return {each.workflow_id: each for each in sorted(histories, key=lambda each: (each.running, each.last))}


async def _read(temporal: Client, found: WorkflowExecution) -> History | None:
    """None of one that is listed and not there: lists are a store of their own, restored to another time perhaps."""
    try:
        history = await temporal.get_workflow_handle(found.id, run_id=found.run_id).fetch_history()
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        return None
    calls, unread = await calls_in(history, temporal.data_converter)
    return History(
        workflow_id=found.id,
        kind=found.workflow_type,
        running=found.status is WorkflowExecutionStatus.RUNNING,
        began=found.start_time,
        last=_last(history),
        calls=calls,
        unread=unread,
    )


async def calls_in(history: WorkflowHistory, converter: DataConverter) -> tuple[tuple[Call, ...], str | None]:
    """Every call a history tells of, in their order; and why this code cannot replay it, None when it can."""
    listener = Listener()
    replayer = Replayer(
        workflows=WORKFLOWS,
        workflow_runner=workflow_runner(sandboxed=False),
        data_converter=converter,
        interceptors=[listener],
    )
    try:
        result = await replayer.replay_workflow(history, raise_on_replay_failure=False)
    except Exception as error:  # whatever one history holds, the others are recovered
        return (), f"{type(error).__name__}: {error}"
    if result.replay_failure is not None:
        return (), str(result.replay_failure)
    return tuple(listener.calls[history.workflow_id]), None


def _last(history: WorkflowHistory) -> datetime:
    return history.events[-1].event_time.ToDatetime(tzinfo=UTC)

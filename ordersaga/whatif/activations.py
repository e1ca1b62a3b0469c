"""The workflow code of one order, driven by hand: it is told what Temporal would tell it, and says what it wants.

The SDK's public runner interface (`temporalio.worker.WorkflowRunner`) speaks the protocol of the SDK's core. The
classes of that protocol are named in this module only: an upgrade of the SDK is checked by tests/whatif.
"""

import asyncio
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, TypeVar

from temporalio import workflow
from temporalio.api.common.v1 import Payload, Payloads
from temporalio.bridge.proto.workflow_activation import (
    DoUpdate,
    FireTimer,
    InitializeWorkflow,
    QueryWorkflow,
    RemoveFromCache,
    ResolveActivity,
    SignalWorkflow,
    WorkflowActivation,
    WorkflowActivationJob,
)
from temporalio.bridge.proto.workflow_commands import ScheduleActivity, ScheduleLocalActivity, WorkflowCommand
from temporalio.common import Priority, TypedSearchAttributes
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.exceptions import ActivityError, FailureError
from temporalio.worker import UnsandboxedWorkflowRunner, WorkflowInstance, WorkflowInstanceDetails

from ordersaga.domain.identifiers import workflow_id
from ordersaga.domain.orders import Order
from ordersaga.whatif.clock import as_time
from ordersaga.whatif.errors import SagaFailedError
from workflows.messages import ORDER_QUEUE, OrderResult
from workflows.order_fulfillment import OrderFulfillment

T = TypeVar("T")
_CONVERTER: Final = pydantic_data_converter.payload_converter
_FAILURES: Final = pydantic_data_converter.failure_converter
_DEFINITION: Final = workflow._Definition.must_from_class(OrderFulfillment)
_NO_PRIORITY: Final = 3
"""What Temporal takes a call for that says nothing of its priority."""


@dataclass(frozen=True, slots=True)
class Call:
    """An activity the saga asks for. `queue` None: inside the workflow task. Times in microseconds; None: no limit."""

    seq: int
    activity: str
    arguments: Sequence[Payload]
    queue: str | None
    patience: int | None
    first_retry: int
    slowest_retry: int
    priority: int
    fairness_key: str
    fairness_weight: float


@dataclass(frozen=True, slots=True)
class Timer:
    """Wake the saga after `delay` microseconds."""

    seq: int
    delay: int


@dataclass(frozen=True, slots=True)
class Stop:
    """A call or timer is not wanted any more."""

    seq: int
    timer: bool


@dataclass(frozen=True, slots=True)
class Answered:
    """What became of an update: its result, or why it was refused."""

    update: str
    result: Payload | None
    refused: str | None


@dataclass(frozen=True, slots=True)
class Ended:
    """The order's life is over."""

    result: OrderResult


Command = Call | Timer | Stop | Answered | Ended


def payload(value: object) -> Payload:
    """A value as it travels, made by the converter of the real client."""
    return _CONVERTER.to_payloads([value])[0]


def value_of(sent: Sequence[Payload], kind: type[T]) -> T:
    """The value that traveled."""
    found: T = _CONVERTER.from_payloads(sent, [kind])[0]
    return found


class SagaHost:
    """Makes sagas."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._runner = UnsandboxedWorkflowRunner()
        self._runner.prepare_workflow(_DEFINITION)
        self._loop = asyncio.new_event_loop()
        logging.getLogger("temporalio").addHandler(logging.NullHandler())  # what fails is raised here, once

    def close(self) -> None:
        """Free what it holds."""
        self._loop.close()

    def saga(self, order: Order, attributes: TypedSearchAttributes, now: int) -> "Saga":
        """A saga that has not begun."""
        instance = self._loop.run_until_complete(self._instance(order, attributes, now))
        return Saga(instance, order)

    async def _instance(self, order: Order, attributes: TypedSearchAttributes, now: int) -> WorkflowInstance:
        """The SDK wants to be called from inside an event loop here, and from outside of one later."""
        return self._runner.create_instance(
            WorkflowInstanceDetails(
                payload_converter_factory=lambda: _CONVERTER,
                failure_converter_class=pydantic_data_converter.failure_converter_class,
                interceptor_classes=[],
                defn=_DEFINITION,
                info=_info(order, attributes, now),
                randomness_seed=self._seed,
                extern_functions={"__temporal_assert_local_activity_valid": lambda activity: None},
                disable_eager_activity_execution=True,
                worker_level_failure_exception_types=[],
                patch_activation_callback=None,
                last_completion_result=Payloads(),
                last_failure=None,
            )
        )


def _info(order: Order, attributes: TypedSearchAttributes, now: int) -> workflow.Info:
    name = workflow_id(order.order_id)
    return workflow.Info(
        attempt=1,
        continued_run_id=None,
        cron_schedule=None,
        execution_timeout=None,
        first_execution_run_id=name,
        headers={},
        namespace="whatif",
        original_execution_run_id=name,
        parent=None,
        root=None,
        priority=Priority.default,
        raw_memo={},
        retry_policy=None,
        run_id=name,
        run_timeout=None,
        search_attributes={},
        start_time=as_time(now),
        task_queue=ORDER_QUEUE,
        task_timeout=timedelta(seconds=10),
        typed_search_attributes=attributes,
        workflow_id=name,
        workflow_start_time=as_time(now),
        workflow_type="OrderFulfillment",
    )


class Saga:
    """One running order. Each method tells it something at `now` (microseconds) and returns what it asks for then.

    All raise SagaFailedError when its workflow task fails.
    """

    def __init__(self, instance: WorkflowInstance, order: Order) -> None:
        self._instance = instance
        self._order = order
        self.order_id = order.order_id
        self._signals = 0

    def begin(self, now: int, update: str) -> list[Command]:
        """Start it, with an update that waits for its answer, as a checkout does."""
        start = InitializeWorkflow(
            workflow_type="OrderFulfillment",
            workflow_id=workflow_id(self.order_id),
            arguments=[payload(self._order)],
            attempt=1,
        )
        jobs = [WorkflowActivationJob(initialize_workflow=start), self._update(update, update, None)]
        return self._told(now, *jobs)

    def update(self, now: int, name: str, update: str, value: object) -> list[Command]:
        """Send an update under an id; its answer is a command like any other."""
        return self._told(now, self._update(name, update, value))

    def signal(self, now: int, name: str, value: object) -> list[Command]:
        """Send a signal."""
        self._signals += 1
        sent = SignalWorkflow(signal_name=name, input=[payload(value)], originating_event_id=self._signals)
        return self._told(now, WorkflowActivationJob(signal_workflow=sent))

    def fire(self, now: int, seq: int) -> list[Command]:
        """A timer's time has come."""
        return self._told(now, WorkflowActivationJob(fire_timer=FireTimer(seq=seq)))

    def answer(self, now: int, seq: int, value: object, *, local: bool) -> list[Command]:
        """An activity was done."""
        done = ResolveActivity(seq=seq, is_local=local)
        done.result.completed.result.CopyFrom(payload(value))
        return self._told(now, WorkflowActivationJob(resolve_activity=done))

    def refuse(self, now: int, seq: int, failure: FailureError, *, canceled: bool = False) -> list[Command]:
        """An activity of a lane failed for good, or was stopped before it was done."""
        told = ActivityError(
            "activity ended without a result",
            scheduled_event_id=0,
            started_event_id=0,
            identity="whatif",
            activity_type="",
            activity_id=str(seq),
            retry_state=None,
        )
        told.__cause__ = failure
        failed = ResolveActivity(seq=seq)
        proto = failed.result.cancelled.failure if canceled else failed.result.failed.failure
        _FAILURES.to_failure(told, _CONVERTER, proto)
        return self._told(now, WorkflowActivationJob(resolve_activity=failed))

    def query(self, now: int, name: str, kind: type[T]) -> T:
        """Ask it something."""
        asked = QueryWorkflow(query_id=name, query_type=name)
        for command in self._activated(now, WorkflowActivationJob(query_workflow=asked)):
            if command.respond_to_query.HasField("succeeded"):
                return value_of([command.respond_to_query.succeeded.response], kind)
        raise SagaFailedError(f"{self.order_id} does not answer the query {name!r}")

    def forget(self, now: int) -> None:
        """Free it, as a worker does when it needs the room."""
        self._activated(now, WorkflowActivationJob(remove_from_cache=RemoveFromCache(message="ended")))

    def _update(self, name: str, update: str, value: object) -> WorkflowActivationJob:
        sent = DoUpdate(id=update, protocol_instance_id=update, name=name, run_validator=True)
        if value is not None:
            sent.input.append(payload(value))
        return WorkflowActivationJob(do_update=sent)

    def _told(self, now: int, *jobs: WorkflowActivationJob) -> list[Command]:
        return [read for command in self._activated(now, *jobs) if (read := self._read(command)) is not None]

    def _activated(self, now: int, *jobs: WorkflowActivationJob) -> Iterator[WorkflowCommand]:
        activation = WorkflowActivation(run_id=workflow_id(self.order_id), jobs=jobs)
        activation.timestamp.FromMicroseconds(now)
        done = self._instance.activate(activation)
        if done.HasField("failed"):
            raise SagaFailedError(f"{self.order_id}: {_words(done.failed.failure)}")
        return iter(done.successful.commands)

    def _read(self, command: WorkflowCommand) -> Command | None:
        variant = command.WhichOneof("variant") or ""
        if variant in _SHOWN_ONLY:
            return None
        if variant not in _READERS:
            raise SagaFailedError(
                f"{self.order_id} ended by {variant}: {_words(command.fail_workflow_execution.failure)}"
            )
        read: Command | None = _READERS[variant](getattr(command, variant))
        return read


def _words(failure: Any) -> str:
    """A failure and its causes in one line."""
    words = [failure.message]
    while failure.HasField("cause"):
        failure = failure.cause
        words.append(failure.message)
    return ": ".join(words)


def _lane_call(asked: ScheduleActivity) -> Call:
    patience = asked.schedule_to_close_timeout.ToMicroseconds() if asked.HasField("schedule_to_close_timeout") else None
    return Call(
        seq=asked.seq,
        activity=asked.activity_type,
        arguments=asked.arguments,
        queue=asked.task_queue,
        patience=patience,
        first_retry=asked.retry_policy.initial_interval.ToMicroseconds(),
        slowest_retry=asked.retry_policy.maximum_interval.ToMicroseconds(),
        priority=asked.priority.priority_key or _NO_PRIORITY,
        fairness_key=asked.priority.fairness_key,
        fairness_weight=asked.priority.fairness_weight,
    )


def _local_call(asked: ScheduleLocalActivity) -> Call:
    return Call(asked.seq, asked.activity_type, asked.arguments, None, None, 0, 0, _NO_PRIORITY, "", 1.0)


def _answered(response: Any) -> Answered | None:
    if response.HasField("completed"):
        return Answered(response.protocol_instance_id, response.completed, None)
    if response.HasField("rejected"):
        return Answered(response.protocol_instance_id, None, _words(response.rejected))
    return None


_READERS: Mapping[str, Any] = {
    "schedule_activity": _lane_call,
    "schedule_local_activity": _local_call,
    "start_timer": lambda asked: Timer(asked.seq, -(-asked.start_to_fire_timeout.ToNanoseconds() // 1000)),
    "cancel_timer": lambda asked: Stop(asked.seq, timer=True),
    "request_cancel_activity": lambda asked: Stop(asked.seq, timer=False),
    "request_cancel_local_activity": lambda asked: Stop(asked.seq, timer=False),
    "update_response": _answered,
    "complete_workflow_execution": lambda done: Ended(value_of([done.result], OrderResult)),
}
_SHOWN_ONLY: Final = frozenset({"upsert_workflow_search_attributes", "modify_workflow_properties", "set_patch_marker"})

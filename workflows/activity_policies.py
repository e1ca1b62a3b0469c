"""How activities are called: where they run, how long one attempt may take, how patiently they are repeated.

| call | runs | for |
|---|---|---|
| `in_task` | inside the workflow task, then on the books lane | our own PostgreSQL: retried until it answers |
| `quick` | inside the workflow task, then on the payments lane | short idempotent calls the shopper waits for |
| `on_lane` | on a task queue of its own | providers and carriers: limits, pauses and breakers hold there |

Every call says how much it hurries; on a lane the hurried go first, and between equals the sellers take turns: the
fairness key is the workflow's.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

from temporalio import workflow
from temporalio.common import Priority, RetryPolicy
from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    CancelledError,
    FailureError,
    TimeoutType,
)
from temporalio.exceptions import TimeoutError as TimedOutError

from ordersaga.domain.lanes import Urgency
from workflows.messages import BOOKS_QUEUE, PAYMENT_QUEUE

S = TypeVar("S")
A = TypeVar("A")
R = TypeVar("R")

DATABASE_ATTEMPT = timedelta(seconds=10)
DATABASE_IN_TASK = timedelta(seconds=45)
"""How long a silent database is asked from inside the workflow task: longer would only lengthen the history."""
DATABASE_RETRY = RetryPolicy(initial_interval=timedelta(milliseconds=100), maximum_interval=timedelta(seconds=5))
QUICK_ATTEMPT = timedelta(seconds=8)
QUICK_RETRY = RetryPolicy(initial_interval=timedelta(milliseconds=200), maximum_attempts=2)
LANE_ATTEMPT = timedelta(seconds=12)
CARRIER_ATTEMPT = timedelta(seconds=20)
"""A label takes three calls, and no carrier knows idempotency keys: an attempt must outlive all of them."""
LANE_RETRY = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(minutes=1))
PATIENCE = timedelta(hours=1)
"""How long a call that nobody answers is repeated before a person is asked."""


NOT_HANDED_OUT = "not_handed_out"
"""The code of a call that waited in a full or paused lane until its patience ended: the company was never asked."""


class StepFailedError(Exception):
    """A step came to no good end.

    `kind`: `customer` or `declined` (the shopper's side said no), `refused` (to us, and nothing happened), `operator`
    (somebody must look), `unresolved` (no answer came), `given_up` (stopped before another attempt).
    """

    def __init__(self, kind: str, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.kind = kind
        self.code = code
        self.message = message


async def in_task(activity: Callable[[S, A], Awaitable[R]], arg: A, summary: str) -> R:
    """Call our own database, however long it takes; raises StepFailedError on a final refusal."""
    try:
        return await workflow.execute_local_activity_method(
            activity,
            arg,
            start_to_close_timeout=DATABASE_ATTEMPT,
            schedule_to_close_timeout=DATABASE_IN_TASK,
            retry_policy=DATABASE_RETRY,
            summary=summary,
        )
    except FailureError as error:
        failed = _step_failed(error)
        if failed.kind != "unresolved":
            raise failed from error
    return await on_lane(activity, arg, queue=BOOKS_QUEUE, summary=summary, urgency=Urgency.URGENT, patience=None)


async def quick(
    activity: Callable[[S, A], Awaitable[R]],
    arg: A,
    summary: str,
    urgency: Urgency,
    on_slow: Callable[[], Awaitable[None]] | None = None,
    give_up: Callable[[], bool] = lambda: False,
) -> R:
    """Call from inside the workflow task; when that brings no answer, patiently from the payments lane.

    `on_slow` runs before the patient part begins: people should see that the order waits.
    """
    try:
        return await workflow.execute_local_activity_method(
            activity, arg, start_to_close_timeout=QUICK_ATTEMPT, retry_policy=QUICK_RETRY, summary=summary
        )
    except FailureError as error:
        failed = _step_failed(error)
        if failed.kind != "unresolved":
            raise failed from error
    if on_slow is not None:
        await on_slow()
    return await on_lane(activity, arg, queue=PAYMENT_QUEUE, summary=summary, urgency=urgency, give_up=give_up)


async def on_lane(
    activity: Callable[[S, A], Awaitable[R]],
    arg: A,
    *,
    queue: str,
    summary: str,
    urgency: Urgency,
    attempt: timedelta = LANE_ATTEMPT,
    patience: timedelta | None = PATIENCE,
    heartbeat: timedelta | None = None,
    give_up: Callable[[], bool] = lambda: False,
) -> R:
    """Call on a lane. When `give_up` turns true no further attempt begins, but a running one is never abandoned.

    `heartbeat`: of a long call that reports progress, how long its silence is borne before it is tried again.
    Raises StepFailedError: final refusals with their code, `unresolved` when patience ended, `given_up` when stopped.
    """
    call = workflow.start_activity_method(
        activity,
        arg,
        task_queue=queue,
        start_to_close_timeout=attempt,
        schedule_to_close_timeout=patience,
        heartbeat_timeout=heartbeat,
        retry_policy=LANE_RETRY,
        cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
        summary=summary,
        priority=Priority(priority_key=urgency),
    )
    await workflow.wait_condition(lambda: call.done() or give_up())
    if not call.done():
        call.cancel()
    try:
        return await call
    except (ActivityError, asyncio.CancelledError) as error:
        raise _step_failed(error) from error


def _step_failed(error: BaseException) -> StepFailedError:
    """What became of a call. A lane's failure comes wrapped in an ActivityError, a local activity's comes bare."""
    cause = error.cause if isinstance(error, ActivityError) else error
    if isinstance(cause, ApplicationError):
        code, message = [*map(str, cause.details), "", ""][:2] if cause.details else ("failed", str(cause))
        kind = cause.type if cause.type in ("customer", "operator", "refused") else "unresolved"
        return StepFailedError(kind, code, message)
    if cause is None or isinstance(cause, asyncio.CancelledError | CancelledError):
        return StepFailedError("given_up", "given_up", "stopped before the next attempt")
    if isinstance(cause, TimedOutError) and cause.type is TimeoutType.SCHEDULE_TO_START and cause.cause is None:
        return StepFailedError("unresolved", NOT_HANDED_OUT, "its lane had no room for it in time")
    return StepFailedError("unresolved", "no_answer", str(cause))

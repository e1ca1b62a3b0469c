"""The saga of public samples: five remote activities in a row, and a list of what to undo when one of them fails."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any, Final

from temporalio import workflow
from temporalio.client import Client
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from benchmarks.peers.steps import Planned, Steps
from ordersaga.domain.orders import Order
from workers.sandbox import workflow_runner

QUEUE: Final = "plain-saga"
PATIENCE: Final = timedelta(seconds=10)
RETRIES: Final = RetryPolicy(maximum_attempts=3)

Undo = tuple[Callable[..., Awaitable[None]], Any]


@workflow.defn
class PlainSaga:
    """One order: charge, reserve, hand off, book, notify."""

    @workflow.run
    async def run(self, order: Order) -> str:
        """The order's id once all is done; whatever fails, everything before it is undone, last first."""
        undo: list[Undo] = []
        try:
            undo.append((Steps.refund, order))
            await _call(Steps.charge, order)
            undo.append((Steps.release, order))
            planned = Planned(order=order, plan=await _call(Steps.reserve, order))
            undo.append((Steps.withdraw, planned))
            await _call(Steps.hand_off, planned)
            undo.append((Steps.void, planned))
            await _call(Steps.book, planned)
            await _call(Steps.notify, order)
        except ActivityError:
            for undone, argument in reversed(undo):
                await _call(undone, argument)
            raise
        return order.order_id


async def _call(step: Callable[[Steps, Any], Awaitable[Any]], argument: Any) -> Any:
    return await workflow.execute_activity_method(step, argument, start_to_close_timeout=PATIENCE, retry_policy=RETRIES)


def saga_workers(client: Client, steps: Steps, *, sandboxed: bool = True) -> Sequence[Worker]:
    """One worker for workflow and activities, as in the samples; as many slots as the product's."""
    calls = [getattr(steps, name) for name in (*STEPS, *UNDOS)]
    return [
        Worker(
            client,
            task_queue=QUEUE,
            workflows=[PlainSaga],
            activities=calls,
            workflow_runner=workflow_runner() if sandboxed else UnsandboxedWorkflowRunner(),
            max_concurrent_workflow_tasks=100,
            max_concurrent_activities=100,
        )
    ]


STEPS: Final = ("charge", "reserve", "hand_off", "book", "notify")
UNDOS: Final = ("refund", "release", "withdraw", "void")

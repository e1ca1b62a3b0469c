"""The task queues of lanes, on the Temporal server: what they may hand out, and how much waits in them."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import (
    DescribeTaskQueueRequest,
    DescribeTaskQueueResponse,
    UpdateTaskQueueConfigRequest,
)
from temporalio.client import Client

PATIENCE: Final = timedelta(seconds=3)
_ACTIVITIES: Final = TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY


@dataclass(frozen=True)
class QueueState:
    """`rate`: activities a second that the server hands out, None without a limit. `oldest` of the `backlog` waits."""

    rate: float | None
    backlog: int = 0
    oldest: timedelta = timedelta(0)


class LaneQueues:
    """Calls about the lanes' queues. Each raises RPCError when the server does not answer or refuses."""

    def __init__(self, temporal: Client) -> None:
        self._temporal = temporal

    async def look(self, lane: str) -> QueueState:
        """How a lane stands now."""
        told = await self._temporal.workflow_service.describe_task_queue(
            DescribeTaskQueueRequest(
                namespace=self._temporal.namespace,
                task_queue=TaskQueue(name=lane),
                task_queue_type=_ACTIVITIES,
                report_config=True,
                report_stats=True,
            ),
            timeout=PATIENCE,
        )
        oldest = told.stats.approximate_backlog_age.ToTimedelta()
        return QueueState(_rate(told), told.stats.approximate_backlog_count, oldest)

    async def set_rate(self, lane: str, rate: float | None, why: str) -> None:
        """Let the server hand out `rate` activities a second, over all workers; None: as many as they take.

        0 hands out nothing. Where a queue has several partitions each gets its part, which is less than the whole.
        """
        asked = UpdateTaskQueueConfigRequest(
            namespace=self._temporal.namespace,
            identity=self._temporal.identity,
            task_queue=lane,
            task_queue_type=_ACTIVITIES,
        )
        asked.update_queue_rate_limit.reason = why
        if rate is not None:
            asked.update_queue_rate_limit.rate_limit.requests_per_second = rate
        await self._temporal.workflow_service.update_task_queue_config(asked, timeout=PATIENCE)


def _rate(told: DescribeTaskQueueResponse) -> float | None:
    limit = told.config.queue_rate_limit
    return limit.rate_limit.requests_per_second if limit.HasField("rate_limit") else None

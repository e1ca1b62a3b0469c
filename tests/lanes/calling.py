"""A workflow that makes one call on a lane, or from inside its task, by the saga's own rules; and who works for it."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Any

from temporalio import activity, workflow
from temporalio.client import Client, WorkflowHandle
from temporalio.common import Priority
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from activities.failures import translated
from ordersaga.domain.lanes import Urgency
from ordersaga.domain.values import Message
from workflows.activity_policies import on_lane, quick

CALLERS = "callers"


class Call(Message):
    """`queue`: the lane; None: from inside the workflow task, patiently from the payments lane."""

    name: str
    urgency: Urgency = Urgency.IN_TIME
    queue: str | None = None


class Served:
    """What was done, in order, and when. `work`: what is done."""

    def __init__(self, work: Callable[[str], Any] | None = None) -> None:
        self.names: list[str] = []
        self.times: list[float] = []
        self._work = work

    @activity.defn
    @translated
    async def serve(self, call: Call) -> str:
        """Do it, and note it once it is done."""
        if self._work is not None:
            await self._work(call.name)
        self.names.append(call.name)
        self.times.append(time.monotonic())
        return call.name


@workflow.defn
class Calling:
    """One call."""

    @workflow.run
    async def run(self, call: Call) -> str:
        """Make it."""
        if call.queue is None:
            return await quick(Served.serve, call, "Serve", call.urgency)
        return await on_lane(Served.serve, call, queue=call.queue, summary="Serve", urgency=call.urgency)


async def start(temporal: Client, call: Call, seller: str) -> WorkflowHandle[Any, str]:
    """A seller's call."""
    handle: WorkflowHandle[Any, str] = await temporal.start_workflow(
        Calling.run,
        call,
        id=f"{call.queue}-{call.name}",
        task_queue=CALLERS,
        priority=Priority(fairness_key=seller),
        task_timeout=timedelta(seconds=30),
    )
    return handle


@asynccontextmanager
async def callers(temporal: Client, *activities: Any) -> AsyncIterator[None]:
    """A worker of the workflows, and of what they do inside their tasks."""
    async with Worker(
        temporal,
        task_queue=CALLERS,
        workflows=[Calling],
        activities=activities,
        no_remote_activities=bool(activities),
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        yield


@asynccontextmanager
async def lane_of(queue: str, at_once: int, *workers: tuple[Client, Served]) -> AsyncIterator[None]:
    """Workers of one lane."""
    async with AsyncExitStack() as running:
        for temporal, served in workers:
            await running.enter_async_context(
                Worker(temporal, task_queue=queue, activities=[served.serve], max_concurrent_activities=at_once)
            )
        yield

"""What waits for workers with a build: asked as the triggers of Kubernetes ask, and as our own gauge does."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from temporalio.api.deployment.v1 import WorkerDeploymentVersion as Version
from temporalio.api.enums.v1 import DescribeTaskQueueMode, TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import (
    DescribeTaskQueueRequest,
    DescribeWorkerDeploymentVersionRequest,
    SetWorkerDeploymentCurrentVersionRequest,
)
from temporalio.client import Client
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.service import RPCError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker, WorkerDeploymentConfig

from ordersaga.client_lanes import LaneQueues
from tests.lanes.calling import Call, Calling, Served
from tests.lanes.waiting import until

SAGAS, LANE = "counted-sagas", "counted-lane"
BUILD = WorkerDeploymentVersion(deployment_name="counted", build_id="v1")
WAITING = 12


@asynccontextmanager
async def at_work(temporal: Client, *, lane: bool = True) -> AsyncIterator[None]:
    """Workers of the build: of its sagas, and of its lane."""
    build = WorkerDeploymentConfig(
        version=BUILD, use_worker_versioning=True, default_versioning_behavior=VersioningBehavior.PINNED
    )
    runner = UnsandboxedWorkflowRunner()
    async with AsyncExitStack() as running:
        await running.enter_async_context(
            Worker(temporal, task_queue=SAGAS, workflows=[Calling], workflow_runner=runner, deployment_config=build)
        )
        if lane:
            await running.enter_async_context(
                Worker(temporal, task_queue=LANE, activities=[Served().serve], deployment_config=build)
            )
        yield


async def made_current(temporal: Client) -> bool:
    """Once the server knows it with both of its queues."""
    wanted = SetWorkerDeploymentCurrentVersionRequest(
        namespace=temporal.namespace, deployment_name=BUILD.deployment_name, build_id=BUILD.build_id
    )
    try:
        await temporal.workflow_service.set_worker_deployment_current_version(wanted)
    except RPCError:
        return False
    return {name for name, _ in await backlogs(temporal)} == {SAGAS, LANE}


async def backlogs(temporal: Client) -> dict[tuple[str, int], int]:
    """What waits for the build, by queue and kind of task, as KEDA's trigger asks where it names a build."""
    wanted = DescribeWorkerDeploymentVersionRequest(
        namespace=temporal.namespace,
        deployment_version=Version(deployment_name=BUILD.deployment_name, build_id=BUILD.build_id),
        report_task_queue_stats=True,
    )
    told = await temporal.workflow_service.describe_worker_deployment_version(wanted)
    return {(each.name, each.type): each.stats.approximate_backlog_count for each in told.version_task_queues}


async def asked_without_a_build(temporal: Client, queue: str, kind: "TaskQueueType.ValueType") -> int:
    """As KEDA's trigger asks where it names none."""
    wanted = DescribeTaskQueueRequest(
        namespace=temporal.namespace,
        task_queue=TaskQueue(name=queue),
        api_mode=DescribeTaskQueueMode.DESCRIBE_TASK_QUEUE_MODE_ENHANCED,
        task_queue_types=[kind],
        report_stats=True,
    )
    told = await temporal.workflow_service.describe_task_queue(wanted)
    return sum(
        info.stats.approximate_backlog_count
        for version in told.versions_info.values()
        for info in version.types_info.values()
    )


async def test_what_waits_for_a_build_is_counted_by_build(temporal: Client) -> None:
    """Workflow tasks and calls of a lane; a trigger without the build would see an empty queue, our gauge does not."""
    workflows, activities = TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY
    async with at_work(temporal):
        await until(lambda: made_current(temporal), bool)
    handles = [
        await temporal.start_workflow(Calling.run, Call(name=f"{n}", queue=LANE), id=f"counted-{n}", task_queue=SAGAS)
        for n in range(WAITING)
    ]
    waiting = await until(lambda: backlogs(temporal), lambda told: told[SAGAS, workflows] >= WAITING)
    assert waiting[LANE, activities] == 0
    assert await asked_without_a_build(temporal, SAGAS, workflows) == 0
    async with at_work(temporal, lane=False):
        await until(lambda: backlogs(temporal), lambda told: told[LANE, activities] >= WAITING)
        assert await asked_without_a_build(temporal, LANE, activities) == 0
        assert (await LaneQueues(temporal).look(LANE)).backlog >= WAITING
    async with at_work(temporal):
        for handle in handles:
            await handle.result()

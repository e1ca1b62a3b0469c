"""Workers of a named build that is not current are there, and are given nothing: that is told."""

from collections.abc import Sequence

from temporalio import activity, workflow
from temporalio.api.workflowservice.v1 import SetWorkerDeploymentCurrentVersionRequest
from temporalio.client import Client
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.worker import UnsandboxedWorkflowRunner, Worker, WorkerDeploymentConfig

from ordersaga.doctor.lines import Line
from ordersaga.doctor.temporal import TemporalCheckup
from tests.lanes.waiting import until
from tests.support.temporal import temporal_environment
from workers.lifecycle import running
from workflows.messages import BOOKS_QUEUE, ORDER_QUEUE, PAYMENT_QUEUE


@workflow.defn
class Nothing:
    """A workflow."""

    @workflow.run
    async def run(self) -> None:
        """Ends."""


@activity.defn
async def nothing() -> None:
    """A call."""


def workers(client: Client, build: str) -> Sequence[Worker]:
    """Those of a build: for every queue there is without companies. Of no build when it is empty."""
    config = WorkerDeploymentConfig(
        version=WorkerDeploymentVersion("shop", build or "none"),
        use_worker_versioning=bool(build),
        default_versioning_behavior=VersioningBehavior.PINNED if build else VersioningBehavior.UNSPECIFIED,
    )
    sagas = Worker(
        client,
        task_queue=ORDER_QUEUE,
        workflows=[Nothing],
        workflow_runner=UnsandboxedWorkflowRunner(),
        deployment_config=config,
    )
    lanes = (BOOKS_QUEUE, PAYMENT_QUEUE)
    return [sagas, *(Worker(client, task_queue=q, activities=[nothing], deployment_config=config) for q in lanes)]


async def lines(client: Client) -> dict[str, Line]:
    """What is said of workers."""
    return {line.check: line for line in await TemporalCheckup(client, []).lines()}


async def test_a_build_that_is_not_made_current_is_told() -> None:
    """Every queue is polled, and no order is given to anybody; the same when the current one's workers are gone."""
    async with temporal_environment() as own:
        client = own.client
        async with running(workers(client, "v1")):
            found = await until(lambda: lines(client), lambda said: said["workers"].verdict == "ok")
            assert (found["build"].verdict, found["build"].remedy) == ("fail", "make one current: docs/upgrade.md")
            await client.workflow_service.set_worker_deployment_current_version(
                SetWorkerDeploymentCurrentVersionRequest(
                    namespace=client.namespace, deployment_name="shop", build_id="v1", allow_no_pollers=True
                )
            )
            found = await lines(client)
            assert (found["build"].verdict, found["build"].told) == ("ok", "v1 of shop is current")
            await client.workflow_service.set_worker_deployment_current_version(
                SetWorkerDeploymentCurrentVersionRequest(
                    namespace=client.namespace, deployment_name="shop", build_id="v2", allow_no_pollers=True
                )
            )
            found = await lines(client)
            assert found["build"].verdict == "fail"
            assert "v2 of shop is current, and its workers do not run" in found["build"].told


async def test_workers_without_names_need_no_build() -> None:
    """There is no line about it."""
    async with temporal_environment() as own, running(workers(own.client, "")):
        found = await until(lambda: lines(own.client), lambda said: said["workers"].verdict == "ok")
    assert "build" not in found

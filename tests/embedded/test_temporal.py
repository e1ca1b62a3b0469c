"""The embedded Temporal server: tuned, durable, and told of search attributes old and new.

Unknown configuration keys are ignored silently, so each key's effect is asserted, not its presence.
"""

import asyncio
import sqlite3
import statistics
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio import activity, workflow
from temporalio.api.batch.v1 import BatchOperationSignal
from temporalio.api.enums.v1 import BatchOperationState, EventType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import (
    DescribeBatchOperationRequest,
    DescribeNamespaceRequest,
    ListBatchOperationsRequest,
    ListTaskQueuePartitionsRequest,
    StartBatchOperationRequest,
    StopBatchOperationRequest,
)
from temporalio.client import Client
from temporalio.common import Priority
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from ordersaga.domain.attributes import SEARCH_ATTRIBUTES
from ordersaga.embedded.sockets import HOST, free_ports
from ordersaga.embedded.supervisor import Supervisor
from ordersaga.embedded.temporal import temporal_part
from tests.embedded.recording import RecordingReporter

HOPS = 12
RUNNING = BatchOperationState.BATCH_OPERATION_STATE_RUNNING


@activity.defn
async def hop() -> None:
    """One remote step."""


@workflow.defn
class Hops:
    """Remote steps one after the other."""

    @workflow.run
    async def run(self) -> None:
        """Hop."""
        for _ in range(HOPS):
            await workflow.execute_activity(hop, task_queue="hops-remote", start_to_close_timeout=timedelta(seconds=9))


@activity.defn
async def serve(seller: str) -> None:
    """Note who was served."""
    SERVED.append(seller)


@workflow.defn
class Sale:
    """One seller's order."""

    @workflow.run
    async def run(self, seller: str) -> None:
        """Be served."""
        await workflow.execute_activity(
            serve, seller, task_queue="lane", start_to_close_timeout=timedelta(seconds=9), priority=_priority(seller)
        )


SERVED: list[str] = []


def _priority(seller: str) -> Priority:
    return Priority(fairness_key=seller, fairness_weight=1.0)


@asynccontextmanager
async def temporal(folder: Path, attributes: Mapping[str, str]) -> AsyncIterator[Client]:
    """A client of a supervised Temporal server on `folder`."""
    ports = free_ports(("temporal", "ui"))
    part = temporal_part(folder, ports["temporal"], ports["ui"], attributes)
    supervisor = Supervisor([part], folder / "logs", RecordingReporter())
    await supervisor.start()
    try:
        yield await Client.connect(f"{HOST}:{ports['temporal']}")
    finally:
        await supervisor.stop()


@pytest.fixture(scope="module")
async def client(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Client]:
    """One server for the tests that only look."""
    async with temporal(tmp_path_factory.mktemp("temporal"), SEARCH_ATTRIBUTES) as connected:
        yield connected


async def test_an_existing_database_learns_new_attributes_and_keeps_its_workflows(tmp_path: Path) -> None:
    """At start the server ignores attributes that an existing database lacks: the stack adds them."""
    async with temporal(tmp_path, {"Seller": "Keyword"}) as client:
        await client.start_workflow("Kept", id="kept", task_queue="nobody-polls")
    assert sqlite3.connect(tmp_path / "temporal.db").execute("PRAGMA journal_mode").fetchone() == ("wal",)
    async with temporal(tmp_path, SEARCH_ATTRIBUTES) as client:
        assert (await client.get_workflow_handle("kept").describe()).id == "kept"
        assert await client.count_workflows("Seller = 'a' AND Attention IN ('x') AND ShipBy IS NULL") is not None


async def test_every_product_attribute_can_be_searched(client: Client) -> None:
    """An unregistered attribute would be an error."""
    for name in SEARCH_ATTRIBUTES:
        assert (await client.count_workflows(f"{name} IS NULL")).count >= 0


async def test_workflows_can_be_paused(client: Client) -> None:
    """frontend.WorkflowPauseEnabled"""
    answer = await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace="default"))
    assert answer.namespace_info.capabilities.workflow_pause


async def test_queues_have_one_partition(client: Client) -> None:
    """matching.numTaskqueueWritePartitions: only then are rate limits exact."""
    answer = await client.workflow_service.list_task_queue_partitions(
        ListTaskQueuePartitionsRequest(namespace="default", task_queue=TaskQueue(name="any"))
    )
    assert len(answer.activity_task_queue_partitions) == 1
    assert len(answer.workflow_task_queue_partitions) == 1


async def test_several_batches_run_at_once(client: Client) -> None:
    """frontend.MaxConcurrentBatchOperationPerNamespace: by default a second one is refused while one is listed."""
    await asyncio.gather(
        *(client.start_workflow("Waiting", id=f"batched-{n}", task_queue="nobody-polls") for n in range(400))
    )
    await _all_listed(client, 400)
    started = [await _start_batch(client) for _ in range(3)]
    assert {await _batch_state(client, job) for job in started} == {RUNNING}, "each was still going on"
    for job in started:
        stop = StopBatchOperationRequest(namespace="default", job_id=job, reason="seen")
        await client.workflow_service.stop_batch_operation(stop)


async def _all_listed(client: Client, number: int) -> None:
    """Until a search finds them all: a batch takes what it finds, and is over early when that is little."""
    async with asyncio.timeout(60):
        while True:
            if (await client.count_workflows("WorkflowType = 'Waiting'")).count >= number:
                return
            await asyncio.sleep(0.05)


async def _start_batch(client: Client) -> str:
    """Begin one that takes some eight seconds (worker.batcherRPS: 50); its id once the server lists it."""
    job = uuid.uuid4().hex
    await client.workflow_service.start_batch_operation(
        StartBatchOperationRequest(
            namespace="default",
            visibility_query="WorkflowType = 'Waiting'",
            job_id=job,
            reason="test",
            signal_operation=BatchOperationSignal(signal="hello"),
        )
    )
    async with asyncio.timeout(60):
        while True:
            if job in await _running_batches(client):
                return job
            await asyncio.sleep(0.05)


async def _running_batches(client: Client) -> set[str]:
    asked = ListBatchOperationsRequest(namespace="default", page_size=20)
    listed = await client.workflow_service.list_batch_operations(asked)
    return {each.job_id for each in listed.operation_info if each.state == RUNNING}


async def _batch_state(client: Client, job: str) -> int:
    asked = DescribeBatchOperationRequest(namespace="default", job_id=job)
    return (await client.workflow_service.describe_batch_operation(asked)).state


async def test_a_viral_seller_does_not_delay_the_others(client: Client) -> None:
    """matching.enableFairness: with it a small seller is served early, without it last."""
    async with Worker(client, task_queue="sales", workflows=[Sale], workflow_runner=UnsandboxedWorkflowRunner()):
        sellers = ["viral"] * 40 + ["small"] * 3
        handles = [
            await client.start_workflow(
                Sale.run, seller, id=f"sale-{number}", task_queue="sales", priority=_priority(seller)
            )
            for number, seller in enumerate(sellers)
        ]
        async with Worker(client, task_queue="lane", activities=[serve], max_concurrent_activities=1):
            for handle in handles:
                await handle.result()
    ranks = [rank for rank, seller in enumerate(SERVED) if seller == "small"]
    assert max(ranks) < 15


async def test_a_remote_step_does_not_wait_for_the_next_poll(client: Client) -> None:
    """history.transferProcessorMaxPollRPS: by default most steps wait 40 ms to be handed out."""
    async with (
        Worker(client, task_queue="hops", workflows=[Hops], workflow_runner=UnsandboxedWorkflowRunner()),
        Worker(client, task_queue="hops-remote", activities=[hop]),
    ):
        handle = await client.start_workflow(Hops.run, id="hops", task_queue="hops")
        await handle.result()
    assert statistics.quantiles(await _dispatch_times(handle.id, client), n=4)[0] < 0.025


async def _dispatch_times(workflow_id: str, client: Client) -> list[float]:
    """Seconds from schedule to start of each activity."""
    scheduled: dict[int, float] = {}
    waits = []
    async for event in client.get_workflow_handle(workflow_id).fetch_history_events():
        moment = event.event_time.ToNanoseconds() / 1e9
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
            scheduled[event.event_id] = moment
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED:
            waits.append(moment - scheduled[event.activity_task_started_event_attributes.scheduled_event_id])
    return waits

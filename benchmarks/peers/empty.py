"""A workflow that does nothing but answer: the floor of a checkout. `python -m benchmarks.peers.empty ADDRESS`."""

import asyncio
import sys
from typing import Final

from temporalio import workflow
from temporalio.client import Client, WithStartWorkflowOperation
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from workers.lifecycle import running, stop_on_signals

QUEUE: Final = "empty"


@workflow.defn
class Empty:
    """Nothing to do."""

    @workflow.run
    async def run(self) -> None:
        """Done."""

    @workflow.update
    async def confirm(self) -> str:
        """Yes."""
        return "confirmed"


async def ask(client: Client, name: str) -> str:
    """Start one and hear its answer, in one call."""
    operation = WithStartWorkflowOperation(
        Empty.run, id=name, task_queue=QUEUE, id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING
    )
    return await client.execute_update_with_start_workflow(
        Empty.confirm, start_workflow_operation=operation, id="confirm"
    )


async def work(address: str) -> None:
    """Run its worker until asked to stop."""
    stop = stop_on_signals()
    client = await Client.connect(address)
    runner = UnsandboxedWorkflowRunner()  # as the product's worker beside it
    async with running([Worker(client, task_queue=QUEUE, workflows=[Empty], workflow_runner=runner)]):
        print("ready", flush=True)
        await stop.wait()


if __name__ == "__main__":
    asyncio.run(work(sys.argv[1]))

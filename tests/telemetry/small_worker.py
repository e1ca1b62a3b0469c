"""A worker process of its own, for tests of what Temporal's SDK tells: `small_worker.py TEMPORAL METRICS_ADDRESS`.

Runs a workflow whose task fails once, an activity that fails once, a local activity and an update; prints a scrape.
"""

import asyncio
import sys
import urllib.request
import uuid
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.exceptions import ApplicationError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from ordersaga.settings import Settings
from ordersaga.telemetry import begin

QUEUE = f"small-{uuid.uuid4()}"
_FAILED = set[str]()
_SHORT = timedelta(seconds=20)


@activity.defn
async def call(what: str) -> str:
    """Fails the first time."""
    if what not in _FAILED:
        _FAILED.add(what)
        raise ApplicationError("not yet")
    return what


@workflow.defn
class Small:
    """A saga of two calls, whose first task fails once."""

    @workflow.run
    async def run(self) -> str:
        """Both calls."""
        if "task" not in _FAILED:
            _FAILED.add("task")
            raise ValueError("a bug that is mended at once")
        near = await workflow.execute_local_activity(call, "near", schedule_to_close_timeout=_SHORT)
        return near + await workflow.execute_activity(call, "far", schedule_to_close_timeout=_SHORT)


async def main(temporal: str, address: str) -> None:
    """Run it, then tell what was told."""
    begin(Settings(_env_file=None, temporal_metrics_address=address, log_level="ERROR"), "worker")
    client = await Client.connect(temporal)
    worker = Worker(
        client, task_queue=QUEUE, workflows=[Small], activities=[call], workflow_runner=UnsandboxedWorkflowRunner()
    )
    async with worker:
        for _ in range(2):
            await client.execute_workflow(Small.run, id=f"small-{uuid.uuid4()}", task_queue=QUEUE)
        try:
            await client.get_workflow_handle("nobody").query("anything")
        except Exception as error:
            print(f"# {type(error).__name__}")
        with await asyncio.to_thread(urllib.request.urlopen, f"http://{address}/metrics", timeout=10) as answer:
            print(answer.read().decode())
    await asyncio.sleep(0.2)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

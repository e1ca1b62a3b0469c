"""How the workers of a process end."""

import asyncio
import time
from uuid import uuid4

import pytest
from temporalio import activity
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from tests.support.emulators import eventually
from workers.lifecycle import running
from workers.orders import GRACE

TAKES = 3.0
"""Seconds of a call that is under way."""


@pytest.mark.timeout(120)
async def test_all_workers_of_a_process_end_at_once(environment: WorkflowEnvironment) -> None:
    """Each finishes the call it has begun, all in the time of one; none takes another meanwhile."""
    client, begun, done = environment.client, list[str](), list[str]()
    lanes = [f"{uuid4().hex}-{number}" for number in range(4)]

    @activity.defn
    async def call() -> None:
        begun.append(activity.info().task_queue)
        await asyncio.sleep(TAKES)
        done.append(activity.info().task_queue)

    async def call_each() -> None:
        for lane in lanes:
            await client.start_activity(call, id=uuid4().hex, task_queue=lane, schedule_to_close_timeout=GRACE * 9)

    async def call_each_again() -> None:
        await asyncio.sleep(TAKES / 4)
        await call_each()

    workers = [Worker(client, task_queue=each, activities=[call], graceful_shutdown_timeout=GRACE) for each in lanes]
    async with running(workers, settle=0):
        await call_each()
        await eventually(lambda: len(begun) == len(lanes))
        again, began = asyncio.create_task(call_each_again()), time.monotonic()
    took = time.monotonic() - began
    await again
    assert sorted(done) == sorted(begun) == sorted(lanes)
    assert took < TAKES * 2

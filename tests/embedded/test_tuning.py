"""Keys of the tuning whose effect nothing else shows: each is seen to be known, by a server on which it is another.

A misspelled key changes nothing, whatever its value. So the same work is done on a server as we tune it, and on one
where the key alone is different: there it takes seconds longer. On a busy machine both are slower, the second by more.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from ordersaga.client_lanes import LaneQueues
from ordersaga.embedded.sockets import HOST, free_ports
from ordersaga.embedded.supervisor import Supervisor
from ordersaga.embedded.temporal import TUNING, temporal_part
from tests.embedded.recording import RecordingReporter
from tests.lanes.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

LOOKS = 8
"""So often the server has to look into one of its queues."""
RATE = 8.0
"""Activities a second that a queue may hand out."""


@workflow.defn
class Naps:
    """Short waits one after the other."""

    @workflow.run
    async def run(self) -> None:
        """Sleep."""
        for _ in range(LOOKS):
            await workflow.sleep(timedelta(milliseconds=20))


@activity.defn
async def call() -> None:
    """One call of a company."""


@workflow.defn
class Calls:
    """As many calls as a lane may do in three seconds, all at once."""

    @workflow.run
    async def run(self) -> None:
        """Call."""
        within = timedelta(minutes=5)
        waiting = [
            workflow.start_activity(call, task_queue="limited", start_to_close_timeout=within)
            for _ in range(int(3 * RATE))
        ]
        await asyncio.gather(*waiting)


def serving(client: Client) -> Worker:
    """A worker with the workflows of these tests."""
    return Worker(client, task_queue="naps", workflows=[Naps, Calls], workflow_runner=UnsandboxedWorkflowRunner())


async def timers(client: Client) -> None:
    """Timers that fire one after the other."""
    async with serving(client):
        await client.execute_workflow(Naps.run, id="naps", task_queue="naps")


async def listings(client: Client) -> None:
    """Workflows of which each is listed before the next begins."""
    for number in range(2 * LOOKS):
        await client.start_workflow("Nobody", id=f"listed-{number}", task_queue="nobody-polls")
        listed = partial(client.count_workflows, f"WorkflowId = 'listed-{number}'")
        await until(listed, lambda found: found.count == 1)


async def limited_calls(client: Client) -> None:
    """Calls through a queue that hands out so many a second."""
    await LaneQueues(client).set_rate("limited", RATE, "a company's limit")
    async with serving(client), Worker(client, task_queue="limited", activities=[call]):
        await client.execute_workflow(Calls.run, id="calls", task_queue="naps")


async def seconds(folder: Path, work: Callable[[Client], Awaitable[None]]) -> float:
    """How long the work takes on a server of its own, tuned as TUNING says at the moment."""
    ports = free_ports(("temporal", "ui"))
    part = temporal_part(folder, ports["temporal"], ports["ui"], {}, time_skipping=True)
    supervisor = Supervisor([part], folder / "logs", RecordingReporter())
    await supervisor.start()
    try:
        client = await Client.connect(f"{HOST}:{ports['temporal']}")
        began = time.monotonic()
        await work(client)
        return time.monotonic() - began
    finally:
        await supervisor.stop()


OTHERWISE: dict[str, tuple[str, Callable[[Client], Awaitable[None]]]] = {
    "history.timerProcessorMaxPollRPS": ("1", timers),
    "history.visibilityProcessorMaxPollRPS": ("1", listings),
    "matching.numTaskqueueReadPartitions": ("4", limited_calls),
}
"""Another value of a key, and what takes longer with it: one look a second, or four partitions that share a limit."""


@pytest.mark.parametrize("key", OTHERWISE)
async def test_a_key_is_one_that_the_server_obeys(key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With another value the same work takes seconds longer."""
    other, work = OTHERWISE[key]
    as_tuned = await seconds(tmp_path / "ours", work)
    monkeypatch.setitem(TUNING, key, other)
    assert await seconds(tmp_path / "other", work) > as_tuned + 3


def test_every_key_has_its_test() -> None:
    """Here, or in the first line of a test of the embedded server."""
    seen = Path(__file__).with_name("test_temporal.py").read_text(encoding="utf-8")
    assert [key for key in TUNING if key not in OTHERWISE and f'"""{key}' not in seen] == []

"""Each key of the tuning is seen to be known, by a server on which it alone is another.

A misspelled key changes nothing, whatever its value. Where only time shows the effect, the same work is done on both
servers, and takes seconds longer on the other. On a busy machine both are slower, the second by more. Keys whose effect
a test of the embedded server shows make that test fail.
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
from temporalio.service import RPCError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from ordersaga.client_lanes import LaneQueues
from ordersaga.domain.attributes import SEARCH_ATTRIBUTES
from ordersaga.embedded.sockets import HOST, free_ports
from ordersaga.embedded.supervisor import Supervisor
from ordersaga.embedded.temporal import TUNING, temporal_part
from tests.embedded import test_temporal
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


SHOWN: dict[str, tuple[str, Callable[[Client], Awaitable[None]]]] = {
    "frontend.WorkflowPauseEnabled": ("false", test_temporal.test_workflows_can_be_paused),
    "frontend.MaxConcurrentBatchOperationPerNamespace": ("1", test_temporal.test_several_batches_run_at_once),
    "matching.numTaskqueueWritePartitions": ("4", test_temporal.test_queues_have_one_partition),
    "matching.enableFairness": ("false", test_temporal.test_a_viral_seller_does_not_delay_the_others),
    "history.transferProcessorMaxPollRPS": ("1", test_temporal.test_a_remote_step_does_not_wait_for_the_next_poll),
}
"""Another value of a key, and the test of the embedded server that shows its effect."""


@pytest.mark.parametrize("key", SHOWN)
async def test_an_effect_is_not_there_without_its_key(
    key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With another value the test that shows it fails: it would not pass all the same."""
    other, shows = SHOWN[key]
    monkeypatch.setitem(TUNING, key, other)
    monkeypatch.setattr(test_temporal, "SERVED", [])
    async with test_temporal.temporal(tmp_path, SEARCH_ATTRIBUTES) as client:
        with pytest.raises((AssertionError, RPCError)):
            await shows(client)


def test_every_key_has_its_test() -> None:
    """By its time, or by a test of the embedded server, whose first line names it."""
    assert sorted(TUNING) == sorted([*OTHERWISE, *SHOWN])
    assert [key for key, (_, shows) in SHOWN.items() if not (shows.__doc__ or "").startswith(key)] == []

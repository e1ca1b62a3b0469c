"""Two builds of the workers beside each other: a changed copy of the code, and what Temporal says of both.

async with other_build(stack, folder, "v2", changes): ...
"""

import asyncio
import contextlib
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Final

from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from ordersaga.embedded import Stack, StackOptions
from ordersaga.embedded.database import prepare_database
from ordersaga.embedded.environment import as_environment
from ordersaga.embedded.parts import Part, Step
from ordersaga.embedded.plan import build_plan
from ordersaga.embedded.process import Command, spawn, stop
from ordersaga.settings import Settings
from tests.support.copies import Change, copy_product

QUICK_DRAINAGE: Final = (
    "matching.wv.VersionDrainageStatusVisibilityGracePeriod",
    "matching.wv.VersionDrainageStatusRefreshInterval",
)
"""How long Temporal waits before it says `drained`; minutes by default."""


def draining_quickly(options: StackOptions, settings: Settings, chosen: set[str]) -> list[Part | Step]:
    """The usual parts, with a Temporal that tells within seconds that a build is drained."""
    told = [word for key in QUICK_DRAINAGE for word in ("--dynamic-config-value", f'{key}="2s"')]
    parts = build_plan(options, settings, chosen, prepare_database)
    return [_told(part, told) if isinstance(part, Part) and part.name == "temporal" else part for part in parts]


def _told(part: Part, more: list[str]) -> Part:
    return replace(part, command=replace(part.command, argv=[*part.command.argv, *more]))


@contextlib.asynccontextmanager
async def other_build(stack: Stack, folder: Path, build: str, changes: Iterable[Change]) -> AsyncIterator[None]:
    """A worker with all roles, running a changed copy of the code under another name."""
    copy_product(folder, changes)
    settings = stack.settings.model_copy(update={"worker_build": build})
    environment = {**os.environ, **as_environment(settings), "PYTHONUNBUFFERED": "1"}
    command = Command([sys.executable, "-m", "workers"], environment, cwd=folder, grace=9.0)
    process = await spawn(command, folder / "worker.log")
    try:
        while "worker_started" not in (said := (folder / "worker.log").read_text(encoding="utf-8")):
            assert process.returncode is None, f"the worker of {build} did not start: {said}"
            await asyncio.sleep(0.2)
        yield
        assert process.returncode is None, f"the worker of {build} died"
    finally:
        await stop(process, command)


class Builds:
    """Who works on what, as Temporal says."""

    def __init__(self, temporal: Client) -> None:
        self._temporal = temporal

    @classmethod
    async def of(cls, stack: Stack) -> "Builds":
        """Of a running stack."""
        return cls(await Client.connect(stack.settings.temporal_address, data_converter=pydantic_data_converter))

    async def build(self, order_id: str) -> str:
        """The build an order is pinned to; empty when it has not been worked on."""
        described = await self._temporal.get_workflow_handle(f"order-{order_id}").describe()
        versioning = described.raw_description.workflow_execution_info.versioning_info
        return versioning.deployment_version.build_id

    async def builds(self, *order_ids: str) -> Counter[str]:
        """How many of the orders are on each build."""
        return Counter(await asyncio.gather(*(self.build(order_id) for order_id in order_ids)))

    async def running(self) -> list[str]:
        """Every workflow of ours that has not ended."""
        query = "ExecutionStatus = 'Running' AND TemporalNamespaceDivision IS NULL"
        return [found.id async for found in self._temporal.list_workflows(query)]

    async def in_trouble(self, order_id: str) -> bool:
        """Whether Temporal reports that the order cannot take its step."""
        query = f"WorkflowId = 'order-{order_id}' AND TemporalReportedProblems IS NOT NULL"
        return (await self._temporal.count_workflows(query)).count > 0

    async def wedged(self, order_id: str) -> int:
        """How often history says that a step of the order could not be taken, over all its runs."""
        runs = [found.run_id async for found in self._temporal.list_workflows(f"WorkflowId = 'order-{order_id}'")]
        return sum([await self._wedged(order_id, run_id) for run_id in runs])

    async def all_wedged(self, order_ids: Iterable[str]) -> list[str]:
        """Which of the orders ever could not take a step."""
        names = sorted(order_ids)
        times = await asyncio.gather(*(self.wedged(order_id) for order_id in names))
        return [order_id for order_id, failed in zip(names, times, strict=True) if failed]

    async def _wedged(self, order_id: str, run_id: str) -> int:
        history = await self._temporal.get_workflow_handle(f"order-{order_id}", run_id=run_id).fetch_history()
        failed = [event for event in history.events if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED]
        cause = WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR
        return sum(event.workflow_task_failed_event_attributes.cause == cause for event in failed)

"""Temporal: reachable, with our namespace, what orders are found by, and workers on every queue."""

import asyncio
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from datetime import timedelta
from typing import Final

from temporalio.api.enums.v1 import TaskQueueType, WorkerVersioningMode
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.api.taskqueue.v1 import PollerInfo, TaskQueue
from temporalio.api.workflowservice.v1 import (
    DescribeNamespaceRequest,
    DescribeNamespaceResponse,
    DescribeTaskQueueRequest,
    DescribeWorkerDeploymentRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from ordersaga.doctor.lines import Line, fail, names, ok, warn
from ordersaga.domain.attributes import SEARCH_ATTRIBUTES
from ordersaga.schedules import SCHEDULE_ID
from workflows.messages import BOOKS_QUEUE, ORDER_QUEUE, PAYMENT_QUEUE

PATIENCE: Final = timedelta(seconds=5)
_NAMED: Final = "WORKER_VERSIONING_MODE_VERSIONED"
LEAST_RETENTION: Final = timedelta(days=3)
"""A recovery needs the histories of what ended since the last backup."""


class TemporalCheckup:
    """Looks at one namespace. `lanes`: the queues of companies' calls."""

    def __init__(self, temporal: Client, lanes: Iterable[str]) -> None:
        self._temporal = temporal
        self._lanes = sorted(set(lanes))

    async def lines(self) -> list[Line]:
        """What there is to say of it."""
        try:
            found = await self._temporal.workflow_service.describe_namespace(
                DescribeNamespaceRequest(namespace=self._temporal.namespace), timeout=PATIENCE
            )
        except RPCError as error:
            return [self._away(error)]
        return [*self._namespace(found), await self._attributes(), *await self._queues(), await self._schedule()]

    def _away(self, error: RPCError) -> Line:
        if error.status is RPCStatusCode.NOT_FOUND:
            told = f"there is no namespace {self._temporal.namespace}"
            return fail("temporal", told, "create it: deploy/temporal/namespace.sh")
        advice = "start Temporal, or correct ORDERSAGA_TEMPORAL_ADDRESS"
        return fail("temporal", f"does not answer: {error.message}", advice)

    def _namespace(self, found: DescribeNamespaceResponse) -> list[Line]:
        retention = found.config.workflow_execution_retention_ttl.ToTimedelta()
        kept = f"{self._temporal.namespace}: histories are kept for {_days(retention)}"
        advice = "temporal operator namespace update --retention 168h"
        enough = ok("namespace", kept) if retention >= LEAST_RETENTION else warn("namespace", kept, advice)
        able = found.namespace_info.capabilities
        if able.sync_update and able.async_update:
            return [enough, ok("updates", "workflows take updates")]
        told = "workflows take no updates: nobody hears a checkout's outcome"
        advice = "set frontend.enableUpdateWorkflowExecution to true in its dynamic config"
        return [enough, fail("updates", told, advice)]

    async def _attributes(self) -> Line:
        try:
            found = await self._temporal.operator_service.list_search_attributes(
                ListSearchAttributesRequest(namespace=self._temporal.namespace), timeout=PATIENCE
            )
        except RPCError as error:
            return warn("search_attributes", f"cannot be listed: {error.message}", "look with temporal operator")
        missing = sorted(set(SEARCH_ATTRIBUTES) - set(found.custom_attributes))
        if missing:
            return fail("search_attributes", f"missing: {names(missing)}", "deploy/temporal/namespace.sh")
        return ok("search_attributes", f"all {len(SEARCH_ATTRIBUTES)} are there")

    async def _queues(self) -> list[Line]:
        activities = [BOOKS_QUEUE, PAYMENT_QUEUE, *self._lanes]
        polled = await asyncio.gather(
            self._pollers(ORDER_QUEUE, TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW),
            *(self._pollers(queue, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY) for queue in activities),
        )
        idle = [queue for queue, found in zip([ORDER_QUEUE, *activities], polled, strict=True) if not found]
        if idle:
            return [fail("workers", f"nobody polls {names(idle)}", "start workers with roles orders and lanes")]
        return [ok("workers", f"every one of {len(polled)} queues is polled"), *await self._builds(polled[0])]

    async def _builds(self, pollers: Sequence[PollerInfo]) -> list[Line]:
        """Workers of a named build are given nothing before it is made current."""
        builds = [poller.deployment_options for poller in pollers]
        if any(build.worker_versioning_mode != WorkerVersioningMode.Value(_NAMED) for build in builds):
            return []
        return [
            await self._build(name, {build.build_id for build in builds if build.deployment_name == name})
            for name in sorted({build.deployment_name for build in builds})
        ]

    async def _build(self, name: str, at_work: AbstractSet[str]) -> Line:
        asked = DescribeWorkerDeploymentRequest(namespace=self._temporal.namespace, deployment_name=name)
        told = await self._temporal.workflow_service.describe_worker_deployment(asked, timeout=PATIENCE)
        current = told.worker_deployment_info.routing_config.current_deployment_version.build_id
        if not current:
            said = f"no build of {name} is current: no order is given to its workers"
            return fail("build", said, "make one current: docs/upgrade.md")
        if current not in at_work:
            said = f"{current} of {name} is current, and its workers do not run: orders wait"
            return fail("build", said, "start them, or make the build current whose workers run: docs/upgrade.md")
        return ok("build", f"{current} of {name} is current")

    async def _pollers(self, queue: str, kind: "TaskQueueType.ValueType") -> Sequence[PollerInfo]:
        asked = DescribeTaskQueueRequest(
            namespace=self._temporal.namespace, task_queue=TaskQueue(name=queue), task_queue_type=kind
        )
        told = await self._temporal.workflow_service.describe_task_queue(asked, timeout=PATIENCE)
        return told.pollers

    async def _schedule(self) -> Line:
        try:
            described = await self._temporal.get_schedule_handle(SCHEDULE_ID).describe()
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                advice = f"temporal schedule describe --schedule-id {SCHEDULE_ID}"
                return warn("reconciliation", f"cannot be looked at: {error.message}", advice)
            return warn("reconciliation", "has no schedule", "start a worker: it makes it")
        paused = described.schedule.state.paused
        advice = f"temporal schedule toggle --unpause --schedule-id {SCHEDULE_ID}"
        return warn("reconciliation", "is paused", advice) if paused else ok("reconciliation", "is scheduled")


def _days(span: timedelta) -> str:
    days = f"{span / timedelta(days=1):g}"
    return f"{days} day" if days == "1" else f"{days} days"

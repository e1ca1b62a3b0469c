"""The workers of one process: sagas, and the lanes of the outside companies."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from fnmatch import fnmatchcase

from temporalio.client import Client
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.worker import (
    FixedSizeSlotSupplier,
    ResourceBasedSlotConfig,
    ResourceBasedSlotSupplier,
    ResourceBasedTunerConfig,
    Worker,
    WorkerDeploymentConfig,
    WorkerTuner,
)

from ordersaga.domain.carriers import EASYPOST
from ordersaga.domain.lanes import channel_lane
from ordersaga.settings import Settings
from workers.activities import Activity, ActivitySet
from workers.logging_context import LoggingContext
from workers.sandbox import workflow_runner
from workflows.messages import BOOKS_QUEUE, ORDER_QUEUE, PAYMENT_QUEUE, carrier_queue, provider_queue
from workflows.order_fulfillment import OrderFulfillment
from workflows.order_return import OrderReturn
from workflows.reconciliation import Reconciliation, RepairFinding
from workflows.stop_orders import StopOrders

GRACE = timedelta(seconds=8)
"""How long running activities may finish when a worker is asked to stop."""

FEWEST, MOST = 8, 100
"""Workflow tasks, and local activities, that run at once."""
BUSY = ResourceBasedTunerConfig(target_memory_usage=0.8, target_cpu_usage=0.9)
"""How busy the machine may be before no more than the fewest are begun."""


def as_machine_allows() -> WorkerTuner:
    """On a starved machine a hundred tasks begun at once are all late: each is thrown away, and begun again.

    What is not begun waits in Temporal, where no time limit runs.
    """
    slots = ResourceBasedSlotSupplier(ResourceBasedSlotConfig(FEWEST, MOST, timedelta(milliseconds=5)), BUSY)
    return WorkerTuner.create_composite(
        workflow_supplier=slots,
        activity_supplier=FixedSizeSlotSupplier(1),  # this worker runs none but local ones
        local_activity_supplier=slots,
        nexus_supplier=FixedSizeSlotSupplier(1),
    )


def versioned(settings: Settings) -> WorkerDeploymentConfig | None:
    """The build all workers of this process belong to; its orders and returns stay on it. None: no versions."""
    if not settings.worker_build:
        return None
    return WorkerDeploymentConfig(
        version=WorkerDeploymentVersion(settings.worker_deployment, settings.worker_build),
        use_worker_versioning=True,
        default_versioning_behavior=VersioningBehavior.PINNED,
    )


def order_worker(
    client: Client,
    activities: ActivitySet,
    build: WorkerDeploymentConfig | None = None,
    *,
    sandboxed: bool = True,
    cached: int = 1000,
) -> Worker:
    """Runs the sagas, and the local activities inside them. `sandboxed` and `cached`: as the settings say."""
    return Worker(
        client,
        task_queue=ORDER_QUEUE,
        workflows=[OrderFulfillment, OrderReturn, Reconciliation, RepairFinding, StopOrders],
        activities=activities.orders,
        workflow_runner=workflow_runner(sandboxed=sandboxed),
        max_cached_workflows=cached,
        no_remote_activities=True,
        tuner=as_machine_allows(),
        interceptors=[LoggingContext()],
        graceful_shutdown_timeout=GRACE,
        deployment_config=build,
    )


def lane_workers(
    client: Client,
    activities: ActivitySet,
    providers: Iterable[str],
    build: WorkerDeploymentConfig | None = None,
    *,
    accounts: Iterable[str] = (EASYPOST,),
    channels: Iterable[str] = (),
    only: Iterable[str] = ("*",),
) -> list[Worker]:
    """One worker for each lane: books, payments, every account of a carrier or a channel, every provider of its own.

    With a `build` they do the calls of that build's orders only. `only`: patterns, one of which a lane's name matches.
    """
    shared = {BOOKS_QUEUE: activities.books, PAYMENT_QUEUE: activities.payments}
    lanes = {**shared, **account_lanes(activities, providers, accounts, channels)}
    return serving(client, lanes, build, only)


def account_lanes(
    activities: ActivitySet, providers: Iterable[str], accounts: Iterable[str], channels: Iterable[str]
) -> Mapping[str, list[Activity]]:
    """What is done in the lanes of these providers, carrier accounts and channels, by lane."""
    carriers = {carrier_queue(name): activities.carriers for name in accounts}
    return {
        **carriers,
        **{provider_queue(name): activities.providers for name in providers},
        **{channel_lane(name): activities.channels for name in channels},
    }


def serving(
    client: Client,
    lanes: Mapping[str, list[Activity]],
    build: WorkerDeploymentConfig | None = None,
    only: Iterable[str] = ("*",),
) -> list[Worker]:
    """A worker for each of these lanes whose name matches one of the patterns."""
    patterns = tuple(only)
    wanted = [queue for queue in lanes if any(fnmatchcase(queue, pattern) for pattern in patterns)]
    return [_lane(client, queue, lanes[queue], build) for queue in wanted]


def _lane(client: Client, queue: str, work: list[Activity], build: WorkerDeploymentConfig | None) -> Worker:
    return Worker(
        client,
        task_queue=queue,
        activities=work,
        max_concurrent_activities=50,
        interceptors=[LoggingContext()],
        graceful_shutdown_timeout=GRACE,
        deployment_config=build,
    )

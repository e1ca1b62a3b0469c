"""`python -m workers`: one process with the sagas, every lane, and the relay.

`--roles orders,lanes,relay` (default: all) splits them over processes; each role may run any number of times.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence

import structlog
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Worker

from ordersaga.bootstrap import Services, open_services
from ordersaga.client import CONNECT_TIMEOUT, KEEP_ALIVE
from ordersaga.settings import Settings, SettingsError, read_settings, require_credentials
from ordersaga.telemetry import configure_logging
from workers.activities import ActivitySet, Ports, ReconciliationPorts, build
from workers.lanes import LaneKeeper
from workers.lifecycle import running, stop_on_signals
from workers.orders import lane_workers, order_worker, versioned
from workers.relay import run_relay
from workers.sagas import RunningSagas
from workers.scheduling import see_to_schedules

ROLES = ("orders", "lanes", "relay")
CONNECT_AGAIN = 0.5
"""Seconds between two attempts to reach Temporal or PostgreSQL at start."""

log = structlog.get_logger(__name__)


def main() -> None:
    """Run until Ctrl-C or SIGTERM; what has begun is finished first."""
    roles = _roles()
    settings = _settings()
    configure_logging(settings, "worker")
    asyncio.run(_work(settings, roles))


def _settings() -> Settings:
    try:
        return require_credentials(read_settings())
    except SettingsError as error:
        sys.exit(f"ordersaga worker: {error}")


def _roles() -> Sequence[str]:
    parser = argparse.ArgumentParser(prog="python -m workers", description="Run ordersaga's workers")
    parser.add_argument("--roles", default=",".join(ROLES), help=f"any of {', '.join(ROLES)}; default: all")
    roles = [role.strip() for role in parser.parse_args().roles.split(",")]
    if unknown := [role for role in roles if role not in ROLES]:
        parser.error(f"--roles: {', '.join(unknown)} unknown; choose from {', '.join(ROLES)}")
    return roles


async def _work(settings: Settings, roles: Sequence[str]) -> None:
    stop = stop_on_signals()
    client = await _connect(settings, stop)
    if client is None:
        return
    async with open_services(settings, name="ordersaga-worker") as services:
        lanes = LaneKeeper(client, services) if {"lanes", "relay"} & set(roles) else None
        if lanes is not None:
            await lanes.begin(stop)
        async with running(_workers(client, services, roles)), asyncio.TaskGroup() as tasks:
            log.info("worker_started", roles=roles, build=settings.worker_build or None)
            if lanes is not None:
                tasks.create_task(lanes.run(stop))
            if "orders" in roles:
                tasks.create_task(see_to_schedules(client, services, stop))
            tasks.create_task(run_relay(services, stop) if "relay" in roles else _until(stop))
    log.info("worker_stopped")


async def _until(stop: asyncio.Event) -> None:
    await stop.wait()


async def _connect(settings: Settings, stop: asyncio.Event) -> Client | None:
    """Connect to Temporal, however long it takes to come up; None when asked to stop before."""
    while not stop.is_set():
        try:
            return await Client.connect(
                settings.temporal_address,
                namespace=settings.temporal_namespace,
                data_converter=pydantic_data_converter,
                connect_timeout=CONNECT_TIMEOUT,
                keep_alive_config=KEEP_ALIVE,
            )
        except RuntimeError as error:
            log.warning("temporal_unreachable", address=settings.temporal_address, error=str(error))
            await asyncio.sleep(CONNECT_AGAIN)
    return None


def _reconciliation(services: Services) -> ReconciliationPorts:
    return ReconciliationPorts(
        evidence=services.evidence,
        findings=services.findings,
        sagas=RunningSagas(services),
        notes=services.journal,
        inbox=services.inbox,
        payment_history=services.payment_history,
        label_history=services.label_history,
        provider_stock=services.provider_stock,
    )


def _workers(client: Client, services: Services, roles: Sequence[str]) -> list[Worker]:
    activities = build(
        Ports(
            stock=services.stock,
            ledger=services.effects,
            journal=services.journal,
            payments=services.payments,
            providers=services.providers,
            carrier=services.carrier,
            returns=services.returns,
            exchanges=services.exchanges,
            reconciliation=_reconciliation(services),
            visible_after=services.settings.visible_after,
        )
    )
    code = versioned(services.settings)
    workers = [_orders(client, services.settings, activities)] if "orders" in roles else []
    return workers + (lane_workers(client, activities, services.providers, code) if "lanes" in roles else [])


def _orders(client: Client, settings: Settings, activities: ActivitySet) -> Worker:
    return order_worker(
        client,
        activities,
        versioned(settings),
        sandboxed=settings.workflow_sandbox,
        cached=settings.cached_workflows,
    )


if __name__ == "__main__":
    main()

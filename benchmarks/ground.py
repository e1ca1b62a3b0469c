"""What every row stands on: the embedded stack's own PostgreSQL and tuned Temporal, fresh, and gone afterwards."""

import contextlib
import tempfile
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from ordersaga.embedded import Stack, StackOptions
from ordersaga.embedded.database import prepare_database
from ordersaga.embedded.parts import Part, Step
from ordersaga.embedded.plan import build_plan
from ordersaga.embedded.process import Command
from ordersaga.embedded.stack import forget
from ordersaga.settings import Settings
from tests.support.api import CREDENTIALS

SERVERS: Final = frozenset({"postgres", "migrations", "temporal"})
WITH_WORKER: Final = SERVERS | {"worker"}

QUIET: Final[Mapping[str, Any]] = {
    "log_level": "WARNING",
    "calls_per_second": 0,  # one key asks for everybody
    "workflow_sandbox": False,  # as in production, of a build whose replays passed; the peers' runs outside it too
}


@contextlib.asynccontextmanager
async def ground(only: frozenset[str] = SERVERS, *, worker: str = "", **changed: Any) -> AsyncIterator[Stack]:
    """A stack of these parts in a folder of its own, deleted afterwards.

    `worker`: the module to run as the part `worker`, if not the product's; `changed`: settings other than the usual.
    """
    data = Path(tempfile.mkdtemp(prefix="ordersaga-bench-"))
    data.chmod(0o755)

    def plan(options: StackOptions, settings: Settings, chosen: set[str]) -> list[Part | Step]:
        return [_run_by(part, worker) for part in build_plan(options, settings, chosen, prepare_database)]

    options = StackOptions(_env_file=None, data=data, free_ports=True, only=only)
    settings = Settings(_env_file=None, **{**CREDENTIALS, **QUIET, **changed})
    try:
        async with Stack(options, settings, plan=plan) as stack:
            yield stack
    finally:
        forget(data)


def _run_by(part: Part | Step, worker: str) -> Part | Step:
    if not (worker and isinstance(part, Part) and part.name == "worker"):
        return part
    command: Command = part.command
    argv = [command.argv[0], "-m", worker]
    return replace(part, command=replace(command, argv=argv))

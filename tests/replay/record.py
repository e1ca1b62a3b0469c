"""Record the histories and command sequences that replay tests hold the saga to.

    python -m tests.replay.record              # all scenarios, and the baseline
    python -m tests.replay.record split held   # only these

Run it after a deliberate change of the workflow's steps, look at the difference in `commands.json`, and commit both.
A changed sequence means that orders already running cannot continue on the new code: they stay pinned to the build
they started on (or the change stands behind `workflow.patched`). Order ids are the scenarios' names, so they are the
same at each recording. Identities of workers and stack traces are removed: they name the machine.
"""

import asyncio
import json
import socket
import sys
from typing import Any

from temporalio.client import WorkflowHistory

from tests.replay.commands import BASELINE, HISTORIES, baseline, commands
from tests.replay.scenarios import SCENARIOS, played
from tests.support.temporal import temporal_environment

_OF_THE_MACHINE = {"identity": "recorder", "stackTrace": "", "binaryChecksum": "", "buildId": "recorder"}


async def record(names: list[str]) -> None:
    """Play the scenarios on a server of their own and write what they leave."""
    HISTORIES.mkdir(exist_ok=True)
    sequences = baseline() if BASELINE.exists() else {}
    async with temporal_environment() as environment:
        for name in names:
            history = await (await played(environment, name)).fetch_history()
            (HISTORIES / f"{name}.json").write_text(portable(history), encoding="utf-8")
            sequences[name] = commands(history)
    known = {name: sequences[name] for name in SCENARIOS if name in sequences}
    BASELINE.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")


def portable(history: WorkflowHistory) -> str:
    """A history as JSON without anything that names this machine."""
    text = json.dumps(_scrubbed(json.loads(history.to_json())), indent=1) + "\n"
    assert socket.gethostname() not in text, "the machine's name is still in the history"
    return text


def _scrubbed(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        return {key: _scrubbed(inner, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [_scrubbed(inner, name) for inner in value]
    if name in _OF_THE_MACHINE:
        return _OF_THE_MACHINE[name]
    return "sticky" if name == "name" and isinstance(value, str) and "@" in value else value


if __name__ == "__main__":
    asyncio.run(record(sys.argv[1:] or list(SCENARIOS)))

"""What a kept build says of itself, in a process that knows no other: run as a script, `python -P own_build.py BUILD`.

own_build.py FOLDER             the files of FOLDER that its workflows need, as a JSON list
own_build.py BUILD HISTORY...   replays each history file; a JSON object: its name, and why it failed or null
"""

import asyncio
import importlib
import json
import os
import pkgutil
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer

OURS = ("workflows", "activities", "ordersaga", "workers")


def main(build: str, *histories: str) -> None:
    """Print what was asked as JSON."""
    sys.path.insert(0, build)
    known = workflows()
    sandbox = importlib.import_module("workers.sandbox")
    said = asyncio.run(replayed(known, sandbox, histories)) if histories else files(build)
    strange = [module.__name__ for module in ours() if not str(module.__file__).startswith(build)]
    assert not strange, f"not of this build: {strange}"
    print(json.dumps(said))


def workflows() -> list[type]:
    """Every workflow the build defines."""
    package = importlib.import_module("workflows")
    modules = [importlib.import_module(f"workflows.{one.name}") for one in pkgutil.iter_modules(package.__path__)]
    found = {value for module in modules for value in vars(module).values() if isinstance(value, type)}
    return [kind for kind in found if "__temporal_workflow_definition" in vars(kind)]


def files(folder: str) -> list[str]:
    """What was imported so far, relative to the folder, packages included."""
    return sorted(Path(str(module.__file__)).relative_to(folder).as_posix() for module in ours())


def ours() -> list[ModuleType]:
    """Every imported module of the build."""
    return [module for name, module in list(sys.modules.items()) if name.partition(".")[0] in OURS]


async def replayed(known: list[type], sandbox: ModuleType, histories: tuple[str, ...]) -> dict[str, str | None]:
    """Why each history could not continue on the build; None: it could."""
    runner: Any = sandbox.workflow_runner()
    replayer = Replayer(workflows=known, workflow_runner=runner, data_converter=pydantic_data_converter)
    said: dict[str, str | None] = {}
    for path in map(Path, histories):
        history = WorkflowHistory.from_json(f"order-{path.stem}_1", path.read_text(encoding="utf-8"))
        failure = (await replayer.replay_workflow(history, raise_on_replay_failure=False)).replay_failure
        said[path.stem] = None if failure is None else str(failure)
    return said


if __name__ == "__main__":
    main(*sys.argv[1:])
    sys.stdout.flush()
    os._exit(0)  # the SDK may crash an interpreter that ends in the usual way

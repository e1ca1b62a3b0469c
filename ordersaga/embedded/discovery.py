"""Finding the embedded stack that runs on this machine: for commands, demos and a second terminal."""

from dataclasses import dataclass
from pathlib import Path

from ordersaga.embedded.database import read_demo_keys
from ordersaga.embedded.folders import birth_of, read_stack_file
from ordersaga.embedded.options import read_options


@dataclass(frozen=True)
class RunningStack:
    """What a running supervisor published about its stack."""

    data: Path
    urls: dict[str, str]
    pids: dict[str, int]
    environment: dict[str, str]
    keys: dict[str, str]


def running_stack(data: Path | None = None) -> RunningStack | None:
    """The stack running on `data` (default: where `ordersaga up` would start one), or None if none runs.

    Raises StackError when the environment's choices cannot be used, or the folder cannot be looked into.
    """
    folder = (data or read_options().data).expanduser().resolve()
    content = read_stack_file(folder)
    if content is None or birth_of(content["supervisor"]["pid"]) != content["supervisor"]["born"]:
        return None
    return RunningStack(
        data=folder,
        urls=content["urls"],
        pids={name: entry["pid"] for name, entry in content["parts"].items() if entry["pid"]},
        environment=content["environment"],
        keys=read_demo_keys(folder),
    )

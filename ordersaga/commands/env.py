"""`ordersaga env`: the running stack's addresses, keys and processes as shell variables."""

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final

import typer

from ordersaga.commands.errors import PART_FAILED, CommandError
from ordersaga.commands.local import local_stack
from ordersaga.commands.remote import AsJson, show_json
from ordersaga.embedded import RunningStack, read_options

NAMES: Final = {"temporal": "TEMPORAL_ADDRESS", "database": "POSTGRES"}
"""Of addresses that are not called as their part is."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(env)


def env(
    data: Annotated[Path | None, typer.Option(help="Folder of the stack.", show_default=False)] = None,
    as_json: AsJson = False,
) -> None:
    """Print the running stack's addresses, keys and process ids for a shell: eval "$(ordersaga env)"."""
    stack = local_stack(data)
    if stack is None:
        where = data or read_options().data
        advice = "start one (`ordersaga up`), or name the folder of the one that runs with --data"
        raise CommandError(f"no stack runs in {where}: {advice}", PART_FAILED)
    if as_json:
        show_json(dict(variables(stack)))
        return
    for name, value in variables(stack):
        typer.echo(f"export {name}={shlex.quote(value)}")


def variables(stack: RunningStack) -> Iterator[tuple[str, str]]:
    """Names and values. Commands of ordersaga, and the `temporal` command, then find the stack by themselves.

    The database's address is there with its password too: `ordersaga audit`, `keys` and `migrate` use no API.
    """
    for part, url in stack.urls.items():
        yield NAMES.get(part, part.upper().replace("-", "_")), url
    for role, key in stack.keys.items():
        yield f"{role.upper()}_KEY", key
    yield "ORDERSAGA_DATA", str(stack.data)
    yield "ORDERSAGA_API_URL", stack.urls["api"]
    yield "ORDERSAGA_API_KEY", stack.keys.get("operator", "")
    if database := stack.environment.get("ORDERSAGA_DATABASE_URL"):
        yield "ORDERSAGA_DATABASE_URL", database
    for part, pid in stack.pids.items():
        yield f"{part.upper().replace('-', '_')}_PID", str(pid)

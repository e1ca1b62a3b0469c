"""`ordersaga env`: the running stack's addresses, keys and processes as shell variables."""

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final

import typer

from ordersaga.commands.errors import PART_FAILED, CommandError
from ordersaga.commands.remote import AsJson, show_json
from ordersaga.embedded import RunningStack, running_stack

ADDRESSES: Final = {
    "API": "api",
    "TEMPORAL_ADDRESS": "temporal",
    "TEMPORAL_UI": "temporal_ui",
    "STRIPE": "stripe",
    "SHIPBOB": "shipbob",
    "EASYPOST": "easypost",
}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(env)


def env(
    data: Annotated[Path | None, typer.Option(help="Folder of the stack.", show_default=False)] = None,
    as_json: AsJson = False,
) -> None:
    """Print the running stack's addresses, keys and process ids for a shell: eval "$(ordersaga env)"."""
    stack = running_stack(data)
    if stack is None:
        raise CommandError("no stack runs here: start one (`ordersaga up`), or name its --data folder", PART_FAILED)
    if as_json:
        show_json(dict(variables(stack)))
        return
    for name, value in variables(stack):
        typer.echo(f"export {name}={shlex.quote(value)}")


def variables(stack: RunningStack) -> Iterator[tuple[str, str]]:
    """Names and values. Commands of ordersaga, and the `temporal` command, then find the stack by themselves.

    The database's address is there with its password: `ordersaga audit`, `keys` and `migrate` use no API.
    """
    for name, part in ADDRESSES.items():
        yield name, stack.urls[part]
    for role, key in stack.keys.items():
        yield f"{role.upper()}_KEY", key
    yield "ORDERSAGA_API_URL", stack.urls["api"]
    yield "ORDERSAGA_API_KEY", stack.keys.get("operator", "")
    if url := stack.environment.get("ORDERSAGA_DATABASE_URL"):
        yield "ORDERSAGA_DATABASE_URL", url
    for part, pid in stack.pids.items():
        yield f"{part.upper()}_PID", str(pid)

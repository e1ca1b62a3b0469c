"""`ordersaga keys`: issue, list and revoke API keys, in the database of the settings or of the stack that runs here.
`rotate`, `copy`, `on` and `off` are about keys of another kind: those that personal data is encrypted with.

Whoever reaches the database may issue keys; no API key does. Exit codes: 0 done; 1 refused; 3 no database.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer

from ordersaga.api.access import Role
from ordersaga.bootstrap import ApiKeys, open_api_keys
from ordersaga.commands.database import database_url, told_of_database
from ordersaga.commands.encrypting import off, on
from ordersaga.commands.errors import FAILED, CommandError
from ordersaga.commands.remote import AsJson, show_json, show_table
from ordersaga.commands.rotate import copy, rotate
from ordersaga.domain.errors import OperatorError

T = TypeVar("T")

app = typer.Typer(help="API keys: issue, list, revoke. One person, one key.", no_args_is_help=True)


def register(root: typer.Typer) -> None:
    """Add the command group."""
    app.command()(rotate)
    app.command()(copy)
    app.command()(on)
    app.command()(off)
    root.add_typer(app, name="keys")


@app.command()
def issue(
    role: Annotated[Role, typer.Argument(help="What it may do.")],
    name: Annotated[str, typer.Argument(help="Whose it is: what stands in stories and beside proposals.")],
    seller: Annotated[str | None, typer.Option(help="See and do only what concerns this seller.")] = None,
    as_json: AsJson = False,
) -> None:
    """Issue a key. It is shown now and never again."""
    key = _with_keys(lambda keys: _issue(keys, role, name, seller))
    if as_json:
        show_json({"key": key, "role": role.value, "name": name, "seller": seller})
    else:
        typer.echo(key)


@app.command("list")
def list_keys(as_json: AsJson = False) -> None:
    """List the keys in force, oldest first."""
    found = _with_keys(lambda keys: keys.list())
    if as_json:
        keys = [{"id": key.id, "role": key.role, "name": key.name, "seller": key.seller} for key in found]
        show_json({"keys": keys})
    else:
        rows = ((key.id, key.role, key.name, key.seller or "") for key in found)
        show_table("Keys", ("id", "role", "name", "seller"), rows)


@app.command()
def revoke(
    key_id: Annotated[str, typer.Argument(help="key_...: see `ordersaga keys list`.")], as_json: AsJson = False
) -> None:
    """Refuse a key from now on."""
    if not _with_keys(lambda keys: keys.revoke(key_id)):
        raise CommandError(f"no key in force has the id {key_id}; list them: ordersaga keys list", FAILED)
    if as_json:
        show_json({"revoked": key_id})
    else:
        typer.echo(f"{key_id} is revoked")


async def _issue(keys: ApiKeys, role: Role, name: str, seller: str | None) -> str:
    """A key's text. CommandError for a name that a key in force has, whatever its case, and for an unknown seller."""
    if any(_same(key.name, name) for key in await keys.list()):
        raise CommandError(f"a key named {name} exists; revoke it first, or choose another name", FAILED)
    try:
        return await keys.issue(role.value, name, seller)
    except OperatorError as error:
        if seller is None or error.code != "integrity_violation":
            raise
        raise CommandError(f"--seller: no seller is called {seller}; load it first", FAILED) from error


def _same(name: str, other: str) -> bool:
    return name.strip().casefold() == other.strip().casefold()


def _with_keys(work: Callable[[ApiKeys], Awaitable[T]]) -> T:
    async def run() -> T:
        async with open_api_keys(database_url()) as keys:
            return await work(keys)

    with told_of_database():
        return asyncio.run(run())

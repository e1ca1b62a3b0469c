"""`ordersaga keys`: issue, list and revoke API keys, in the database of the settings or of the stack that runs here.

Whoever reaches the database may issue keys; no API key does. Exit codes: 0 done; 1 refused; 3 no database.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, TypeVar

import typer

from ordersaga.api.access import Role
from ordersaga.bootstrap import ApiKeys, open_api_keys
from ordersaga.commands.errors import FAILED, PART_FAILED, CommandError
from ordersaga.commands.remote import show_table
from ordersaga.domain.errors import OperatorError, OrdersagaError, RetryError
from ordersaga.embedded import running_stack
from ordersaga.settings import SettingsError, read_settings

T = TypeVar("T")

app = typer.Typer(help="API keys: issue, list, revoke. One person, one key.", no_args_is_help=True)


def register(root: typer.Typer) -> None:
    """Add the command group."""
    root.add_typer(app, name="keys")


@app.command()
def issue(
    role: Annotated[Role, typer.Argument(help="What it may do.")],
    name: Annotated[str, typer.Argument(help="Whose it is: what stands in stories and beside proposals.")],
    seller: Annotated[str | None, typer.Option(help="See and do only what concerns this seller.")] = None,
) -> None:
    """Issue a key. It is shown now and never again."""
    typer.echo(_with_keys(lambda keys: _issue(keys, role, name, seller)))


@app.command("list")
def list_keys() -> None:
    """List the keys in force, oldest first."""
    rows = ((key.id, key.role, key.name, key.seller or "") for key in _with_keys(lambda keys: keys.list()))
    show_table("Keys", ("id", "role", "name", "seller"), rows)


@app.command()
def revoke(key_id: Annotated[str, typer.Argument(help="key_...: see `ordersaga keys list`.")]) -> None:
    """Refuse a key from now on."""
    if not _with_keys(lambda keys: keys.revoke(key_id)):
        raise CommandError(f"no key in force has the id {key_id}; list them: ordersaga keys list", FAILED)
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


@contextmanager
def told_of_database() -> Iterator[None]:
    """Errors of the block as CommandError: exit code 3 when the database does not answer or does not let us in."""
    try:
        yield
    except (SettingsError, OrdersagaError) as error:
        if isinstance(error, SettingsError | RetryError) or error.code == "database_refused":
            raise CommandError(f"{error} (ORDERSAGA_DATABASE_URL names the database)", PART_FAILED) from error
        raise CommandError(f"{error.code}: {error.message}", FAILED) from error


def database_url() -> str:
    """What the environment names; else of the stack that runs here; else of the settings."""
    if url := os.environ.get("ORDERSAGA_DATABASE_URL"):
        return url
    stack = running_stack()
    if stack and (url := stack.environment.get("ORDERSAGA_DATABASE_URL")):
        return url
    return read_settings().database_url.get_secret_value()

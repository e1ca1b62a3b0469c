"""`ordersaga archive`, `archive verify`, `archive drop`: histories of what has ended, in a folder of their own.

Exit codes: 0 done, or nothing is damaged; 1 a file is damaged or missing, a history could not be kept, or the folder
cannot be used; 2 wrong usage; 3 PostgreSQL or Temporal cannot be reached.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final

import typer
from temporalio.service import RPCError

from ordersaga.archive import Archived, Archiver, Folder
from ordersaga.bootstrap import open_audit_trail
from ordersaga.client_errors import is_outage
from ordersaga.commands.errors import FAILED, PART_FAILED, USAGE, CommandError
from ordersaga.commands.local import adopt_stack
from ordersaga.commands.remote import AsJson, show_json, show_table
from ordersaga.commands.times import moment
from ordersaga.domain.errors import OrdersagaError, RetryError
from ordersaga.domain.identifiers import owner_of_workflow, workflow_id
from ordersaga.privacy.codec import data_converter
from ordersaga.settings import Settings, SettingsError, read_settings
from ordersaga.temporal_connection import connect_orders

UNSET: Final = "ORDERSAGA_ARCHIVE names no folder; set it to one that is there: docs/lifecycle.md"
MOST: Final = 20
"""So many of what could not be kept are named; `--json` names all."""
_AWAY: Final = "start it, or correct ORDERSAGA_TEMPORAL_ADDRESS"
Where = Annotated[Path, typer.Argument(metavar="DIR", exists=True, file_okay=False, help="The folder.")]

app = typer.Typer(help="Histories of what has ended, kept for longer than Temporal keeps them.")


def register(root: typer.Typer) -> None:
    """Add the command group."""
    root.add_typer(app, name="archive")


@app.callback(invoke_without_command=True)
def archive(
    context: typer.Context,
    since: Annotated[
        str | None, typer.Option(metavar="AGE|TIME", help="Only what ended since; all that Temporal has if left out.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Keep the histories of what has ended in the folder that ORDERSAGA_ARCHIVE names. Relays do it every hour."""
    if context.invoked_subcommand is not None:
        return
    wrong = f"--since {since!r} is no age or time; write 24h, 7d, or 2026-03-01"
    began = moment(since, wrong, ago=True) if since is not None else None
    with told_plainly():
        done = asyncio.run(_archive(_settings(), began))
    if done.elsewhere:
        raise CommandError("another process is at it: look again when it is done", FAILED)
    if as_json:
        show_json(done)
    else:
        counts = f"{done.written} histories written, {done.kept_before} kept before"
        left_out = f", {done.left_out} left out: their orders were erased or dropped" if done.left_out else ""
        typer.echo(counts + (f", {done.gone} gone before they were read" if done.gone else "") + left_out)
    if done.failed:
        told = "\n".join(done.failed[:MOST])
        raise CommandError(f"{len(done.failed)} histories could not be kept:\n{told}", FAILED)


@app.command()
def verify(folder: Where, as_json: AsJson = False) -> None:
    """Read every file beside its SHA-256; exit code 1 if one is damaged or missing. Needs no database."""
    found = Folder(folder).verify()
    if as_json:
        show_json(found)
    else:
        for each in found.unlisted:
            typer.echo(f"{each}: not listed, of a run that was broken off: ordersaga archive", err=True)
        if found.damage:
            show_table("Not as it was written", ("file", "what"), ((each.file, each.what) for each in found.damage))
        typer.echo(f"{found.files} files, {len(found.damage)} damaged or missing")
    if found.damage:
        raise typer.Exit(FAILED)


@app.command()
def drop(
    order_id: Annotated[str, typer.Argument(metavar="ORDER_ID")],
    folder: Annotated[Path, typer.Option("--from", exists=True, file_okay=False, metavar="DIR", help="The folder.")],
    as_json: AsJson = False,
) -> None:
    """Delete an order's files from a folder: what an erasure does not reach, because it was never encrypted."""
    if owner_of_workflow(workflow_id(order_id)) is None:
        raise CommandError(f"{order_id!r} is no order's id: letters, digits and _ only", USAGE)
    with told_plainly():
        files = Folder(folder).drop(order_id)
    if as_json:
        show_json({"order_id": order_id, "files": files})
    else:
        typer.echo(f"{files} files of {order_id} deleted")


async def _archive(settings: Settings, since: datetime | None) -> Archived:
    if settings.archive is None:
        raise CommandError(UNSET, USAGE)
    orders = await connect_orders(settings, data_converter(None))
    async with open_audit_trail(settings.database_url.get_secret_value()) as trail:
        return await Archiver(orders.temporal, trail, Folder(settings.archive)).run(since)


def _settings() -> Settings:
    adopt_stack()
    return read_settings()


@contextmanager
def told_plainly() -> Iterator[None]:
    """What goes wrong with Temporal, PostgreSQL or the folder ends the command in one line."""
    try:
        yield
    except SettingsError as error:
        raise CommandError(str(error), USAGE) from None
    except OrdersagaError as error:
        code = PART_FAILED if isinstance(error, RetryError) or not error.code.startswith("archive_") else FAILED
        raise CommandError(f"{error.code}: {error.message}", code) from None
    except OSError as error:
        raise CommandError(f"the folder cannot be used: {error}", FAILED) from None
    except (RPCError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and not is_outage(error):
            raise
        told = str(error).partition("\n")[0]
        raise CommandError(f"Temporal does not answer: {told}; {_AWAY}", PART_FAILED) from None

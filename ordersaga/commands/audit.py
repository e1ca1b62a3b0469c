"""`ordersaga audit verify`, `export`, `head`: verify the audit trail, export an order's, note the last seal.

They read the database itself, that of the settings or of the stack that runs here, and ask no API: what is verified
should not pass through more programs than it must. A file is verified without a database. Exit codes: 0 all is as it
was written; 1 something is not; 2 wrong usage, an unknown order, a file that is no trail; 3 no database that can
be read. What the API tells stands in `ordersaga.commands.deeds`.
"""

import asyncio
import gzip
import json
import zlib
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.console import Console
from rich.status import Status

from ordersaga.bootstrap import PostgresAuditTrail, open_audit_trail
from ordersaga.commands import deeds
from ordersaga.commands.database import database_url, told_of_database
from ordersaga.commands.errors import FAILED, USAGE, CommandError
from ordersaga.commands.remote import AsJson
from ordersaga.domain.audit_chain import OrderTrail, Verification, check_noted
from ordersaga.domain.audit_file import dump_trail, load_trail
from ordersaga.domain.errors import OperatorError, OrdersagaError

T = TypeVar("T")
OrderId = Annotated[str | None, typer.Option("--order", help="One order and the seals that list it, not everything.")]
TrailFile = Annotated[
    Path | None,
    typer.Option("--file", exists=True, dir_okay=False, help="Exported, or archived; needs no database."),
]
Noted = Annotated[
    str | None, typer.Option(help="NUMBER:HASH as `ordersaga audit head` printed it: that seal must still stand.")
]

app = typer.Typer(help="Audit: who did what, who signed in; verify and export the trail.", no_args_is_help=True)
deeds.add_to(app)


def register(root: typer.Typer) -> None:
    """Add the command group."""
    root.add_typer(app, name="audit")


@app.command()
def verify(order_id: OrderId = None, file: TrailFile = None, noted: Noted = None, as_json: AsJson = False) -> None:
    """Recompute every chain and seal; exit code 1 if anything is not as it was written."""
    if file and (order_id or noted):
        raise CommandError("--file goes without --order and --noted: a file is verified by itself", USAGE)
    if noted is not None:
        _noted_number(noted)
    if file:
        verified = _show_file(_read(file), as_json)
    else:
        with Console(stderr=True).status("verifying") as status:
            looked = partial(_looked, status)
            verified = _with_trail(lambda trail: _verify(trail, order_id, noted, looked), order_id)
        _show(verified, as_json, f"seals {verified.seals}")
    if verified.breaks:
        raise typer.Exit(FAILED)


@app.command()
def export(order_id: Annotated[str, typer.Option("--order", help="Whose trail.")]) -> None:
    """Write an order's trail as JSON lines, with every hash, as it stands: verify it wherever it is read."""
    trail = _with_trail(lambda opened: opened.trail(order_id), order_id)
    for line in dump_trail(trail):
        typer.echo(line)


@app.command()
def head(as_json: AsJson = False) -> None:
    """Print the last seal as NUMBER:HASH. Note it where nobody who can write to the database can change it."""
    seal = _with_trail(lambda trail: trail.seal())
    if seal is None:
        raise CommandError("nothing is sealed yet; a relay seals: ordersaga worker", FAILED)
    typer.echo(json.dumps({"seal": str(seal)}) if as_json else str(seal))


def _looked(status: Status, entries: int) -> None:
    status.update(f"verifying: {entries:,} entries looked at")


async def _verify(
    trail: PostgresAuditTrail, order_id: str | None, noted: str | None, told: Callable[[int], None]
) -> Verification:
    verified = await trail.verify(order_id, told)
    if noted is not None:
        verified.breaks += check_noted(noted, await trail.seal(_noted_number(noted)))
    return verified


def _noted_number(noted: str) -> int:
    number, found, _ = noted.partition(":")
    if not (found and number.isascii() and number.isdigit()) or len(number) > 9:
        raise CommandError(f"--noted: {noted} is not NUMBER:HASH, as ordersaga audit head prints it", USAGE)
    return int(number)


def _read(file: Path) -> OrderTrail:
    """CommandError with exit code 1 only for what begins as a trail and was changed then."""
    try:
        packed = file.read_bytes()
        return load_trail((gzip.decompress(packed) if file.suffix == ".gz" else packed).decode())
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise CommandError(f"{file} is not as it was packed: {error}", FAILED) from error
    except UnicodeDecodeError as error:
        raise CommandError(f"this is no exported trail: {file}: It is not text", USAGE) from error
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}", USAGE) from error
    except OperatorError as error:
        if error.code == "no_trail":
            raise CommandError(f"this is no exported trail: {file}: {error.message}", USAGE) from error
        raise CommandError(f"{file} is not as it was exported: {error.message}", FAILED) from error


def _show_file(trail: OrderTrail, as_json: bool) -> Verification:
    """A file names the seals that list its order; whether they stand is known to the database alone."""
    verified = Verification()
    verified.add_order(trail)
    last = max((sealed.seal_no for sealed in trail.sealed), default=None)
    _show(verified, as_json, "not sealed" if last is None else f"sealed up to seal {last}")
    return verified


def _show(verified: Verification, as_json: bool, seals: str) -> None:
    counts = asdict(verified)
    breaks = counts.pop("breaks")
    if as_json:
        typer.echo(json.dumps({**counts, "breaks": breaks}, indent=2))
        return
    for found in verified.breaks:
        typer.echo(str(found))
    told = {name: f"{name} {count}" for name, count in counts.items()} | {"seals": seals}
    typer.echo(", ".join(told.values()) + f", breaks {len(breaks)}")


def _with_trail(work: Callable[[PostgresAuditTrail], Awaitable[T]], order_id: str | None = None) -> T:
    async def run() -> T:
        async with open_audit_trail(database_url()) as trail:
            return await work(trail)

    with told_of_database():
        try:
            return asyncio.run(run())
        except OrdersagaError as error:
            if error.code == "unknown_order":
                raise CommandError(f"no order {order_id}: there is no trace of it", USAGE) from error
            raise

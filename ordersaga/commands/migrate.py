"""`ordersaga migrate`: bring the database of the settings to this version, and see to the logins of its processes."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from ordersaga.commands.errors import CommandError
from ordersaga.commands.remote import AsJson, show_json
from ordersaga.embedded import StackError
from ordersaga.embedded.database import make_logins, migrate_all
from ordersaga.settings import Settings, SettingsError, read_settings

Logins = Annotated[
    Path | None,
    typer.Option(help="A folder with a password for each kind of process (api, orders, ...): make their logins too."),
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(migrate)


def migrate(logins: Logins = None, as_json: AsJson = False) -> None:
    """Bring the database to this version. Safe to run again, and from several places at once."""
    try:
        applied, made = asyncio.run(_migrate(read_settings(), logins))
    except (SettingsError, StackError) as error:
        raise CommandError(str(error)) from None
    if as_json:
        show_json({"applied": applied, "logins": made})
    else:
        typer.echo("\n".join(f"applied {name}" for name in applied) or "up to date")
        if made:
            typer.echo(f"{len(made)} logins have the passwords of {logins}")


async def _migrate(settings: Settings, logins: Path | None) -> tuple[list[str], list[str]]:
    applied = await migrate_all(settings)
    return applied, await make_logins(settings, logins) if logins is not None else []

"""`ordersaga migrate`: bring the database of the settings to this version."""

import asyncio

import typer

from ordersaga.commands.errors import CommandError
from ordersaga.commands.remote import AsJson, show_json
from ordersaga.embedded import StackError
from ordersaga.embedded.database import migrate_all
from ordersaga.settings import SettingsError, read_settings


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(migrate)


def migrate(as_json: AsJson = False) -> None:
    """Bring the database to this version. Safe to run again, and from several places at once."""
    try:
        applied = asyncio.run(migrate_all(read_settings()))
    except (SettingsError, StackError) as error:
        raise CommandError(str(error)) from None
    if as_json:
        show_json({"applied": applied})
    else:
        typer.echo("\n".join(f"applied {name}" for name in applied) or "up to date")

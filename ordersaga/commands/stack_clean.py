"""`ordersaga stack-clean`: delete what a stopped embedded stack stored."""

from pathlib import Path
from typing import Annotated

import typer

from ordersaga.commands.errors import USAGE, CommandError
from ordersaga.commands.remote import AsJson, show_json
from ordersaga.embedded import OptionsError, StackError, read_options
from ordersaga.embedded.stack import forget


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(stack_clean)


def stack_clean(
    data: Annotated[Path | None, typer.Option(help="Folder of databases, logs and keys.", show_default=False)] = None,
    as_json: AsJson = False,
) -> None:
    """Delete the embedded stack's databases, logs and keys. Refused while it runs."""
    try:
        folder = data or read_options().data
        forget(folder)
    except OptionsError as error:
        raise CommandError(str(error), USAGE) from None
    except StackError as error:
        raise CommandError(str(error)) from None
    except OSError as error:
        told = f"--data: {error.filename or folder} cannot be deleted: {error.strerror}; do it as the user who owns it"
        raise CommandError(told) from None
    if as_json:
        show_json({"deleted": str(folder)})
    else:
        typer.echo(f"deleted {folder}")

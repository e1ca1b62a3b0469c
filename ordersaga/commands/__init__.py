"""The sub-commands of `ordersaga`, one module for each, imported when used.

A module offers `register(app)`, which adds its commands to the typer app; `COMMANDS` names it for each command.
"""

import sys
from importlib import import_module
from typing import Final

import typer

from ordersaga.commands.errors import CommandError

COMMANDS: Final[dict[str, str]] = {
    "up": "up",
    "env": "env",
    "worker": "processes",
    "api": "processes",
    "order": "order",
    "return": "returns",
    "stock": "stock",
    "whatif": "whatif",
    "attention": "attention",
    "reconcile": "reconcile",
    "inbox": "inbox",
    "lanes": "lanes",
    "webhooks": "webhooks",
    "keys": "keys",
    "audit": "audit",
    "demo": "demo",
    "migrate": "migrate",
    "stack-clean": "stack_clean",
}


def run(arguments: list[str] | None = None) -> None:
    """Parse the command line and run one command; a `CommandError` becomes one line and an exit code."""
    words = sys.argv[1:] if arguments is None else arguments
    try:
        build(words)(words)
    except CommandError as error:
        typer.secho(f"ordersaga: {error}", fg="red", err=True)
        sys.exit(error.exit_code)


def build(words: list[str]) -> typer.Typer:
    """The app with the command that `words` ask for, or with all of them if they ask for none."""
    app = typer.Typer(
        name="ordersaga",
        help="Fulfillment saga engine: every accepted order either ships and is paid once, or is undone completely.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
    )
    app.callback()(_keep_command_names)
    asked = next((word for word in words if not word.startswith("-")), "")
    for module in [COMMANDS[asked]] if asked in COMMANDS else dict.fromkeys(COMMANDS.values()):
        import_module(f"ordersaga.commands.{module}").register(app)
    return app


def _keep_command_names() -> None:
    """Without a callback, typer would drop the name of an only command."""

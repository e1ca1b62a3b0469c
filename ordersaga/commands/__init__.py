"""The sub-commands of `ordersaga`, one module for each, imported when used.

A module offers `register(app)`, which adds its commands to the typer app; `COMMANDS` names it for each command.
"""

import os
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
    "codec-server": "processes",
    "order": "order",
    "return": "returns",
    "stock": "stock",
    "seller": "seller",
    "whatif": "whatif",
    "attention": "attention",
    "reconcile": "reconcile",
    "stop": "stop",
    "inbox": "inbox",
    "lanes": "lanes",
    "courier": "courier",
    "webhooks": "webhooks",
    "keys": "keys",
    "sessions": "sessions",
    "audit": "audit",
    "erase": "erase",
    "find": "find",
    "surge": "surge",
    "mcp": "mcp",
    "demo": "demo",
    "migrate": "migrate",
    "recover": "recover",
    "doctor": "doctor",
    "retention": "retention",
    "db": "db",
    "stack-clean": "stack_clean",
}


def run(arguments: list[str] | None = None) -> None:
    """Parse the command line and run one command; a `CommandError` becomes one line and an exit code."""
    words = sys.argv[1:] if arguments is None else arguments
    try:
        build(_typed() or words)(words)
    except CommandError as error:
        typer.secho(f"ordersaga: {error}", fg="red", err=True)
        sys.exit(error.exit_code)


def _typed() -> list[str]:
    """The command of a line that a shell asks to complete: what stands behind it needs no other command's module."""
    if "_ORDERSAGA_COMPLETE" not in os.environ:
        return []
    line = os.environ.get("COMP_WORDS") or os.environ.get("_TYPER_COMPLETE_ARGS", "")
    return line.split()[1:2] if len(f"{line}.".split()) > 2 else []


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

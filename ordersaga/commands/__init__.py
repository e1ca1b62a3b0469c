"""The sub-commands of `ordersaga`, one module for each, imported when used.

A module offers `register(app)`, which adds its commands to the typer app; `COMMANDS` names it for each command.
"""

import os
import sys
from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Final, NoReturn

import structlog
import typer
from typer.exceptions import TyperException
from typer.main import get_command

from ordersaga.commands.errors import USAGE, CommandError

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
    "archive": "archive",
    "db": "db",
    "stack-clean": "stack_clean",
}


def run(arguments: list[str] | None = None) -> None:
    """Parse the command line and run one command; wrong usage, or a `CommandError`, is one line and an exit code."""
    words = sys.argv[1:] if arguments is None else arguments
    if not structlog.is_configured():
        structlog.configure(logger_factory=lambda *_: structlog.PrintLogger(sys.stderr))  # stdout is the answer
    try:
        _refuse_bytes(words)
        code = get_command(build(_typed() or words)).main(words, standalone_mode=False)
    except CommandError as error:
        _end(str(error), error.exit_code)
    except TyperException as error:
        _end(_told(error), error.exit_code)
    else:
        sys.exit(code if isinstance(code, int) else 0)


def _end(told: str, code: int) -> NoReturn:
    if told:
        typer.secho(f"ordersaga: {told}", fg="red", err=True)
    sys.exit(code)


def _told(error: TyperException) -> str:
    """What is wrong with the words, and where the right ones stand; nothing where that was shown instead."""
    told = " ".join(error.format_message().split()).rstrip(".")
    context = getattr(error, "ctx", None)
    return f"{told}; see {context.command_path} --help" if told and context else told


def _refuse_bytes(words: list[str]) -> None:
    """What is not text in the terminal's encoding cannot be sent to anybody."""
    for word in words:
        try:
            word.encode()
        except UnicodeEncodeError:
            told = f"{word!a} is no text in UTF-8; type it again, or correct the terminal's encoding"
            raise CommandError(told, USAGE) from None


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
    app.callback()(_root)
    asked = next((word for word in words if not word.startswith("-")), "")
    for module in [COMMANDS[asked]] if asked in COMMANDS else dict.fromkeys(COMMANDS.values()):
        import_module(f"ordersaga.commands.{module}").register(app)
    return app


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"ordersaga {version('ordersaga')}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Without a callback, typer would drop the name of an only command."""

"""`ordersaga doctor`: is this installation sound? Changes nothing.

Exit codes: 0 sound, perhaps with warnings; 1 something failed.
"""

import asyncio
from pathlib import Path

import typer

from ordersaga.commands.errors import FAILED, CommandError
from ordersaga.commands.local import adopt_stack
from ordersaga.commands.remote import AsJson, show_json, show_table
from ordersaga.doctor.checkup import check_all
from ordersaga.doctor.lines import Checkup


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(doctor)


def doctor(as_json: AsJson = False) -> None:
    """Check settings, databases, Temporal, workers and the companies' credentials; each line with its remedy."""
    stack = adopt_stack()
    found = asyncio.run(check_all(stack.data if stack else Path.cwd()))
    if as_json:
        show_json(found)
    else:
        _show(found)
    if not found.sound:
        count = sum(line.verdict == "fail" for line in found.lines)
        raise CommandError(f"{count} check(s) failed", FAILED)


def _show(found: Checkup) -> None:
    rows = ((line.verdict, line.check, line.told, line.remedy) for line in found.lines)
    show_table("Checkup", ("", "check", "found", "remedy"), rows)

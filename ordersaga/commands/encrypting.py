"""`ordersaga keys off`: give encryption up. `ordersaga keys on`: encrypt again.

Both are the owner's of the tables, name who did it and why, and are told by `GET /v1/audit/deeds`. Otherwise encryption
is on for good once a process with master keys has started: none starts without them afterwards.
"""

import asyncio
from typing import Annotated

import typer

from ordersaga.bootstrap import open_encryption
from ordersaga.commands.database import told_of_database
from ordersaga.commands.errors import USAGE, CommandError
from ordersaga.commands.remote import AsJson, show_json
from ordersaga.settings import Settings, read_settings

Who = Annotated[str, typer.Option(help="Who decided it; kept for good.")]
Why = Annotated[str, typer.Option(help="Why; kept for good.")]
Unreadable = Annotated[bool, typer.Option("--unreadable", help="Though orders are lost to whoever has no master key.")]


def off(by: Who, reason: Why, unreadable: Unreadable = False, as_json: AsJson = False) -> None:
    """Give encryption up: processes start without master keys. Stop every process before."""
    with told_of_database():
        lost = asyncio.run(_off(read_settings(), by, reason, unreadable=unreadable))
    if as_json:
        show_json({"changed": lost is not None, "orders": lost[0] if lost else 0, "open": lost[1] if lost else 0})
    elif lost is None:
        typer.echo("encryption is not on")
    else:
        typer.echo(f"encryption is off; {lost[0]} orders need the master keys, {lost[1]} of them are open")
        typer.echo("take ORDERSAGA_ENCRYPTION_KEYS away from every process: none starts with it now")


def on(by: Who, reason: Why, as_json: AsJson = False) -> None:
    """Encrypt again, under the first master key of the settings."""
    with told_of_database():
        settings = read_settings()
        if settings.master_keys() is None:
            raise CommandError("no master keys: set ORDERSAGA_ENCRYPTION_KEYS", USAGE)
        changed = asyncio.run(_on(settings, by, reason))
    if as_json:
        show_json({"changed": changed})
    else:
        typer.echo("encryption is on; start every process with the same master keys" if changed else "it is on already")


async def _off(settings: Settings, by: str, reason: str, *, unreadable: bool) -> tuple[int, int] | None:
    async with open_encryption(settings) as (encryption, _):
        lost = await encryption.turn_off(by, reason, unreadable=unreadable)
    return (lost.orders, lost.open) if lost is not None else None


async def _on(settings: Settings, by: str, reason: str) -> bool:
    async with open_encryption(settings) as (encryption, ring):
        assert ring is not None, "there are master keys"
        return await encryption.turn_on(ring, by, reason)

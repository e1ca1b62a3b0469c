"""`ordersaga keys rotate`: every order's key is wrapped anew by the master key that is named first.

`ordersaga keys copy`: the copies of orders' keys in their second database, and the keys, are brought into agreement.
"""

import asyncio
from collections import Counter
from dataclasses import asdict
from typing import Annotated

import typer

from ordersaga.bootstrap import Agreement, KeyCopies, open_key_rotation
from ordersaga.commands.database import told_of_database
from ordersaga.commands.errors import USAGE, CommandError
from ordersaga.commands.remote import AsJson, show_json
from ordersaga.settings import Settings, read_settings


def rotate(
    batch: Annotated[int, typer.Option(min=1, max=10_000, help="Keys in one transaction.")] = 500,
    as_json: AsJson = False,
) -> None:
    """Wrap orders' keys anew by the first master key, while everything runs. Stopped, it goes on where it was."""
    with told_of_database():
        settings = read_settings()
        if settings.master_keys() is None:
            raise CommandError("no master keys: set ORDERSAGA_ENCRYPTION_KEYS, the new one first", USAGE)
        master, done, left = asyncio.run(_rotate(settings, batch, quiet=as_json))
    others = {name: count for name, count in left.items() if name != master}
    if as_json:
        show_json({"master": master, "rewrapped": done, "wrapped_by": left, "removable": not others})
    else:
        typer.echo(f"{done} keys wrapped anew; all {sum(left.values())} are wrapped by {master} now")
        typer.echo("every other master key may be removed" if not others else f"still wrapped by others: {others}")


def copy(as_json: AsJson = False) -> None:
    """Copy orders' keys to ORDERSAGA_KEY_COPIES_URL, and bring back those that only the copies have."""
    with told_of_database():
        settings = read_settings()
        if not settings.key_copies_url.get_secret_value():
            raise CommandError("there is no place for copies: set ORDERSAGA_KEY_COPIES_URL", USAGE)
        done = asyncio.run(_copy(settings))
    if as_json:
        show_json(asdict(done))
    else:
        typer.echo(f"{done.copied} keys copied, {done.brought_back} brought back, {done.destroyed} copies destroyed")


async def _copy(settings: Settings) -> Agreement:
    async with open_key_rotation(settings) as (_, keys):
        return await KeyCopies(keys).agree()


async def _rotate(settings: Settings, batch: int, *, quiet: bool) -> tuple[str, int, dict[str, int]]:
    """The master key, how many keys were wrapped anew, copies included, and how many each master key wraps now."""
    done, left = 0, Counter[str]()
    async with open_key_rotation(settings) as (ring, keys):
        for place in (keys, keys.copies) if keys.copies else (keys,):
            while count := await place.rewrap(ring.rewrapped, ring.master, batch):
                done += count
                if not quiet:
                    typer.echo(f"{done} keys wrapped anew", err=True)
            left.update(await place.wrapped_by())
        return ring.master, done, dict(left)

"""`ordersaga retention`: forget what nobody needs any more, beside the database. Every relay does it all the time too.

Exit codes: 0 done; 3 the database cannot be reached.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Annotated

import typer

from ordersaga.bootstrap import open_retention
from ordersaga.commands.errors import PART_FAILED, CommandError
from ordersaga.commands.local import adopt_stack
from ordersaga.commands.remote import AsJson, show_json, show_table
from ordersaga.domain.errors import OrdersagaError
from ordersaga.domain.retention import PERIODS, Forgettable
from ordersaga.domain.values import Message
from ordersaga.settings import SettingsError, read_settings


class Retained(Message):
    """What was forgotten of each table, or would be."""

    dry_run: bool
    tables: tuple[Forgettable, ...]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(retention)


def retention(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be forgotten.")] = False,
    as_json: AsJson = False,
) -> None:
    """Forget answered idempotency keys, delivered messages and notifications, and old runs of reconciliation."""
    adopt_stack()
    try:
        url = read_settings().database_url.get_secret_value()
        done = Retained(dry_run=dry_run, tables=tuple(asyncio.run(_retain(url, dry_run=dry_run))))
    except SettingsError as error:
        raise CommandError(str(error)) from None
    except OrdersagaError as error:
        raise CommandError(f"{error.code}: {error.message}", PART_FAILED) from None
    if as_json:
        show_json(done)
    else:
        rows = ((each.table, f"{each.kept.days} days", each.rows) for each in done.tables)
        show_table("Would be forgotten" if dry_run else "Forgotten", ("table", "kept for", "rows"), rows)


async def _retain(url: str, *, dry_run: bool) -> Sequence[Forgettable]:
    async with open_retention(url) as kept:
        if dry_run:
            return await kept.due()
        forgotten: Counter[str] = Counter()
        while batch := {each.table: each.rows for each in await kept.forget() if each.rows}:
            forgotten.update(batch)
    return [Forgettable(table=table, kept=period, rows=forgotten[table]) for table, period in PERIODS.items()]

"""`ordersaga order history`: what an order's workflows did, from Temporal, or from the archive of what it threw away.

It asks Temporal and the folder themselves, and no API: histories name people where nothing is encrypted. Exit codes:
0 done; 1 there is no history, a file of it is damaged, or the folder is not there; 2 wrong usage; 3 Temporal cannot be
reached.
"""

import asyncio
from collections.abc import Sequence

import typer

from ordersaga.archive import Folder, ToldHistory, events_of, histories_of
from ordersaga.commands.archive import told_plainly
from ordersaga.commands.errors import FAILED, USAGE, CommandError
from ordersaga.commands.local import adopt_stack
from ordersaga.commands.order_changes import OrderIdArgument
from ordersaga.commands.remote import AsJson, show_json, show_table
from ordersaga.domain.errors import OperatorError
from ordersaga.domain.identifiers import owner_of_workflow, workflow_id
from ordersaga.privacy.codec import data_converter
from ordersaga.settings import Settings, read_settings
from ordersaga.temporal_connection import connect_orders


def add_to(app: typer.Typer) -> None:
    """Add the command to the group."""
    app.command()(history)


def history(order_id: OrderIdArgument, as_json: AsJson = False) -> None:
    """Show what an order's workflows did, event by event: from Temporal, else from the archive."""
    if owner_of_workflow(workflow_id(order_id)) is None:
        raise CommandError(f"{order_id!r} is no order's id: letters, digits and _ only", USAGE)
    adopt_stack()
    with told_plainly():
        found = asyncio.run(_found(read_settings(), order_id))
    if as_json:
        show_json(found)
        return
    for each in found:
        rows = ((event.at[:19].replace("T", " "), event.what, event.name) for event in events_of(each.history))
        show_table(f"{each.workflow_id}, from {_source(each)}", ("at", "what", "name"), rows)


async def _found(settings: Settings, order_id: str) -> Sequence[ToldHistory]:
    folder = Folder(settings.archive) if settings.archive else None
    away = _unusable(folder) if folder else None
    orders = await connect_orders(settings, data_converter(None))
    found = await histories_of(orders.temporal, folder if away is None else None, order_id)
    if away is not None:
        if not found:
            raise away
        typer.echo(f"{away.code}: {away.message}; what only the archive has is not shown", err=True)
    if not found:
        archive = "nor has the archive" if folder else "and ORDERSAGA_ARCHIVE names no archive"
        raise CommandError(f"Temporal has no history of {order_id}, {archive}", FAILED)
    return found


def _unusable(folder: Folder) -> OperatorError | None:
    """Why nobody can look into it from here."""
    try:
        folder.require(writes=False)
    except OperatorError as error:
        return error
    return None


def _source(told: ToldHistory) -> str:
    return "Temporal" if told.source == "temporal" else "the archive"

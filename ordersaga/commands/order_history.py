"""`ordersaga order history`: what an order's workflows did, from Temporal, or from the archive of what it threw away.

It asks Temporal and the folder themselves, and no API: histories name people where nothing is encrypted. Exit codes:
0 done; 1 there is no history, or a file of it is damaged; 2 wrong usage; 3 Temporal cannot be reached.
"""

import asyncio
from collections.abc import Sequence

import typer

from ordersaga.archive import Folder, ToldHistory, events_of, histories_of
from ordersaga.commands.errors import FAILED, PART_FAILED, USAGE, CommandError
from ordersaga.commands.local import adopt_stack
from ordersaga.commands.order_changes import OrderIdArgument
from ordersaga.commands.remote import AsJson, show_json, show_table
from ordersaga.domain.errors import OrdersagaError, RetryError
from ordersaga.domain.identifiers import owner_of_workflow, workflow_id
from ordersaga.privacy.codec import data_converter
from ordersaga.settings import Settings, SettingsError, read_settings
from ordersaga.temporal_connection import orders_asked


def add_to(app: typer.Typer) -> None:
    """Add the command to the group."""
    app.command()(history)


def history(order_id: OrderIdArgument, as_json: AsJson = False) -> None:
    """Show what an order's workflows did, event by event: from Temporal, else from the archive."""
    if owner_of_workflow(workflow_id(order_id)) is None:
        raise CommandError(f"{order_id!r} is no order's id: letters, digits and _ only", USAGE)
    adopt_stack()
    try:
        found = asyncio.run(_found(read_settings(), order_id))
    except SettingsError as error:
        raise CommandError(str(error), USAGE) from None
    except OrdersagaError as error:
        code = PART_FAILED if isinstance(error, RetryError) else FAILED
        raise CommandError(f"{error.code}: {error.message}", code) from None
    if as_json:
        show_json(found)
        return
    for each in found:
        rows = ((event.at[:19].replace("T", " "), event.what, event.name) for event in events_of(each.history))
        show_table(f"{each.workflow_id}, from {_source(each)}", ("at", "what", "name"), rows)


async def _found(settings: Settings, order_id: str) -> Sequence[ToldHistory]:
    folder = Folder(settings.archive) if settings.archive else None
    async with orders_asked(settings, data_converter(None)) as orders:
        found = await histories_of(orders.temporal, folder, order_id)
    if not found:
        archive = "nor has the archive" if folder else "and ORDERSAGA_ARCHIVE names no archive"
        raise CommandError(f"Temporal has no history of {order_id}, {archive}", FAILED)
    return found


def _source(told: ToldHistory) -> str:
    return "Temporal" if told.source == "temporal" else "the archive"

"""`ordersaga erase`: a person's data is erased for good, through the HTTP API."""

from typing import Annotated, Final

import typer

from ordersaga.api.erasure_shapes import ErasedOrder, ErasureAnswer
from ordersaga.commands.errors import PART_FAILED, USAGE, CommandError
from ordersaga.commands.remote import ApiKey, ApiUrl, AsJson, By, call, given, show_json, show_table
from ordersaga.domain.erasure import Verdict

_UNDONE: Final = (Verdict.WAITS, Verdict.NOT_ENCRYPTED)


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command()(erase)


def erase(
    reference: Annotated[str, typer.Option(help="The number of the request for erasure; kept for good: no name.")],
    order_id: Annotated[str | None, typer.Argument(help="Whose personal data.")] = None,
    buyer: Annotated[str | None, typer.Option(help="All orders of this buyer instead: the channel's id.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be erased.")] = False,
    by: By = None,
    as_json: AsJson = False,
    api_url: ApiUrl = "",
    api_key: ApiKey = "",
) -> None:
    """Erase the personal data of an order, or of a buyer's orders, for good. Exit code 3: some of it is still there."""
    if (order_id is None) == (buyer is None):
        raise CommandError("name an order, or give --buyer", USAGE)
    body = given(order_id=order_id, buyer=buyer, reference=reference, dry_run=dry_run, by=by)
    answer = call(api_url, api_key, lambda api: api.call("POST", "/v1/erasures", ErasureAnswer, json=body))
    if as_json:
        show_json(answer)
    else:
        rows = ((each.order_id, each.verdict.value, each.why, each.erased_at, _left(each)) for each in answer.orders)
        show_table("Would be erased" if dry_run else "Erased", ("order", "verdict", "why", "at", "not erased"), rows)
    if any(each.verdict in _UNDONE or each.remains for each in answer.orders):
        raise typer.Exit(PART_FAILED)


def _left(order: ErasedOrder) -> str:
    """What is readable all the same."""
    return "; ".join(f"{each.where}{f' until {each.until:%Y-%m-%d}' if each.until else ''}" for each in order.remains)

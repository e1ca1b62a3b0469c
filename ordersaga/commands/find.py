"""`ordersaga find`: orders by what somebody has in their hands, through the HTTP API.

Exit codes: 0 found; 1 nothing was found, or the API refused; 2 wrong usage, or no valid key; 3 no API.
"""

from typing import Annotated

import typer

from ordersaga.api.search_shapes import FoundOrder, FoundPage
from ordersaga.commands.errors import FAILED, CommandError
from ordersaga.commands.order import summary_row
from ordersaga.commands.remote import ApiKey, ApiUrl, AsJson, call, given, show_json, show_table


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(find)


def find(
    text: Annotated[str, typer.Argument(help="An order's id or how it begins, a buyer, tracking number, SKU, seller.")],
    limit: Annotated[int, typer.Option(min=1, max=200)] = 50,
    cursor: Annotated[str | None, typer.Option(help="From the page before.")] = None,
    as_json: AsJson = False,
    api_url: ApiUrl = "",
    api_key: ApiKey = "",
) -> None:
    """Find orders, newest first."""
    params = given(q=text, limit=limit, cursor=cursor)
    page = call(api_url, api_key, lambda api: api.call("GET", "/v1/search", FoundPage, params=params))
    if as_json:
        show_json(page)
    elif page.orders:
        columns = ("order", "seller", "status", "total", "accepted", "reason", "found by")
        show_table("Found", columns, map(_row, page.orders))
        if page.next_cursor:
            typer.echo(f"more: --cursor {page.next_cursor}")
    if not page.orders:
        raise CommandError(f"nothing is found by {text}; numbers and names count whole, as they are spelled", FAILED)


def _row(order: FoundOrder) -> tuple[object, ...]:
    return *summary_row(order), ", ".join(each.replace("_", " ") for each in order.matched)

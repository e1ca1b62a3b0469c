"""`ordersaga order books`, `links`: what the ledgers hold of an order, and where else it can be looked at.

Exit codes: 0 done; 1 the API refused; 2 wrong usage, or no valid key; 3 no API.
"""

import typer

from ordersaga.api.order_books import OrderBooks
from ordersaga.api.order_links import OrderLinks
from ordersaga.commands.order_changes import OrderIdArgument
from ordersaga.commands.remote import ApiKey, ApiUrl, AsJson, call, show, show_table
from ordersaga.domain.amounts import format_amount
from ordersaga.http_client import part


def add_to(app: typer.Typer) -> None:
    """Add the commands to the group."""
    app.command()(books)
    app.command()(links)


def books(order_id: OrderIdArgument, as_json: AsJson = False, api_url: ApiUrl = "", api_key: ApiKey = "") -> None:
    """Show both ledgers of an order, line by line: its money and its units."""
    path = f"/v1/orders/{part(order_id)}/books"
    show(call(api_url, api_key, lambda api: api.call("GET", path, OrderBooks)), _show_books, as_json=as_json)


def links(order_id: OrderIdArgument, as_json: AsJson = False, api_url: ApiUrl = "", api_key: ApiKey = "") -> None:
    """Show where else an order can be looked at: Temporal's UI, payments, providers' orders, labels."""
    path = f"/v1/orders/{part(order_id)}/links"
    show(call(api_url, api_key, lambda api: api.call("GET", path, OrderLinks)), _show_links, as_json=as_json)


def _show_books(found: OrderBooks) -> None:
    totals = ((each.account, format_amount(each.amount, found.currency)) for each in found.money_totals)
    show_table("Money: what stands in each account", ("account", "amount"), totals)
    money = (
        (f"{line.posted_at:%m-%d %H:%M:%S}", line.memo, line.account, format_amount(line.amount, found.currency))
        for line in found.money
    )
    show_table("Money, line by line", ("at", "what", "account", "amount"), money)
    held = ((each.account, each.sku, each.quantity) for each in found.unit_totals)
    show_table("Units: what stands in each account", ("account", "sku", "units"), held)
    units = (
        (
            f"{line.moved_at:%m-%d %H:%M:%S}",
            f"{line.kind}: {line.account_from} to {line.account_to}",
            line.location,
            line.sku,
            line.quantity,
        )
        for line in found.units
    )
    show_table("Units, line by line", ("at", "what", "where", "sku", "units"), units)


def _show_links(found: OrderLinks) -> None:
    rows = ((link.what, link.parcel or "", link.name, link.url) for link in found.links)
    show_table(f"{found.order_id} elsewhere", ("what", "parcel", "id", "page"), rows)

"""`ordersaga return request`, `show`, `list`, `receive`, `cancel`, `explain`, through the HTTP API.

Exit codes: 0 done; 1 refused, with what can be done instead; 2 wrong usage; 3 no API.
"""

import re
from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal

import typer

from ordersaga.api.return_shapes import ReturnDocument
from ordersaga.commands.errors import USAGE, CommandError
from ordersaga.commands.order_changes import Preview, show_foretold
from ordersaga.commands.remote import ApiKey, ApiUrl, AsJson, Repeat, call, show_json, show_pairs, show_table
from ordersaga.domain.amounts import format_amount
from ordersaga.domain.return_rules import words
from ordersaga.http_client import part

OrderIdArgument = Annotated[str, typer.Argument(metavar="ORDER_ID")]
ReturnIdArgument = Annotated[str, typer.Argument(metavar="RETURN_ID", help="Such as web_1-r1.")]
Lines = Annotated[list[str], typer.Option("--line", metavar="SKU=QTY", help="Units to return; repeatable.")]
Wished = Annotated[
    list[str] | None,
    typer.Option("--for", metavar="SKU=QTY[@PRICE]", help="Instead, at PRICE minor units each; repeatable."),
]
Found = Annotated[list[str] | None, typer.Option(metavar="SKU=QTY", help="Units found so; repeatable.")]

_LINE: Final = re.compile(r"(?P<sku>[A-Za-z0-9_.\-]{1,64})=(?P<quantity>[1-9][0-9]{0,4})(?:@(?P<price>[0-9]{1,12}))?")

GoodsReason = Literal["unwanted", "damaged", "wrong_item", "not_as_described"]
"""Of goods that come back; goodwill, for goods that are kept, is `ordersaga order refund`."""

app = typer.Typer(help="Returns: what shoppers send back.", no_args_is_help=True)


def register(root: typer.Typer) -> None:
    """Add the command group."""
    root.add_typer(app, name="return")


@app.command()
def request(
    order_id: OrderIdArgument,
    line: Lines,
    reason: Annotated[GoodsReason, typer.Option(help="Why it comes back.")],
    exchange: Annotated[bool, typer.Option("--exchange", help="The same goods again, or those of --for.")] = False,
    wished: Wished = None,
    parcel: Annotated[int, typer.Option(min=0, max=100, help="0: the one that has these units.")] = 0,
    preview: Preview = False,
    idempotency_key: Repeat = "",
    as_json: AsJson = False,
    api_url: ApiUrl = "",
    api_key: ApiKey = "",
) -> None:
    """Ask to return goods, and hear what the shopper is to do."""
    body: dict[str, Any] = {"lines": _units(line), "reason": reason, "parcel": parcel}
    if exchange or wished:
        body |= {"wish": "exchange", "exchange_for": _units(wished or (), priced=True)}
    if preview:
        show_foretold(api_url, api_key, f"/v1/orders/{part(order_id)}/return-preview", body, as_json=as_json)
        return
    key = idempotency_key or None
    _show(call(api_url, api_key, lambda api: api.request_return(order_id, body, idempotency_key=key)), as_json)


@app.command()
def show(return_id: ReturnIdArgument, as_json: AsJson = False, api_url: ApiUrl = "", api_key: ApiKey = "") -> None:
    """Show one return, with what its workflow says now."""
    _show(call(api_url, api_key, lambda api: api.show_return(return_id, live=True)), as_json)


@app.command("list")
def list_returns(
    order_id: OrderIdArgument, as_json: AsJson = False, api_url: ApiUrl = "", api_key: ApiKey = ""
) -> None:
    """List an order's returns."""
    answer = call(api_url, api_key, lambda api: api.returns(order_id))
    if as_json:
        show_json(answer)
    else:
        show_table("Returns", ("id", "status", "about", "refunded", "reason"), map(_row, answer.returns))


@app.command()
def receive(
    return_id: ReturnIdArgument,
    sellable: Found = None,
    damaged: Found = None,
    missing: Found = None,
    refused: Found = None,
    reason: Annotated[str | None, typer.Option(help="Why units are refused; the shopper is told.")] = None,
    preview: Preview = False,
    as_json: AsJson = False,
    api_url: ApiUrl = "",
    api_key: ApiKey = "",
) -> None:
    """Say what the warehouse found of each unit: it is booked, and the shopper refunded by it."""
    found = {"sellable": sellable, "damaged": damaged, "missing": missing, "refused": refused}
    body = {"lines": _inspected(found), "reason": reason}
    if preview:
        show_foretold(api_url, api_key, f"/v1/returns/{part(return_id)}/receipt-preview", body, as_json=as_json)
        return
    _show(call(api_url, api_key, lambda api: api.receive_return(return_id, body)), as_json)


@app.command()
def cancel(
    return_id: ReturnIdArgument,
    reason: Annotated[str, typer.Option(help="Why; it is kept in the order's story.")] = "not given",
    preview: Preview = False,
    as_json: AsJson = False,
    api_url: ApiUrl = "",
    api_key: ApiKey = "",
) -> None:
    """The shopper keeps the goods."""
    if preview:
        path = f"/v1/returns/{part(return_id)}/cancel-preview"
        show_foretold(api_url, api_key, path, {"reason": reason}, as_json=as_json)
        return
    _show(call(api_url, api_key, lambda api: api.cancel_return(return_id, reason=reason)), as_json)


@app.command()
def explain(return_id: ReturnIdArgument, as_json: AsJson = False, api_url: ApiUrl = "", api_key: ApiKey = "") -> None:
    """Say why a return is where it is."""
    answer = call(api_url, api_key, lambda api: api.explain_return(return_id))
    if as_json:
        show_json(answer)
    else:
        typer.echo(answer.text)


def _show(found: ReturnDocument, as_json: bool) -> None:
    if as_json:
        show_json(found)
    else:
        show_pairs(_facts(found))


def _facts(found: ReturnDocument) -> list[tuple[str, object]]:
    way = " ".join(part for part in (found.carrier, found.tracking_number, found.label_url) if part)
    return [
        ("return", found.return_id),
        ("status", found.status),
        ("reason", found.reason),
        ("about", _about(found)),
        ("label", way or None),
        ("shopper", found.instructions),
        ("refunded", format_amount(found.refunded, found.currency) if found.refunded else None),
        ("exchange", found.exchange_order_id),
        ("waits for", found.live.awaiting if found.live else None),
    ]


def _row(found: ReturnDocument) -> tuple[object, ...]:
    refunded = format_amount(found.refunded, found.currency)
    return found.return_id, found.status, _about(found), refunded, found.reason


def _about(found: ReturnDocument) -> str:
    """The units that come back, or the money for goods that are kept."""
    if found.amount is None:
        return words(found.lines)
    return f"{format_amount(found.amount, found.currency)} back, goods kept"


def _units(given: Sequence[str], *, priced: bool = False) -> list[dict[str, Any]]:
    """`SKU=QTY` as the API takes it; with a price in minor units where one may be given."""
    found = []
    for text in given:
        match = _LINE.fullmatch(text)
        if match is None or (match["price"] and not priced):
            wanted = "SKU=QTY[@PRICE], such as MUG=2@1500" if priced else "SKU=QTY, such as MUG=2"
            raise CommandError(f"{text!r} names no units; write {wanted}", USAGE)
        price = {"unit_price": int(match["price"])} if match["price"] else {}
        found.append({"sku": match["sku"], "quantity": int(match["quantity"]), **price})
    return found


def _inspected(found: dict[str, list[str] | None]) -> list[dict[str, Any]]:
    """One line for each SKU, with how many units were found how."""
    lines: dict[str, dict[str, Any]] = {}
    for kind, given in found.items():
        for units in _units(given or ()):
            lines.setdefault(units["sku"], {"sku": units["sku"]})[kind] = units["quantity"]
    if not lines:
        raise CommandError("say what was found: --sellable, --damaged, --missing or --refused SKU=QTY", USAGE)
    return list(lines.values())

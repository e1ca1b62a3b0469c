"""`ordersaga order`: place, show, list, timeline, explain, hold, release, through the HTTP API.

Cancellation and changes stand in `ordersaga.commands.order_changes`, its ledgers in `order_records`, its
history in `order_history`.
"""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from ordersaga.api.order_books import OrderBooks
from ordersaga.api.shapes import OrderDocument, OrderSummary, ParcelPlace, PlacedOrder, WaitingPlace
from ordersaga.catalog_csv import CsvFileError
from ordersaga.commands import order_changes, order_history, order_records
from ordersaga.commands.errors import FAILED, USAGE, CommandError
from ordersaga.commands.order_changes import OrderIdArgument, Preview, Reason, Wait, show_foretold
from ordersaga.commands.remote import ApiKey, ApiUrl, AsJson, Repeat, call, show_json, show_pairs, show_table, steps
from ordersaga.domain.amounts import format_amount
from ordersaga.domain.books import Account
from ordersaga.http_client import ApiClient, ApiError, part
from ordersaga.orders_csv import parse_orders
from workflows.messages import OrderView

app = typer.Typer(help="Orders: place, look at, cancel, change, hold.", no_args_is_help=True)
order_changes.add_to(app)
order_records.add_to(app)
order_history.add_to(app)


def register(root: typer.Typer) -> None:
    """Add the command group."""
    root.add_typer(app, name="order")


@app.command()
def place(
    file: Annotated[Path, typer.Argument(help="orders.csv, or one order as JSON; - reads JSON from stdin.")],
    wait: Wait = 10,
    idempotency_key: Repeat = "",
    as_json: AsJson = False,
    api_url: ApiUrl = "",
    api_key: ApiKey = "",
) -> None:
    """Place the orders of a file. Placing a file again places nothing twice: orders with an order_id are known.

    Exit code 1 if any was refused; with --json its answer stands among the others, as problem details.
    """
    bodies = _read_orders(file)

    async def work(api: ApiClient) -> list[tuple[str, PlacedOrder | ApiError]]:
        results = []
        with steps("placing", len(bodies)) as placed:
            for body in bodies:
                results.append(await _place(api, body, wait, idempotency_key or None))
                placed()
        return results

    results = call(api_url, api_key, work)
    if as_json:
        show_json([result.body if isinstance(result, ApiError) else result for _, result in results])
    else:
        show_table("Placed", ("order", "status", "outcome", "total", "detail"), map(_placed_row, results))
    _fail_if_refused([(name, result) for name, result in results if isinstance(result, ApiError)])


async def _place(
    api: ApiClient, body: dict[str, Any], wait: int, key: str | None
) -> tuple[str, PlacedOrder | ApiError]:
    name = str(body.get("order_id") or "(new)")
    try:
        placed = await api.place(body, wait=wait, idempotency_key=key)
    except ApiError as error:
        if error.status == 401:
            raise
        return name, error
    return placed.order.order_id, placed.order


def _placed_row(result: tuple[str, PlacedOrder | ApiError]) -> tuple[object, ...]:
    name, answer = result
    if isinstance(answer, ApiError):
        return name, "refused", answer.code, "", answer.told().removeprefix(f"{answer.code}: ")
    step = answer.next_action.url or answer.next_action.kind if answer.next_action else answer.reason
    if answer.waiting:
        step = in_line(answer.waiting)
    elif answer.promised == "later" and answer.ship_by:
        step = f"ships later than usual, by {answer.ship_by:%Y-%m-%d %H:%M} UTC"
    return name, answer.status, answer.outcome or "not yet", format_amount(answer.total, answer.currency), step


def in_line(place: WaitingPlace) -> str:
    """A place in line, in words."""
    return f"place {place.place} in line for {', '.join(place.lacking)}, until {place.until:%Y-%m-%d %H:%M} UTC"


def _fail_if_refused(refused: list[tuple[str, ApiError]]) -> None:
    if refused:
        name, error = refused[0]
        raise CommandError(f"{len(refused)} order(s) refused; {name}: {error.told()}", FAILED)


def _read_orders(file: Path) -> list[dict[str, Any]]:
    try:
        content = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
        if file.suffix.lower() == ".csv":
            return [order.model_dump(mode="json", exclude_none=True) for order in parse_orders(content)]
        body = json.loads(content)
        json.dumps(body, allow_nan=False, ensure_ascii=False).encode()  # NaN, and halves of characters, cannot be sent
    except OSError as error:
        raise CommandError(f"cannot read {file}: {error.strerror}", USAGE) from error
    except CsvFileError as error:
        raise CommandError(
            "\n".join([f"{file} was refused, nothing was placed:", *map(str, error.problems)])
        ) from error
    except (ValueError, RecursionError) as error:
        raise CommandError(f"{file} is no JSON: {error}; give one order as a JSON object, or a .csv", USAGE) from error
    if not isinstance(body, dict):
        raise CommandError(f"{file} is no order: give one JSON object, or a .csv file for several orders", USAGE)
    return [body]


@app.command()
def show(order_id: OrderIdArgument, as_json: AsJson = False, api_url: ApiUrl = "", api_key: ApiKey = "") -> None:
    """Show one order, with what its saga says now."""

    async def work(api: ApiClient) -> tuple[OrderDocument, OrderBooks | None]:
        return await api.order(order_id, live=True), None if as_json else await _books(api, order_id)

    order, books = call(api_url, api_key, work)
    if as_json:
        show_json(order)
    else:
        show_pairs([*_facts(order), *(_paid(books) if books else ())])
        show_table("Parcels", ("parcel", "from", "provider", "amount", "status", "tracking"), _parcels(order))


async def _books(api: ApiClient, order_id: str) -> OrderBooks | None:
    """The order's books; None for a key that may not see them."""
    try:
        return await api.call("GET", f"/v1/orders/{part(order_id)}/books", OrderBooks)
    except ApiError as error:
        if error.status != 403:
            raise
        return None


def _paid(books: OrderBooks) -> list[tuple[str, object]]:
    """What was taken and given back so far, at the payment company or on the platform."""
    moved = [line.amount for line in books.money if line.account in (Account.CASH, Account.PLATFORM)]
    captured, refunded = sum(each for each in moved if each > 0), -sum(each for each in moved if each < 0)
    return [
        ("captured", format_amount(captured, books.currency) if moved else None),
        ("refunded", format_amount(refunded, books.currency) if refunded else None),
    ]


def _facts(order: OrderDocument) -> list[tuple[str, object]]:
    live = order.live
    return [
        ("order", order.order_id),
        ("status", order.status),
        ("reason", order.reason),
        ("seller", f"{order.seller} ({order.channel})"),
        ("total", format_amount(order.total, order.currency)),
        ("lines", ", ".join(f"{line.quantity} x {line.sku}" for line in order.lines)),
        ("in line", in_line(order.waiting) if order.waiting else None),
        ("ship by", None if order.waiting else f"{order.ship_by:%Y-%m-%d %H:%M} UTC"),
        ("promised", order.promised if order.promised == "later" else None),
        ("elsewhere", "; ".join(map(_elsewhere, order.elsewhere)) or None),
        ("holds", ", ".join(live.holds) if live and live.holds else None),
        ("waits for", live.awaiting if live else None),
    ]


def _elsewhere(place: ParcelPlace) -> str:
    return f"parcel {place.parcel} goes to {place.city}, {place.region}, {place.country}"


def _parcels(order: OrderDocument) -> list[tuple[object, ...]]:
    live = {parcel.plan.parcel: parcel for parcel in order.live.parcels} if order.live else {}
    return [
        (
            plan.parcel,
            plan.location,
            plan.provider,
            format_amount(plan.amount, order.currency),
            live[plan.parcel].status if plan.parcel in live else "",
            live[plan.parcel].tracking_number if plan.parcel in live else "",
        )
        for plan in order.parcels
    ]


@app.command("list")
def list_orders(
    status: Annotated[str | None, typer.Option(help="Such as needs_attention.")] = None,
    seller: Annotated[str | None, typer.Option()] = None,
    channel: Annotated[str | None, typer.Option()] = None,
    limit: Annotated[int, typer.Option(min=1, max=200)] = 50,
    cursor: Annotated[str | None, typer.Option(help="From the page before.")] = None,
    as_json: AsJson = False,
    api_url: ApiUrl = "",
    api_key: ApiKey = "",
) -> None:
    """List orders, newest first."""
    filters = {"status": status, "seller": seller, "channel": channel, "cursor": cursor}
    page = call(api_url, api_key, lambda api: api.orders(limit=limit, **filters))
    if as_json:
        show_json(page)
        return
    columns = ("order", "seller", "status", "total", "accepted", "reason")
    empty = "no order matches" if any(filters.values()) else "there are no orders"
    show_table("Orders", columns, map(summary_row, page.orders), empty=empty)
    if page.next_cursor:
        typer.echo(f"more: --cursor {page.next_cursor}")


def summary_row(order: OrderSummary) -> tuple[object, ...]:
    """The cells of an order in a list: order, seller, status, total, accepted, reason."""
    accepted = order.accepted_at.strftime("%m-%d %H:%M")
    total = format_amount(order.total, order.currency)
    why = in_line(order.waiting) if order.waiting else order.reason
    return order.order_id, order.seller, order.status, total, accepted, why


@app.command()
def timeline(order_id: OrderIdArgument, as_json: AsJson = False, api_url: ApiUrl = "", api_key: ApiKey = "") -> None:
    """Tell an order's story: journal, effects, messages."""
    story = call(api_url, api_key, lambda api: api.timeline(order_id))
    if as_json:
        show_json(story)
    else:
        rows = (
            (entry.at.strftime("%m-%d %H:%M:%S"), entry.source, entry.parcel or "", entry.text)
            for entry in story.entries
        )
        show_table(order_id, ("at", "source", "parcel", "what"), rows)


@app.command()
def explain(order_id: OrderIdArgument, as_json: AsJson = False, api_url: ApiUrl = "", api_key: ApiKey = "") -> None:
    """Say why an order is where it is."""
    answer = call(api_url, api_key, lambda api: api.explain(order_id))
    if as_json:
        show_json(answer)
    else:
        typer.echo(answer.text)


@app.command()
def hold(
    order_id: OrderIdArgument,
    kind: Annotated[str, typer.Argument(help="Such as fraud_review.")],
    preview: Preview = False,
    reason: Reason = "not given",
    as_json: AsJson = False,
    api_url: ApiUrl = "",
    api_key: ApiKey = "",
) -> None:
    """Keep an order from being handed over until the hold is released."""
    if preview:
        path, body = f"/v1/orders/{part(order_id)}/hold-preview", {"kind": kind, "reason": reason}
        show_foretold(api_url, api_key, path, body, as_json=as_json)
    else:
        _show_view(call(api_url, api_key, lambda api: api.hold(order_id, kind, reason=reason)), as_json)


@app.command()
def release(
    order_id: OrderIdArgument,
    kind: Annotated[str, typer.Argument(help="The hold's kind.")],
    preview: Preview = False,
    reason: Reason = "not given",
    as_json: AsJson = False,
    api_url: ApiUrl = "",
    api_key: ApiKey = "",
) -> None:
    """Release a hold."""
    if preview:
        path, body = f"/v1/orders/{part(order_id)}/release-preview", {"kind": kind, "reason": reason}
        show_foretold(api_url, api_key, path, body, as_json=as_json)
    else:
        _show_view(call(api_url, api_key, lambda api: api.release(order_id, kind, reason=reason)), as_json)


def _show_view(view: OrderView, as_json: bool) -> None:
    if as_json:
        show_json(view)
    else:
        show_pairs([("order", view.order_id), ("status", view.status), ("holds", ", ".join(view.holds) or "none")])

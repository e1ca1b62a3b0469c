"""`ordersaga order cancel`, `address`, `expedite`, `split`, `move`, `carrier`, `refund`, `payment`, `delay`.

Exit codes: 0 done, or taken and going on; 1 refused, with what can be done instead; 2 wrong usage; 3 no API.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

import typer

from ordersaga.api.shapes import Arrival
from ordersaga.commands.errors import FAILED, USAGE, CommandError
from ordersaga.commands.remote import NOT_DONE, ApiKey, ApiUrl, AsJson, Repeat, call, show_json, show_pairs, show_table
from ordersaga.domain.amounts import format_amount
from ordersaga.http_client import ApiClient, ChangeName, part
from workflows.foretelling import Foretold
from workflows.messages import CancelAnswer, CanceledPart

OrderIdArgument = Annotated[str, typer.Argument(metavar="ORDER_ID")]
Reason = Annotated[str, typer.Option(help="Why; it is kept in the order's story.")]
Wait = Annotated[int, typer.Option(min=0, max=30, help="Seconds to wait for the outcome.")]
Lines = Annotated[list[str] | None, typer.Option("--line", metavar="SKU=QTY", help="Only these units; repeatable.")]
Parcel = Annotated[int, typer.Argument(metavar="PARCEL", min=1, max=100, help="The parcel's number.")]
AnyParcel = Annotated[int, typer.Option("--parcel", min=0, max=100, help="The parcel's number; 0: not one alone.")]
Preview = Annotated[bool, typer.Option("--preview", help="Only say what it would come to.")]

_PREVIEWS: Final = {"refunds": "refund"}
"""Whose preview has another name."""
_AMOUNT: Final = re.compile(r"[1-9][0-9]{0,12}")
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,8}")


def minor_units(word: str) -> int:
    """An amount as it is given on the command line: digits alone, for 5.00 would be read as five minor units."""
    if not _AMOUNT.fullmatch(word):
        raise typer.BadParameter(f"{word!r}: amounts are minor units: 500 is USD 5.00")
    return int(word)


def add_to(app: typer.Typer) -> None:
    """Add the commands to the group."""
    for command in (cancel, address, expedite, split, move, carrier, refund, payment, delay, arrived):
        app.command()(command)


def cancel(
    order_id: OrderIdArgument,
    line: Lines = None,
    preview: Preview = False,
    reason: Reason = "not given",
    wait: Wait = 10,
    idempotency_key: Repeat = "",
    as_json: AsJson = False,
    api_url: ApiUrl = "",
    api_key: ApiKey = "",
) -> None:
    """Cancel an order, or some units of it, and hear what could be undone."""
    units = read_units(line or ())

    async def work(api: ApiClient) -> CancelAnswer:
        if preview:
            return await api.preview_cancel(order_id, lines=units)
        repeat = idempotency_key or None
        return await api.cancel(order_id, lines=units, reason=reason, wait=wait, idempotency_key=repeat)

    answer = call(api_url, api_key, work)
    if as_json:
        show_json(answer)
    else:
        _show_cancellation(answer)


def _show_cancellation(answer: CancelAnswer) -> None:
    typer.echo(f"{answer.outcome}: {answer.message}")
    by = answer.answer_by.isoformat() if answer.answer_by else None
    show_pairs([("next", answer.next_step or None), ("look again", by)])
    if len(answer.parts) > 1:
        rows = (_part_row(part, answer.currency) for part in answer.parts)
        show_table("Parcels", ("parcel", "outcome", "units", "released", "refunded"), rows)


def _part_row(part: CanceledPart, currency: str) -> tuple[object, ...]:
    units = ", ".join(f"{line.quantity} x {line.sku}" for line in part.lines)
    voided, refunded = format_amount(part.voided, currency), format_amount(part.refunded, currency)
    return part.parcel, part.outcome, units, voided, refunded


def address(
    order_id: OrderIdArgument,
    name: Annotated[str, typer.Option()],
    line1: Annotated[str, typer.Option()],
    city: Annotated[str, typer.Option()],
    region: Annotated[str, typer.Option(help="Code of the state or province.")],
    postal_code: Annotated[str, typer.Option()],
    line2: Annotated[str | None, typer.Option()] = None,
    country: Annotated[str, typer.Option(help="ISO 3166-1 alpha-2.")] = "US",
    phone: Annotated[str | None, typer.Option()] = None,
    email: Annotated[str | None, typer.Option()] = None,
    preview: Preview = False,
    reason: Reason = "not given",
    wait: Wait = 10,
    idempotency_key: Repeat = "",
    as_json: AsJson = False,
    api_url: ApiUrl = "",
    api_key: ApiKey = "",
) -> None:
    """Ship to another address."""
    given = {"name": name, "line1": line1, "line2": line2, "city": city, "region": region, "country": country}
    contact = {"postal_code": postal_code, "phone": phone, "email": email}
    ship_to = {field: text for field, text in (given | contact).items() if text is not None}
    body = {"ship_to": ship_to, "reason": reason}
    _change(api_url, api_key, order_id, "address", body, wait, idempotency_key, as_json, preview)


def expedite(
    order_id: OrderIdArgument,
    parcel: AnyParcel = 0,
    preview: Preview = False,
    reason: Reason = "not given",
    wait: Wait = 10,
    idempotency_key: Repeat = "",
    as_json: AsJson = False,
    api_url: ApiUrl = "",
    api_key: ApiKey = "",
) -> None:
    """Ship by the faster service, at the seller's cost: one parcel, or all that have not left."""
    body = {"parcel": parcel, "reason": reason}
    _change(api_url, api_key, order_id, "expedite", body, wait, idempotency_key, as_json, preview)


def split(
    order_id: OrderIdArgument,
    parcel: Parcel,
    line: Lines = None,
    preview: Preview = False,
    reason: Reason = "not given",
    wait: Wait = 10,
    idempotency_key: Repeat = "",
    as_json: AsJson = False,
    api_url: ApiUrl = "",
    api_key: ApiKey = "",
) -> None:
    """Let units of a parcel leave in a parcel of their own."""
    lines = [{"sku": sku, "quantity": quantity} for sku, quantity in read_units(line or ())]
    if not lines:
        raise CommandError("--line: say which units, as in --line MUG=1", USAGE)
    body = {"parcel": parcel, "lines": lines, "reason": reason}
    _change(api_url, api_key, order_id, "split", body, wait, idempotency_key, as_json, preview)


def move(
    order_id: OrderIdArgument,
    parcel: Parcel,
    location: Annotated[str, typer.Argument(metavar="LOCATION", help="A location of the catalog.")],
    preview: Preview = False,
    reason: Reason = "not given",
    wait: Wait = 10,
    idempotency_key: Repeat = "",
    as_json: AsJson = False,
    api_url: ApiUrl = "",
    api_key: ApiKey = "",
) -> None:
    """Ship a parcel from another location."""
    body = {"parcel": parcel, "location": location, "reason": reason}
    _change(api_url, api_key, order_id, "move", body, wait, idempotency_key, as_json, preview)


def carrier(
    order_id: OrderIdArgument,
    parcel: Parcel,
    carrier: Annotated[str, typer.Argument(metavar="CARRIER", help="Its name in lower case, such as ups.")],
    preview: Preview = False,
    reason: Reason = "not given",
    wait: Wait = 10,
    idempotency_key: Repeat = "",
    as_json: AsJson = False,
    api_url: ApiUrl = "",
    api_key: ApiKey = "",
) -> None:
    """Let another carrier take a parcel."""
    body = {"parcel": parcel, "carrier": carrier, "reason": reason}
    _change(api_url, api_key, order_id, "carrier", body, wait, idempotency_key, as_json, preview)


def refund(
    order_id: OrderIdArgument,
    amount: Annotated[int, typer.Argument(metavar="AMOUNT", parser=minor_units, help="In minor units: 450 is 4.50.")],
    parcel: AnyParcel = 0,
    preview: Preview = False,
    reason: Reason = "not given",
    wait: Wait = 10,
    idempotency_key: Repeat = "",
    as_json: AsJson = False,
    api_url: ApiUrl = "",
    api_key: ApiKey = "",
) -> None:
    """Give money back though the goods are kept, also after the order's end; much of it takes a second person."""
    body = {"amount": amount, "parcel": parcel, "reason": reason}
    _change(api_url, api_key, order_id, "refunds", body, wait, idempotency_key, as_json, preview)


def payment(
    order_id: OrderIdArgument,
    payment_method: Annotated[str, typer.Argument(metavar="PAYMENT_METHOD", help="Such as pm_....")],
    customer: Annotated[str | None, typer.Option(help="Whom it is saved for, cus_....")] = None,
    preview: Preview = False,
    reason: Reason = "not given",
    wait: Wait = 10,
    idempotency_key: Repeat = "",
    as_json: AsJson = False,
    api_url: ApiUrl = "",
    api_key: ApiKey = "",
) -> None:
    """Reserve the amounts anew with another payment method."""
    paid = {"payment_method": payment_method} | ({"customer": customer} if customer else {})
    _change(
        api_url,
        api_key,
        order_id,
        "payment",
        {"payment": paid, "reason": reason},
        wait,
        idempotency_key,
        as_json,
        preview,
    )


def delay(
    order_id: OrderIdArgument,
    consent: Annotated[
        bool | None, typer.Option("--consent/--refuse", help="Keep waiting, or cancel what has not left.")
    ] = None,
    preview: Preview = False,
    reason: Reason = "not given",
    wait: Wait = 10,
    idempotency_key: Repeat = "",
    as_json: AsJson = False,
    api_url: ApiUrl = "",
    api_key: ApiKey = "",
) -> None:
    """Enter the shopper's answer to a delay notice."""
    if consent is None:
        raise CommandError("say what the shopper answered: --consent to keep waiting, or --refuse", USAGE)
    body = {"consent": consent, "reason": reason}
    _change(api_url, api_key, order_id, "delay", body, wait, idempotency_key, as_json, preview)


def read_units(words: Sequence[str]) -> list[tuple[str, int]]:
    """Units as they are given on the command line. CommandError names a word that is none."""
    units = []
    for word in words:
        sku, equals, quantity = word.rpartition("=")
        if not (sku and equals and _NUMBER.fullmatch(quantity)):
            raise CommandError(f"--line {word}: give a SKU and how many of it, as in --line MUG=1", USAGE)
        units.append((sku, int(quantity)))
    return units


def arrived(
    order_id: OrderIdArgument,
    parcel: Parcel,
    preview: Preview = False,
    reason: Reason = "not given",
    as_json: AsJson = False,
    api_url: ApiUrl = "",
    api_key: ApiKey = "",
) -> None:
    """Tell that the shopper has a parcel, where no provider or carrier will."""
    path, body = f"/v1/orders/{part(order_id)}/arrivals", {"parcel": parcel, "reason": reason}
    if preview:
        show_foretold(api_url, api_key, f"/v1/orders/{part(order_id)}/arrival-preview", body, as_json=as_json)
        return
    answer = call(api_url, api_key, lambda api: api.call("POST", path, Arrival, json=body))
    if as_json:
        show_json(answer)
    else:
        typer.echo(f"parcel {answer.parcel} of {answer.order_id}: {answer.status}, the order hears of it next")


def show_foretold(api_url: str, api_key: str, path: str, body: Mapping[str, Any], *, as_json: bool) -> None:
    """Show what an action would come to, as the API's `path` says it; nothing is done. A refusal ends as in earnest."""
    told = call(api_url, api_key, lambda api: api.call("POST", path, Foretold, json=body))
    refused = told.outcome == "refused"
    if as_json:
        show_json(told)
    else:
        for line in (told.outcome, *told.effects, "nothing was done" if refused else NOT_DONE):
            typer.echo(line)
    if refused:
        raise typer.Exit(FAILED)


def _change(
    api_url: str,
    api_key: str,
    order_id: str,
    what: ChangeName,
    body: Mapping[str, Any],
    wait: int,
    repeat: str,
    as_json: bool,
    preview: bool,
) -> None:
    if preview:
        path = f"/v1/orders/{part(order_id)}/{_PREVIEWS.get(what, what)}-preview"
        show_foretold(api_url, api_key, path, body, as_json=as_json)
        return
    answer = call(
        api_url, api_key, lambda api: api.change(order_id, what, body, wait=wait, idempotency_key=repeat or None)
    )
    if as_json:
        show_json(answer)
        return
    typer.echo(f"{answer.outcome}: {answer.message}")
    by = answer.answer_by.isoformat() if answer.answer_by else None
    show_pairs([("change", answer.change_id or None), ("parcel", answer.parcel or None), ("look again", by)])

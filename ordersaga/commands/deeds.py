"""`ordersaga audit deeds`, `sign-ins`, `check`: who did what, who signed in, whether an order's record is as it was
written; through the HTTP API, for whoever has a key and no database.

Exit codes: 0 done; 1 the API refused, or the record was changed; 2 wrong usage, or no valid key; 3 no API.
"""

from typing import Annotated

import typer

from ordersaga.api.audit import DeedList, VerificationView
from ordersaga.api.sessions import SignInList
from ordersaga.commands.errors import FAILED
from ordersaga.commands.order_changes import OrderIdArgument
from ordersaga.commands.remote import ApiKey, ApiUrl, AsJson, call, given, show, show_table
from ordersaga.commands.times import moment
from ordersaga.domain.deeds import Deed
from ordersaga.domain.people import SignIn
from ordersaga.http_client import part

Limit = Annotated[int, typer.Option(min=1, max=500)]


def add_to(app: typer.Typer) -> None:
    """Add the commands to the group."""
    app.command()(deeds)
    app.command("sign-ins")(sign_ins)
    app.command()(check)


def deeds(
    order: Annotated[str | None, typer.Option(metavar="ORDER_ID")] = None,
    by: Annotated[str | None, typer.Option(help="A person, also one that an operator's key acted for.")] = None,
    kind: Annotated[str | None, typer.Option(help="Such as decision, hold, stop_stop; a wrong one names all.")] = None,
    seller: Annotated[str | None, typer.Option()] = None,
    since: Annotated[str | None, typer.Option(metavar="AGE|TIME", help="24h, 7d, or a time; counted in.")] = None,
    until: Annotated[str | None, typer.Option(metavar="AGE|TIME", help="Not counted in.")] = None,
    limit: Limit = 100,
    cursor: Annotated[str | None, typer.Option(help="From the page before.")] = None,
    as_json: AsJson = False,
    api_url: ApiUrl = "",
    api_key: ApiKey = "",
) -> None:
    """List who did what and why, newest first."""
    times = {"since": _moment("--since", since), "until": _moment("--until", until)}
    params = given(order_id=order, by=by, kind=kind, seller=seller, limit=limit, cursor=cursor, **times)
    found = call(api_url, api_key, lambda api: api.call("GET", "/v1/audit/deeds", DeedList, params=params))
    show(found, _show_deeds, as_json=as_json)


def sign_ins(
    limit: Limit = 100,
    before: Annotated[int | None, typer.Option(metavar="ID", min=1, help="Only older ones.")] = None,
    as_json: AsJson = False,
    api_url: ApiUrl = "",
    api_key: ApiKey = "",
) -> None:
    """List who signed in and out of the console, who was refused and why, newest first."""
    params = given(limit=limit, before=before)
    found = call(api_url, api_key, lambda api: api.call("GET", "/v1/sign-ins", SignInList, params=params))
    show(found, _show_sign_ins, as_json=as_json)


def check(order_id: OrderIdArgument, as_json: AsJson = False, api_url: ApiUrl = "", api_key: ApiKey = "") -> None:
    """Ask the API whether an order's record is as it was written; exit code 1 if it is not."""
    path = f"/v1/audit/orders/{part(order_id)}/verification"
    found = call(api_url, api_key, lambda api: api.call("GET", path, VerificationView))
    show(found, _show_verification, as_json=as_json)
    if not found.intact:
        raise typer.Exit(FAILED)


def _moment(option: str, text: str | None) -> str | None:
    """When `24h` ago was, or the time that is given."""
    wrong = f"{option} {text!r} is no age or time; write 90m, 24h, 7d, or 2026-03-01T08:00Z"
    return moment(text, wrong, ago=True).isoformat() if text is not None else None


def _show_deeds(found: DeedList) -> None:
    show_table("Deeds", ("at", "by", "what", "to", "in words"), map(_deed_row, found.deeds))
    if found.next_cursor:
        typer.echo(f"more: --cursor {found.next_cursor}")


def _deed_row(deed: Deed) -> tuple[object, ...]:
    subject = f"{deed.subject}, parcel {deed.parcel}" if deed.parcel else deed.subject
    return f"{deed.at:%Y-%m-%d %H:%M:%S}", deed.by, deed.kind, f"{deed.about} {subject}", deed.text


def _show_sign_ins(found: SignInList) -> None:
    show_table("Sign-ins", ("at", "who", "what", "role", "seller"), map(_sign_in_row, found.sign_ins))
    if found.next_before:
        typer.echo(f"more: --before {found.next_before}")


def _sign_in_row(event: SignIn) -> tuple[object, ...]:
    why = f": {event.reason}" if event.reason else f" by {event.by}" if event.by else ""
    who = event.name or event.subject
    return f"{event.at:%Y-%m-%d %H:%M:%S}", who, f"{event.what}{why}", event.role, event.seller


def _show_verification(found: VerificationView) -> None:
    for each in found.breaks:
        typer.echo(each.what if each.entry is None else f"entry {each.entry}: {each.what}")
    counts = f"entries {found.entries}, seals {found.seals}, unsealed {found.unsealed}, erased {found.erased}"
    typer.echo(f"{'as it was written' if found.intact else 'changed'}: {counts}, breaks {len(found.breaks)}")

"""`ordersaga stop`: hold, let go on or cancel everything that matches, and keep new orders out, through the HTTP API.

Exit codes: 0 done; 1 the API refused; 2 wrong usage, or no valid key; 3 no API.
"""

import asyncio
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from math import isfinite
from typing import Annotated, Any, Final

import typer
from rich.console import Console

from ordersaga.api.stop_shapes import StopCounts, StopDocument, StopList, StopOrderList, StopSum
from ordersaga.commands.errors import USAGE, CommandError
from ordersaga.commands.remote import (
    NOT_DONE,
    ApiKey,
    ApiUrl,
    AsJson,
    By,
    call,
    given,
    show,
    show_pairs,
    show_table,
)
from ordersaga.commands.times import moment
from ordersaga.domain.amounts import format_amount
from ordersaga.domain.stops import Stage, Treatment
from ordersaga.http_client import ApiClient

PATH: Final = "/v1/stops"
LOOK_EVERY: Final = 0.5
_WORDS: Final = "hold, drain (let go on) or cancel"

Reason = Annotated[str, typer.Option(help="Why; it is kept.")]
StopId = Annotated[str, typer.Argument(metavar="STOP_ID")]

app = typer.Typer(help="Stops: hold, let go on or cancel everything that matches; new orders are refused.")


def register(root: typer.Typer) -> None:
    """Add the command group."""
    root.add_typer(app, name="stop")


@app.command()
def create(
    reason: Reason,
    region: Annotated[str | None, typer.Option(help="US, or US-CA.")] = None,
    seller: Annotated[str | None, typer.Option()] = None,
    sku: Annotated[str | None, typer.Option()] = None,
    channel: Annotated[str | None, typer.Option()] = None,
    carrier: Annotated[str | None, typer.Option()] = None,
    provider: Annotated[str | None, typer.Option()] = None,
    policy: Annotated[
        list[str] | None,
        typer.Option(metavar="STAGE=WHAT", help=f"Repeatable; STAGE: {', '.join(Stage)}, or all; WHAT: {_WORDS}."),
    ] = None,
    start: Annotated[
        str | None, typer.Option("--from", metavar="IN|TIME", help="When it takes effect: 30m, 2h, or a time.")
    ] = None,
    until: Annotated[str | None, typer.Option(metavar="IN|TIME", help="When it ends by itself.")] = None,
    look_every: Annotated[float | None, typer.Option(metavar="MINUTES", help="How often it looks again.")] = None,
    legal_reference: Annotated[str, typer.Option(help="The text it rests on.")] = "",
    unlisted: Annotated[bool, typer.Option("--unlisted", help="Also what nobody here knows: a SKU to come.")] = False,
    by: By = None,
    apply: Annotated[bool, typer.Option("--apply", help="Do it; without, only say what would be done.")] = False,
    as_json: AsJson = False,
    api_url: ApiUrl = "",
    api_key: ApiKey = "",
) -> None:
    """Stop everything that matches all that is given; only a dry run unless --apply is given."""
    match = given(region=region, seller=seller, sku=sku, channel=channel, carrier=carrier, provider=provider)
    if not match:
        raise CommandError(
            "nothing is named; give --region, --seller, --sku, --channel, --carrier or --provider", USAGE
        )
    if look_every is not None and not isfinite(look_every):
        raise CommandError(f"--look-every {look_every}: give a number of minutes, such as 5", USAGE)
    begins, ends = _moment("--from", start), _moment("--until", until)
    now = datetime.now(UTC)
    if ends is not None and ends <= max(begins or now, now):
        raise CommandError(f"--until {until}: must lie in the future, and after --from; give a later time", USAGE)
    body = given(
        match=match,
        policy=_policy(policy or []),
        effective_at=begins and begins.isoformat(),
        until=ends and ends.isoformat(),
        look_every_minutes=look_every,
        legal_reference=legal_reference,
        reason=reason,
        by=by,
        unlisted=unlisted or None,
        dry_run=not apply,
    )
    show(_sent(api_url, api_key, "", body), _show_stop, as_json=as_json)


@app.command("list")
def list_stops(
    standing: Annotated[bool, typer.Option("--standing", help="Only those that have not ended.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=500)] = 20,
    as_json: AsJson = False,
    api_url: ApiUrl = "",
    api_key: ApiKey = "",
) -> None:
    """List stops, newest first."""
    params = {"limit": limit, "standing": "true" if standing else "false"}
    answer = call(api_url, api_key, lambda api: api.call("GET", PATH, StopList, params=params))
    show(answer, lambda found: _show_list(found, standing=standing), as_json=as_json)


@app.command("show")
def show_one(
    stop_id: StopId,
    orders: Annotated[bool, typer.Option("--orders", help="What became of each order.")] = False,
    answer: Annotated[str | None, typer.Option(metavar="ANSWER", help="With --orders: could_not, for one.")] = None,
    after: Annotated[str | None, typer.Option(metavar="ORDER_ID", help="With --orders: from the page before.")] = None,
    follow: Annotated[bool, typer.Option("--follow", help="Wait until all its orders were looked at once.")] = False,
    as_json: AsJson = False,
    api_url: ApiUrl = "",
    api_key: ApiKey = "",
) -> None:
    """One stop: how far it is, and what became of the orders."""
    if orders:
        show(_orders(api_url, api_key, stop_id, given(answer=answer, after=after)), _show_orders, as_json=as_json)
    else:
        path = f"{PATH}/{_id(stop_id)}"
        show(call(api_url, api_key, lambda api: _looked(api, path, follow=follow)), _show_stop, as_json=as_json)


async def _looked(api: ApiClient, path: str, *, follow: bool) -> StopDocument:
    """How it stands; with `follow` once all orders were gone through, or it ended: stderr says how far it is."""
    stop = await api.call("GET", path, StopDocument)
    with Console(stderr=True).status(_how_far(stop)) as status:
        while follow and not stop.looks and stop.state != "ended":
            await asyncio.sleep(LOOK_EVERY)
            stop = await api.call("GET", path, StopDocument)
            status.update(_how_far(stop))
    return stop


def _how_far(stop: StopDocument) -> str:
    return f"{stop.state}: {_orders_told(stop.counts.total)} so far"


def _steering(word: str, told: str) -> None:
    """A command that says a word to a stop."""

    def steer(
        stop_id: StopId,
        reason: Reason = "not given",
        preview: Annotated[bool, typer.Option("--preview", help="Only say what it would come to.")] = False,
        by: By = None,
        as_json: AsJson = False,
        api_url: ApiUrl = "",
        api_key: ApiKey = "",
    ) -> None:
        stop = _sent(api_url, api_key, f"/{_id(stop_id)}/{word}", given(reason=reason, by=by), dry_run=preview)
        show(stop, _show_stop, as_json=as_json)
        if preview and not as_json:
            typer.echo(NOT_DONE)

    app.command(word, help=told)(steer)


_steering("pause", "Touch no further order for now; new ones are still refused.")
_steering("resume", "Go on.")
_steering("undo", "Let orders in again, and release what is held; what was canceled stays canceled.")


def _sent(api_url: str, api_key: str, path: str, body: dict[str, Any], *, dry_run: bool = False) -> StopDocument:
    more: dict[str, Any] = {"params": {"dry_run": "true"}} if dry_run else {}
    return call(api_url, api_key, lambda api: api.call("POST", f"{PATH}{path}", StopDocument, json=body, **more))


def _id(stop_id: str) -> str:
    if not re.fullmatch(r"[a-z0-9]{1,35}", stop_id):
        raise CommandError(f"{stop_id!r} is no id of a stop; list them: ordersaga stop list", USAGE)
    return stop_id


def _policy(words: Iterable[str]) -> dict[str, str] | None:
    """`all=cancel` says it for every stage; what comes later wins."""
    policy: dict[str, str] = {}
    for word in words:
        stage, _, what = word.partition("=")
        if stage not in (*Stage, "all") or what not in list(Treatment):
            stages = f"STAGE is one of {', '.join(Stage)}, or all"
            wrong = f"--policy {word!r}: write STAGE=WHAT, such as confirmed=hold; {stages}; WHAT is {_WORDS}"
            raise CommandError(wrong, USAGE)
        policy |= {each.value: what for each in Stage} if stage == "all" else {stage: what}
    return policy or None


def _moment(option: str, text: str | None) -> datetime | None:
    """`2h` from now, or the time that is given."""
    wrong = f"{option} {text!r}: write 30m, 2h, 7d, or a time: 2026-03-01T08:00Z"
    return moment(text, wrong) if text is not None else None


def _show_stop(stop: StopDocument) -> None:
    progress = stop.progress
    show_pairs(
        [
            ("stop", stop.stop_id),
            ("what", stop.match.words()),
            ("nobody knows", ", ".join(stop.unlisted) or None),
            ("status", _status(stop)),
            ("from", f"{stop.effective_at:%Y-%m-%d %H:%M} UTC"),
            ("until", f"{stop.until:%Y-%m-%d %H:%M} UTC" if stop.until else None),
            ("asked by", f"{stop.asked_by}: {stop.reason}"),
            ("rests on", stop.legal_reference or None),
            ("lifted by", None if stop.dry_run else stop.lifted_by),
            ("workflow", f"{progress.phase}, {progress.looks} looks" if progress else None),
        ]
    )
    _show_counts(stop.counts)
    for line in stop.effect:
        typer.echo(line)
    if stop.message:
        typer.echo(stop.message)


def _status(stop: StopDocument) -> str:
    if not stop.dry_run:
        return stop.state
    return "dry run: nothing was done" if stop.state == "ended" else "dry run: not done yet"


def _show_counts(counts: StopCounts) -> None:
    stages = ((each.stage, each.treatment, each.orders, _money(each)) for each in counts.by_stage)
    show_table("By stage", ("stage", "treated", "orders", "amount"), stages)
    sellers = ((each.seller, each.orders, _money(each)) for each in counts.by_seller)
    show_table("By seller", ("seller", "orders", "amount"), sellers)
    answers = ((each.answer, each.orders, _money(each)) for each in counts.by_answer)
    show_table("By answer", ("answer", "orders", "amount"), answers)
    show_pairs([("together", f"{_orders_told(counts.total)}, {_money(counts.total) or 'no money'}")])


def _orders_told(summed: StopSum) -> str:
    return "1 order" if summed.orders == 1 else f"{summed.orders} orders"


def _money(summed: StopSum) -> str:
    return ", ".join(format_amount(amount, currency) for currency, amount in summed.money.items())


def _show_list(found: StopList, *, standing: bool) -> None:
    columns = ("id", "what", "status", "from", "until", "orders", "asked by")
    empty = "nothing is stopped" if standing else "nothing was ever stopped"
    show_table("Stops", columns, map(_row, found.stops), empty=empty)


def _row(stop: StopDocument) -> tuple[object, ...]:
    until = f"{stop.until:%Y-%m-%d %H:%M}" if stop.until else ""
    begins = f"{stop.effective_at:%Y-%m-%d %H:%M}"
    return stop.stop_id, stop.match.words(), _status(stop), begins, until, stop.counts.total.orders, stop.asked_by


def _orders(api_url: str, api_key: str, stop_id: str, wanted: dict[str, str]) -> StopOrderList:
    params = {"limit": 1000, **wanted}
    path = f"{PATH}/{_id(stop_id)}/orders"
    return call(api_url, api_key, lambda api: api.call("GET", path, StopOrderList, params=params))


def _show_orders(found: StopOrderList) -> None:
    rows = (
        (each.order_id, each.stage, each.treatment, each.answer, format_amount(each.money, each.currency), each.detail)
        for each in found.orders
    )
    show_table("Orders", ("order", "stage", "treated", "answer", "amount", "detail"), rows)
    if found.next_after:
        typer.echo(f"more: --after {found.next_after}")

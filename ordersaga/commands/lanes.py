"""`ordersaga lanes`: the lanes to the outside companies, through the HTTP API."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from ordersaga.api.lane_shapes import LaneHistory, LaneList, LaneView
from ordersaga.commands.errors import USAGE, CommandError
from ordersaga.commands.remote import NOT_DONE, ApiKey, ApiUrl, AsJson, By, call, show, show_table
from ordersaga.commands.times import span
from ordersaga.domain.breakers import BreakerState
from ordersaga.http_client import part

Lane = Annotated[str, typer.Argument(help="Such as provider-shipbob; `ordersaga lanes` lists them.")]
Reason = Annotated[str, typer.Option(help="Why; it is kept, and shown to everybody who asks.")]
Preview = Annotated[bool, typer.Option("--preview", help="Only say what it would do.")]
Say = Callable[[LaneView], None]

app = typer.Typer(help="Lanes to the outside companies: their rates, what waits, pauses.")


def register(root: typer.Typer) -> None:
    """Add the command group."""
    root.add_typer(app, name="lanes")


@app.callback(invoke_without_command=True)
def list_lanes(context: typer.Context, as_json: AsJson = False, api_url: ApiUrl = "", api_key: ApiKey = "") -> None:
    """List them: what each may hand out, what waits in it, until when it is paused and why, how its breaker stands."""
    if context.invoked_subcommand is not None:
        return
    show(call(api_url, api_key, lambda api: api.lanes()), _show_list, as_json=as_json)


@app.command()
def history(lane: Lane, as_json: AsJson = False, api_url: ApiUrl = "", api_key: ApiKey = "") -> None:
    """What people did with a lane's breaker: who, when, until when, and why."""
    path = f"/v1/lanes/{part(lane)}/history"
    show(call(api_url, api_key, lambda api: api.call("GET", path, LaneHistory)), _show_history, as_json=as_json)


def _lasting(word: str, told: str, say: Say, what: str, **body: str) -> None:
    """A command that holds for a while."""

    def steer(
        lane: Lane,
        reason: Reason,
        wait: Annotated[str, typer.Option("--for", metavar="TIME", help="How long: 30m, 2h; 7d at most.")] = "30m",
        preview: Preview = False,
        by: By = None,
        as_json: AsJson = False,
        api_url: ApiUrl = "",
        api_key: ApiKey = "",
    ) -> None:
        asked = {**body, "reason": reason, "minutes": _minutes(wait), "by": by}
        view = _steered(api_url, api_key, f"{part(lane)}/{what}", asked, preview=preview)
        show(view, _say_effect if preview else say, as_json=as_json)

    app.command(word, help=told)(steer)


def _ending(word: str, told: str, say: Say, what: str, **body: str) -> None:
    """A command that ends what holds."""

    def steer(
        lane: Lane,
        reason: Reason,
        preview: Preview = False,
        by: By = None,
        as_json: AsJson = False,
        api_url: ApiUrl = "",
        api_key: ApiKey = "",
    ) -> None:
        asked = {**body, "reason": reason, "by": by}
        view = _steered(api_url, api_key, f"{part(lane)}/{what}", asked, preview=preview)
        show(view, _say_effect if preview else say, as_json=as_json)

    app.command(word, help=told)(steer)


def _steered(api_url: str, api_key: str, path: str, asked: dict[str, Any], *, preview: bool) -> LaneView:
    params = {"dry_run": str(preview).lower()}
    return call(
        api_url, api_key, lambda api: api.call("POST", f"/v1/lanes/{path}", LaneView, json=asked, params=params)
    )


def _minutes(text: str) -> float:
    if (length := span(text)) is None:
        raise CommandError(f"--for {text!r} is no time; write 30m, 2h or 1d", USAGE)
    return length / timedelta(minutes=1)


def _say_effect(view: LaneView) -> None:
    for line in view.effect:
        typer.echo(line)
    typer.echo(NOT_DONE)


def _say_pause(view: LaneView) -> None:
    typer.echo(f"{view.lane} is {'paused ' + _paused(view) if view.paused else 'not paused'}")


def _say_breaker(view: LaneView) -> None:
    typer.echo(f"the breaker of {view.lane} is {_breaker(view) or 'closed'}")


_lasting("pause", "Keep a lane's calls back for a while; orders wait, and go on by themselves.", _say_pause, "pause")
_ending("resume", "Let a lane's calls go on before its pause ends.", _say_pause, "resume")
_lasting(
    "open",
    "Call nobody there for a while: parcels that can are shipped from elsewhere, the others wait.",
    _say_breaker,
    "breaker",
    state="open",
)
_lasting("close", "Let its calls pass for a while, whatever fails.", _say_breaker, "breaker", state="closed")
_ending(
    "auto",
    "Leave its breaker to itself again; one that was kept open is tried at once.",
    _say_breaker,
    "breaker",
    state="auto",
)


def _show_list(found: LaneList) -> None:
    columns = ("lane", "a minute", "allowed calls", "waiting", "oldest", "paused", "breaker")
    show_table("Lanes", columns, map(_row, found.lanes))


def _show_history(found: LaneHistory) -> None:
    show_table(f"Breaker of {found.lane}", ("at", "what"), ((_moment(each.at), each.text) for each in found.deeds))


def _row(view: LaneView) -> tuple[object, ...]:
    waiting = "?" if view.backlog is None else view.backlog
    oldest = f"{view.oldest_seconds:.0f} s" if view.oldest_seconds else ""
    return view.lane, _rate(view), _number(view.calls_per_minute), waiting, oldest, _paused(view), _breaker(view)


def _rate(view: LaneView) -> str:
    """What is handed out now, beside what may be where these differ."""
    may, now = _number(view.activities_per_minute), _number(view.handed_out_per_minute)
    return may if may == now or view.backlog is None else f"{now} of {may}"


def _number(value: float | None) -> str:
    return "any" if value is None else f"{value:g}"


def _paused(view: LaneView) -> str:
    if view.paused is None:
        return ""
    return f"until {_moment(view.paused.paused_until)} by {view.paused.by}: {view.paused.reason}"


def _breaker(view: LaneView) -> str:
    """Nothing of one that is closed by itself."""
    breaker = view.breaker
    if breaker is None or (breaker.state is BreakerState.CLOSED and breaker.forced_until is None):
        return ""
    told = f"{breaker.state.value.replace('_', '-')} since {_moment(breaker.since)} by {breaker.by}: {breaker.reason}"
    if breaker.state is BreakerState.OPEN and breaker.next_probe is not None:
        return f"{told}; tried again at {_moment(breaker.next_probe)}"
    return told


def _moment(at: datetime) -> str:
    at = at.astimezone(UTC)
    day = "" if at.date() == datetime.now(UTC).date() else f"{at:%d %b} "
    return f"{day}{at:%H:%M:%S} UTC"

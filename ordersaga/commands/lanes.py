"""`ordersaga lanes`: the lanes to the outside companies, through the HTTP API."""

import re
from datetime import UTC, datetime
from typing import Annotated, Final

import typer

from ordersaga.api.lane_shapes import LaneView
from ordersaga.commands.errors import USAGE, CommandError
from ordersaga.commands.remote import ApiKey, ApiUrl, AsJson, call, show_json, show_table

_MINUTES: Final = {"m": 1, "h": 60, "d": 24 * 60}

Lane = Annotated[str, typer.Argument(help="Such as provider-shipbob; `ordersaga lanes` lists them.")]
Reason = Annotated[str, typer.Option(help="Why; it is kept, and shown to everybody who asks.")]
By = Annotated[str | None, typer.Option(help="The person you act for.")]

app = typer.Typer(help="Lanes to the outside companies: their rates, what waits, pauses.")


def register(root: typer.Typer) -> None:
    """Add the command group."""
    root.add_typer(app, name="lanes")


@app.callback(invoke_without_command=True)
def list_lanes(context: typer.Context, as_json: AsJson = False, api_url: ApiUrl = "", api_key: ApiKey = "") -> None:
    """List them: what each may hand out, what waits in it, until when it is paused and why."""
    if context.invoked_subcommand is not None:
        return
    answer = call(api_url, api_key, lambda api: api.lanes())
    if as_json:
        show_json(answer)
    else:
        show_table(
            "Lanes", ("lane", "a minute", "allowed calls", "waiting", "oldest", "paused"), map(_row, answer.lanes)
        )


@app.command()
def pause(
    lane: Lane,
    reason: Reason,
    wait: Annotated[str, typer.Option("--for", metavar="TIME", help="How long: 30m, 2h; 7d at most.")] = "30m",
    by: By = None,
    as_json: AsJson = False,
    api_url: ApiUrl = "",
    api_key: ApiKey = "",
) -> None:
    """Keep a lane's calls back for a while; orders wait, and go on by themselves when it ends."""
    minutes = _minutes(wait)
    _say(
        call(api_url, api_key, lambda api: api.steer_lane(lane, "pause", reason=reason, minutes=minutes, by=by)),
        as_json,
    )


@app.command()
def resume(
    lane: Lane, reason: Reason, by: By = None, as_json: AsJson = False, api_url: ApiUrl = "", api_key: ApiKey = ""
) -> None:
    """Let a lane's calls go on before its pause ends."""
    _say(call(api_url, api_key, lambda api: api.steer_lane(lane, "resume", reason=reason, by=by)), as_json)


def _minutes(text: str) -> int:
    """`2h` in minutes."""
    if match := re.fullmatch(r"([1-9][0-9]{0,4})([mhd])", text):
        return int(match[1]) * _MINUTES[match[2]]
    raise CommandError(f"--for {text!r} is no time; write 30m, 2h or 1d", USAGE)


def _say(view: LaneView, as_json: bool) -> None:
    if as_json:
        show_json(view)
    else:
        typer.echo(f"{view.lane} is {'paused ' + _paused(view) if view.paused else 'not paused'}")


def _row(view: LaneView) -> tuple[object, ...]:
    waiting = "?" if view.backlog is None else view.backlog
    oldest = f"{view.oldest_seconds:.0f} s" if view.oldest_seconds else ""
    return view.lane, _rate(view), _number(view.calls_per_minute), waiting, oldest, _paused(view)


def _rate(view: LaneView) -> str:
    """What is handed out now, beside what may be where these differ."""
    may, now = _number(view.activities_per_minute), _number(view.handed_out_per_minute)
    return may if may == now or view.backlog is None else f"{now} of {may}"


def _number(value: float | None) -> str:
    return "any" if value is None else f"{value:g}"


def _paused(view: LaneView) -> str:
    if view.paused is None:
        return ""
    until = view.paused.paused_until.astimezone(UTC)
    day = "" if until.date() == datetime.now(UTC).date() else f"{until:%d %b} "
    return f"until {day}{until:%H:%M:%S} UTC by {view.paused.by}: {view.paused.reason}"

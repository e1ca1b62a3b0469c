"""`ordersaga sessions`: who is signed in to the console, and ending a session, through the HTTP API.

Exit codes: 0 done; 1 the API refused; 2 wrong usage, or no valid key; 3 no API.
"""

from datetime import datetime
from typing import Annotated, Final

import typer

from ordersaga.api.sessions import SessionList, SessionRow
from ordersaga.commands.remote import ApiKey, ApiUrl, AsJson, call, show, show_json, show_table
from ordersaga.http_client import part

PATH: Final = "/v1/sessions"

app = typer.Typer(help="Sessions: who is signed in to the console.", no_args_is_help=True)


def register(root: typer.Typer) -> None:
    """Add the command group."""
    root.add_typer(app, name="sessions")


@app.command("list")
def list_sessions(as_json: AsJson = False, api_url: ApiUrl = "", api_key: ApiKey = "") -> None:
    """List the sessions in force, oldest first."""
    show(call(api_url, api_key, lambda api: api.call("GET", PATH, SessionList)), _show_list, as_json=as_json)


@app.command()
def end(
    session_id: Annotated[str, typer.Argument(metavar="SESSION_ID", help="ses_...: see `ordersaga sessions list`.")],
    as_json: AsJson = False,
    api_url: ApiUrl = "",
    api_key: ApiKey = "",
) -> None:
    """Sign a person out at once; it does not keep them from signing in again."""
    call(api_url, api_key, lambda api: api.delete(f"{PATH}/{part(session_id)}"))
    if as_json:
        show_json({"ended": session_id})
    else:
        typer.echo(f"{session_id} is ended")


def _show_list(found: SessionList) -> None:
    columns = ("id", "who", "role", "seller", "since", "last seen", "ends by")
    show_table("Sessions", columns, map(_row, found.sessions))


def _row(session: SessionRow) -> tuple[object, ...]:
    times = map(_moment, (session.created_at, session.last_seen_at, session.expires_at))
    return session.id, session.name, session.role, session.seller or "all", *times


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"

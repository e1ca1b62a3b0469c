"""`ordersaga inbox`: messages of outside companies that could not be delivered, through the HTTP API."""

from typing import Annotated

import typer

from ordersaga.commands.remote import ApiKey, ApiUrl, AsJson, call, show_json, show_table

app = typer.Typer(help="Inbox: messages of outside companies that could not be delivered.", no_args_is_help=True)


def register(root: typer.Typer) -> None:
    """Add the command group."""
    root.add_typer(app, name="inbox")


@app.command("list")
def list_failed(as_json: AsJson = False, api_url: ApiUrl = "", api_key: ApiKey = "") -> None:
    """List messages given up on, newest first."""
    answer = call(api_url, api_key, lambda api: api.failed_messages())
    if as_json:
        show_json(answer)
    else:
        columns = ("id", "source", "order", "received", "attempts", "why")
        rows = ((m.id, m.source, m.order_id or "", m.received_at, m.attempts, m.error or "") for m in answer.messages)
        show_table("Inbox", columns, rows, empty="nothing was given up on")


@app.command()
def requeue(
    message_id: Annotated[int, typer.Argument(min=1)],
    as_json: AsJson = False,
    api_url: ApiUrl = "",
    api_key: ApiKey = "",
) -> None:
    """Deliver a message after all, once what was in its way is repaired."""
    found = call(api_url, api_key, lambda api: api.requeue_message(message_id))
    if as_json:
        show_json(found)
    else:
        about = f"order {found.order_id}" if found.order_id else "no order named"
        typer.echo(f"message {found.id} of {found.source} ({found.source_id}, {about}) is delivered again")

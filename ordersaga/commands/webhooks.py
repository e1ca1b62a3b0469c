"""`ordersaga webhooks`: who hears what happens to orders, through the HTTP API."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from ordersaga.commands.errors import USAGE, CommandError
from ordersaga.commands.remote import ApiKey, ApiUrl, AsJson, call, show_json, show_pairs, show_table

app = typer.Typer(help="Webhooks: tell sellers, and the shop, what happens to their orders.", no_args_is_help=True)

EndpointId = Annotated[str, typer.Argument(help="Its id, whe_...: see `ordersaga webhooks list`.")]
Types = Annotated[list[str] | None, typer.Option("--type", help="Only this event type; may be repeated.")]
Seller = Annotated[str | None, typer.Option(help="Only of this seller's orders.")]


def register(root: typer.Typer) -> None:
    """Add the command group."""
    root.add_typer(app, name="webhooks")


@app.command()
def add(
    url: Annotated[str, typer.Argument(help="https://host/path, or mailto:address.")],
    seller: Seller = None,
    types: Types = None,
    as_json: AsJson = False,
    api_url: ApiUrl = "",
    api_key: ApiKey = "",
) -> None:
    """Add an endpoint. Its secret is shown now and never again."""
    made = call(api_url, api_key, lambda api: api.add_endpoint(url, seller=seller, types=types or ()))
    if as_json:
        show_json(made)
    else:
        told = ", ".join(made.types) or "everything"
        show_pairs((("id", made.id), ("url", made.url), ("seller", made.seller), ("hears", told)))
        show_pairs((("secret", made.secret),))


@app.command("list")
def list_endpoints(seller: Seller = None, as_json: AsJson = False, api_url: ApiUrl = "", api_key: ApiKey = "") -> None:
    """List endpoints, oldest first."""
    answer = call(api_url, api_key, lambda api: api.endpoints(seller=seller))
    if as_json:
        show_json(answer)
    else:
        columns = ("id", "seller", "url", "hears", "disabled")
        rows = (
            (e.id, e.seller, e.url, ", ".join(e.types) or "everything", e.disabled_reason) for e in answer.endpoints
        )
        show_table("Webhooks", columns, rows)


@app.command()
def remove(endpoint_id: EndpointId, as_json: AsJson = False, api_url: ApiUrl = "", api_key: ApiKey = "") -> None:
    """Send an endpoint nothing any more."""
    call(api_url, api_key, lambda api: api.remove_endpoint(endpoint_id))
    if as_json:
        show_json({"removed": endpoint_id})
    else:
        typer.echo(f"{endpoint_id} is removed")


@app.command("rotate-secret")
def rotate_secret(endpoint_id: EndpointId, as_json: AsJson = False, api_url: ApiUrl = "", api_key: ApiKey = "") -> None:
    """Sign with a new secret, shown now and never again; the old one signs as well for a day."""
    rotated = call(api_url, api_key, lambda api: api.rotate_secret(endpoint_id))
    if as_json:
        show_json(rotated)
    else:
        show_pairs((("id", rotated.id), ("secret", rotated.secret), ("both until", rotated.previous_until)))


@app.command()
def deliveries(
    endpoint_id: EndpointId,
    status: Annotated[str | None, typer.Option(help="pending, delivered or failed.")] = None,
    as_json: AsJson = False,
    api_url: ApiUrl = "",
    api_key: ApiKey = "",
) -> None:
    """List an endpoint's deliveries, newest first, each with its last error."""
    answer = call(api_url, api_key, lambda api: api.deliveries(endpoint_id, status=status))
    if as_json:
        show_json(answer)
    else:
        columns = ("id", "type", "order", "at", "status", "attempts", "next attempt", "why")
        rows = (
            (d.id, d.type, d.order_id, d.at, d.status, d.attempts, d.next_attempt_at, d.last_error)
            for d in answer.deliveries
        )
        show_table("Deliveries", columns, rows)


@app.command()
def replay(
    endpoint_id: EndpointId,
    since: Annotated[str, typer.Option(help="A time such as 2026-03-01T12:00:00Z.")],
    until: Annotated[str | None, typer.Option(help="Before this time; default: now.")] = None,
    types: Types = None,
    as_json: AsJson = False,
    api_url: ApiUrl = "",
    api_key: ApiKey = "",
) -> None:
    """Send events again, with the ids they had."""
    first, end = _moment("--since", since), _moment("--until", until) if until else None
    answer = call(api_url, api_key, lambda api: api.replay(endpoint_id, first, end, types or ()))
    if as_json:
        show_json(answer)
    else:
        typer.echo(f"sent again: {answer.queued}")
        if answer.next_since:
            typer.echo(f"there are more: repeat with --since {answer.next_since.isoformat()}")


def _moment(option: str, text: str) -> datetime:
    """A time; without an offset it is UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise CommandError(f"{option}: {text!r} is no time; write it as 2026-03-01T12:00:00Z", USAGE) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)

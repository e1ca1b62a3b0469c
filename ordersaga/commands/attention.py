"""`ordersaga attention`: questions that wait for a person, and answering them, through the HTTP API."""

from typing import Annotated

import typer

from ordersaga.commands.remote import ApiKey, ApiUrl, AsJson, call, show_json, show_table

app = typer.Typer(help="Attention: what waits for a person.", no_args_is_help=True)


def register(root: typer.Typer) -> None:
    """Add the command group."""
    root.add_typer(app, name="attention")


@app.command("list")
def list_items(as_json: AsJson = False, api_url: ApiUrl = "", api_key: ApiKey = "") -> None:
    """List open questions, oldest first."""
    answer = call(api_url, api_key, lambda api: api.attention())
    if as_json:
        show_json(answer)
    else:
        columns = ("item", "order", "parcel", "question", "choices")
        rows = ((i.item_id, i.order_id, i.parcel or "", i.question, ", ".join(i.choices)) for i in answer.items)
        show_table("Attention", columns, rows)


@app.command()
def resolve(
    item_id: Annotated[str, typer.Argument(metavar="ITEM_ID")],
    choice: Annotated[str, typer.Argument(help="One of the item's choices.")],
    reason: Annotated[str, typer.Option(help="Why; it is kept in the order's story.")],
    order_id: Annotated[str | None, typer.Option(help="If several orders have an item of this id.")] = None,
    as_json: AsJson = False,
    api_url: ApiUrl = "",
    api_key: ApiKey = "",
) -> None:
    """Answer a question with one of its choices."""
    item = call(api_url, api_key, lambda api: api.resolve(item_id, choice, reason=reason, order_id=order_id))
    if as_json:
        show_json(item)
    else:
        typer.echo(f"{item.item_id} of order {item.order_id}: {item.resolved or choice}")

"""`ordersaga stock`: what can be promised, and loading catalog files, through the HTTP API."""

from pathlib import Path
from typing import Annotated

import typer

from ordersaga.catalog_csv import CsvFileError, parse_catalog
from ordersaga.commands.errors import USAGE, CommandError
from ordersaga.commands.remote import ApiKey, ApiUrl, AsJson, call, show_json, show_table

app = typer.Typer(help="Stock: what can be promised; load catalog files.", no_args_is_help=True)


def register(root: typer.Typer) -> None:
    """Add the command group."""
    root.add_typer(app, name="stock")


@app.command("list")
def list_stock(
    location: Annotated[str | None, typer.Option()] = None,
    sku: Annotated[str | None, typer.Option()] = None,
    seller: Annotated[str | None, typer.Option()] = None,
    as_json: AsJson = False,
    api_url: ApiUrl = "",
    api_key: ApiKey = "",
) -> None:
    """List units by location and SKU."""
    stock = call(api_url, api_key, lambda api: api.stock(location=location, sku=sku, seller=seller))
    if as_json:
        show_json(stock)
    else:
        rows = ((row.location, row.sku, row.on_hand, row.held, row.available) for row in stock.levels)
        show_table("Stock", ("location", "sku", "on hand", "held", "available"), rows)


@app.command()
def load(
    file: Annotated[Path, typer.Argument(help="A catalog file, see docs/csv.md.")],
    as_json: AsJson = False,
    api_url: ApiUrl = "",
    api_key: ApiKey = "",
) -> None:
    """Load sellers, locations, products and arrived stock: all of the file, or nothing of it."""
    content = _checked(file)
    loaded = call(api_url, api_key, lambda api: api.load_catalog(content))
    if as_json:
        show_json(loaded)
    else:
        counts = loaded.model_dump()
        typer.echo("loaded " + ", ".join(f"{count} {name}" for name, count in counts.items()))


def _checked(file: Path) -> bytes:
    """The file's content, every bad row being told before anything is sent."""
    try:
        content = file.read_bytes()
        parse_catalog(content)
    except OSError as error:
        raise CommandError(f"cannot read {file}: {error.strerror}", USAGE) from error
    except CsvFileError as error:
        raise CommandError(
            "\n".join([f"{file} was refused, nothing was loaded:", *map(str, error.problems)])
        ) from error
    return content

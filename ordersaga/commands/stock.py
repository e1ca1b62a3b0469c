"""`ordersaga stock`: what can be promised, and loading catalog files, through the HTTP API."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Final

import typer

from ordersaga.api.stock_shapes import CatalogLoaded, StockRow
from ordersaga.catalog_csv import CsvFileError, read_catalog
from ordersaga.commands.errors import USAGE, CommandError
from ordersaga.commands.remote import ApiKey, ApiUrl, AsJson, call, show_json, show_table
from ordersaga.http_client import ApiClient, ApiError

app = typer.Typer(help="Stock: what can be promised; load catalog files.", no_args_is_help=True)

_COLUMNS: Final = ("location", "sku", "on hand", "held", "available", "per buyer", "a day", "waiting")


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
        show_table("Stock", _COLUMNS, map(_row, stock.levels))


def _row(row: StockRow) -> tuple[object, ...]:
    units = (row.location, row.sku, row.on_hand, row.held, row.available)
    return *units, row.max_per_buyer, row.daily_units, row.waiting if row.waitlist or row.waiting else None


@app.command()
def load(
    file: Annotated[Path, typer.Argument(help="A catalog file, see docs/csv.md.")],
    as_json: AsJson = False,
    api_url: ApiUrl = "",
    api_key: ApiKey = "",
) -> None:
    """Load sellers, locations, products and arrived stock: all of the file, or nothing of it."""
    content = _checked(file)
    loaded = call(api_url, api_key, lambda api: _sent(api, file, content))
    if as_json:
        show_json(loaded)
    else:
        counts = loaded.model_dump(exclude={"dry_run"})
        typer.echo("loaded " + ", ".join(f"{count} {name}" for name, count in counts.items()))


def _checked(file: Path) -> bytes:
    """The file's content. What is wrong with its rows the API tells, which knows what they may name."""
    try:
        content = file.read_bytes()
        read_catalog(content)
    except OSError as error:
        raise CommandError(f"cannot read {file}: {error.strerror}", USAGE) from error
    except CsvFileError as error:
        raise _refused(file, map(str, error.problems)) from error
    return content


async def _sent(api: ApiClient, file: Path, content: bytes) -> CatalogLoaded:
    try:
        return await api.load_catalog(content)
    except ApiError as error:
        if error.code != "invalid_csv":
            raise
        problems = (f"{each['field']}: {each['message']}; {each['remedy']}" for each in error.errors)
        raise _refused(file, problems) from error


def _refused(file: Path, problems: Iterable[str]) -> CommandError:
    return CommandError("\n".join([f"{file} was refused, nothing was loaded:", *problems]))

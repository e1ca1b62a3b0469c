"""`ordersaga seller`: onboard sellers from a file and look at them, through the HTTP API.

Exit codes: 0 done; 1 the API refused; 2 wrong usage, or no valid key; 3 no API.
"""

from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import quote

import typer

from ordersaga.api.seller_shapes import SellerApplied, SellerChanges, SellerDocument, SellerList
from ordersaga.api.stock_shapes import CatalogLoaded
from ordersaga.commands.errors import FAILED, USAGE, CommandError
from ordersaga.commands.remote import ApiKey, ApiUrl, AsJson, call, show_json, show_table
from ordersaga.http_client import ApiClient, ApiError
from ordersaga.seller_files import read_seller_file, write_seller_file

PATH: Final = "/v1/sellers"
Seller = Annotated[str, typer.Argument(metavar="SELLER")]

app = typer.Typer(help="Sellers: onboard them from a file, look at them.", no_args_is_help=True)


def register(root: typer.Typer) -> None:
    """Add the command group."""
    root.add_typer(app, name="seller")


@app.command()
def apply(
    file: Annotated[Path, typer.Argument(help="The seller's file (TOML), see docs/sellers.md.")],
    do_it: Annotated[bool, typer.Option("--apply", help="Do it; without, only say what would change.")] = False,
    if_version: Annotated[int | None, typer.Option(help="Only if this is still the version that holds.")] = None,
    by: Annotated[str | None, typer.Option(help="The person you act for; your key stays one person.")] = None,
    as_json: AsJson = False,
    api_url: ApiUrl = "",
    api_key: ApiKey = "",
) -> None:
    """Make the file the seller's profile; only say what would change unless --apply is given."""
    seller, profile = _read(file)
    params = {"dry_run": "false" if do_it else "true"} | ({"by": by} if by else {})
    headers = {"If-Match": f'"{if_version}"'} if if_version is not None else {}
    answer = call(api_url, api_key, lambda api: _put(api, file, seller, json=profile, params=params, headers=headers))
    if as_json:
        show_json(answer)
    else:
        _tell(answer)


async def _put(api: ApiClient, file: Path, seller: str, **options: Any) -> SellerApplied:
    try:
        return await api.call("PUT", _of(seller), SellerApplied, **options)
    except ApiError as error:
        raise _refused(file, error) from error


@app.command()
def catalog(
    seller: Seller,
    file: Annotated[Path, typer.Argument(help="Its products and arrived stock (CSV), see docs/csv.md.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what it would bring.")] = False,
    as_json: AsJson = False,
    api_url: ApiUrl = "",
    api_key: ApiKey = "",
) -> None:
    """Load a seller's products and arrived stock: all of the file, or nothing of it."""
    content = _bytes(file)
    loaded = call(api_url, api_key, lambda api: _load(api, file, seller, content, dry_run))
    if as_json:
        show_json(loaded)
    else:
        said = "would load" if loaded.dry_run else "loaded"
        typer.echo(f"{said} {loaded.products} products, {loaded.receipts} receipts, {loaded.units} units")


async def _load(api: ApiClient, file: Path, seller: str, content: bytes, dry_run: bool) -> CatalogLoaded:
    more: dict[str, Any] = {"content": content, "headers": {"Content-Type": "text/csv"}}
    try:
        params = {"dry_run": str(dry_run).lower()}
        return await api.call("POST", f"{_of(seller)}/catalog", CatalogLoaded, params=params, **more)
    except ApiError as error:
        raise _refused(file, error) from error


@app.command("list")
def list_sellers(as_json: AsJson = False, api_url: ApiUrl = "", api_key: ApiKey = "") -> None:
    """List the sellers that were onboarded."""
    found = call(api_url, api_key, lambda api: api.call("GET", PATH, SellerList))
    if as_json:
        show_json(found)
    else:
        columns = ("id", "name", "version", "locations", "accounts", "not open", "changed", "by")
        show_table("Sellers", columns, map(_row, found.sellers))


@app.command()
def show(
    seller: Seller,
    history: Annotated[bool, typer.Option("--history", help="Every change, the latest first.")] = False,
    as_json: AsJson = False,
    api_url: ApiUrl = "",
    api_key: ApiKey = "",
) -> None:
    """One seller as it was onboarded."""
    if history:
        told = call(api_url, api_key, lambda api: api.call("GET", f"{_of(seller)}/changes", SellerChanges))
        show_json(told)
        return
    found = call(api_url, api_key, lambda api: api.call("GET", _of(seller), SellerDocument))
    if as_json:
        show_json(found)
    else:
        typer.echo(_as_file(found))


@app.command()
def export(seller: Seller, api_url: ApiUrl = "", api_key: ApiKey = "") -> None:
    """Print the file that makes a seller what it is: `ordersaga seller apply` takes it."""
    typer.echo(_as_file(call(api_url, api_key, lambda api: api.call("GET", _of(seller), SellerDocument))))


def _read(file: Path) -> tuple[str, dict[str, Any]]:
    """The seller a file is of, and what it says. Whether that can be, the API tells."""
    try:
        return read_seller_file(_bytes(file))
    except ValueError as error:
        raise CommandError(f"{file}: {error}", USAGE) from error


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise CommandError(f"cannot read {file}: {error.strerror}", USAGE) from error


def _of(seller: str) -> str:
    return f"{PATH}/{quote(seller, safe='')}"


def _refused(file: Path, error: ApiError) -> Exception:
    if not error.errors:
        return error
    told = (f"{each['field']}: {each['message']}; {each['remedy']}" for each in error.errors)
    return CommandError("\n".join([f"{file} was refused, nothing was changed:", *told]), FAILED)


def _tell(answer: SellerApplied) -> None:
    for change in answer.changes:
        typer.echo(str(change))
    if not answer.changes:
        typer.echo(f"{answer.seller} is so already, at version {answer.version}")
    elif answer.dry_run:
        typer.echo(f"a dry run: nothing was changed; {len(answer.changes)} changes with --apply")
    else:
        typer.echo(f"{answer.seller} is at version {answer.version}")
    if answer.not_open and not answer.dry_run:
        typer.echo(f"not open yet: {', '.join(answer.not_open)}; put its secrets where the file says they are")


def _row(each: SellerDocument) -> tuple[object, ...]:
    profile = each.profile
    parts = (len(profile.get("locations", ())), ", ".join(profile.get("accounts", ())), ", ".join(each.not_open))
    return each.seller, profile["name"], each.version, *parts, f"{each.changed_at:%Y-%m-%d %H:%M}", each.changed_by


def _as_file(found: SellerDocument) -> str:
    head = f"# version {found.version}, by {found.changed_by} at {found.changed_at:%Y-%m-%d %H:%M} UTC\n"
    return head + write_seller_file(found.seller, found.profile)

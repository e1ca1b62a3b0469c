"""What commands that talk to the HTTP API share: where it is, how its refusals are told, tables or JSON.

Exit codes: 0 done; 1 the API refused; 2 wrong usage, or no valid key; 3 the API did not answer.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, Final, TypeVar

import typer
from pydantic import BaseModel
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from ordersaga.api_errors import UNEXPECTED
from ordersaga.commands.errors import FAILED, PART_FAILED, USAGE, CommandError
from ordersaga.commands.local import checked_url, fits_header, local_stack
from ordersaga.embedded import RunningStack
from ordersaga.http_client import ApiClient, ApiError, ApiUnreachableError

DEFAULT_URL: Final = "http://127.0.0.1:8080"
URL_NAMES: Final = "--api-url / ORDERSAGA_API_URL"
KEY_NAMES: Final = "--api-key / ORDERSAGA_API_KEY"
NO_STACK: Final = "; or start a stack here: ordersaga up (in another folder: ORDERSAGA_DATA names it)"
WHOLE: Final = frozenset({"order", "status", "accepted", "at", "total", "amount", "id", "item"})
"""Columns whose cells are never broken: people copy and search for them."""
PIPED_WIDTH: Final = 500
NOT_DONE: Final = "nothing was done: leave out --preview to do it"


def _repeatable(key: str) -> str:
    if not fits_header(key):
        raise CommandError("--idempotency-key: use letters, digits and signs of ASCII, such as cart-1001", USAGE)
    return key


ApiUrl = Annotated[str, typer.Option(envvar="ORDERSAGA_API_URL", help="Where the API is.", show_default=False)]
ApiKey = Annotated[str, typer.Option(envvar="ORDERSAGA_API_KEY", help="Your key, osk_....", show_default=False)]
Repeat = Annotated[
    str, typer.Option("--idempotency-key", callback=_repeatable, help="Makes repeating the command harmless.")
]
By = Annotated[str | None, typer.Option(help="The person you act for; your key stays one person.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]

T = TypeVar("T")
B = TypeVar("B", bound=BaseModel)


def call(api_url: str, api_key: str, work: Callable[[ApiClient], Awaitable[T]]) -> T:
    """Run `work` with a client. Without URL and key, those of the stack that `ordersaga up` runs here are used."""
    url, key = address(api_url, api_key)

    async def run() -> T:
        async with ApiClient(url, key) as api:
            return await work(api)

    try:
        return asyncio.run(run())
    except ApiError as error:
        raise CommandError(_told(error), USAGE if error.status == 401 else FAILED) from error
    except ApiUnreachableError as error:
        advice = f"start it (`ordersaga up`) or correct {URL_NAMES}"
        raise CommandError(f"{error}; {advice}", PART_FAILED) from error


def address(api_url: str, api_key: str) -> tuple[str, str]:
    """Where the API is, and the key: as given, else those of the stack that runs here. CommandError without a key."""
    stack = local_stack() if not (api_url and api_key) else None
    url = checked_url(URL_NAMES, api_url or (stack.urls["api"] if stack else DEFAULT_URL))
    key = api_key or _stack_key(stack, url)
    if not key:
        advice = "give --api-key, or set ORDERSAGA_API_KEY"
        raise CommandError(f"no API key: {advice}" + ("" if stack else NO_STACK), USAGE)
    if not fits_header(key):
        raise CommandError(f"{KEY_NAMES}: a key has letters, digits and _ only; give it as it was issued", USAGE)
    return url, key


def _stack_key(stack: RunningStack | None, url: str) -> str:
    """The local stack's operator key, for the local stack only."""
    return stack.keys.get("operator", "") if stack and stack.urls["api"] == url else ""


def _told(error: ApiError) -> str:
    if error.status == 401:
        return f"{error.told()}; correct {KEY_NAMES}"
    if error.code == UNEXPECTED:
        return f"{error.told()}; is it ordersaga's API? correct {URL_NAMES}"
    return error.told()


def given(**members: Any) -> dict[str, Any]:
    """The members that were given."""
    return {name: value for name, value in members.items() if value is not None}


def show(answer: B, told: Callable[[B], None], *, as_json: bool) -> None:
    """Print an answer as JSON, or as `told` tells it to people."""
    if as_json:
        show_json(answer)
    else:
        told(answer)


def show_json(answer: BaseModel | Mapping[str, Any] | Sequence[BaseModel | Mapping[str, Any]]) -> None:
    """Print an answer, or several as an array, as JSON."""
    if isinstance(answer, BaseModel | Mapping):
        typer.echo(_as_json(answer))
    else:
        typer.echo("[" + ",\n".join(map(_as_json, answer)) + "]")


def _as_json(item: BaseModel | Mapping[str, Any]) -> str:
    return item.model_dump_json(indent=2) if isinstance(item, BaseModel) else json.dumps(item, indent=2)


@contextmanager
def steps(what: str, total: int) -> Iterator[Callable[[], None]]:
    """A bar for `total` pieces of work, called after each; on stderr, and only where that is a terminal."""
    console = Console(stderr=True)
    with Progress(console=console, disable=total < 2 or not console.is_terminal, transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda: bar.advance(task)


def show_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], *, empty: str = "") -> None:
    """Print a table; of one without rows the sentence that says so."""
    found = list(rows)
    if not found:
        typer.echo(empty or f"{title}: nothing")
        return
    console = Console()
    if not console.is_terminal:  # read by a program, or in a pager: one line for each row
        console.width = PIPED_WIDTH
    console.print(table_of(title, columns, found))


def table_of(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """A table; cells are printed as they are, never as markup."""
    table = Table(title=escape(title), title_justify="left")
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=column in WHOLE)
    for row in rows:
        table.add_row(*(escape("" if cell is None else str(cell)) for cell in row))
    return table


def show_pairs(pairs: Iterable[tuple[str, object]]) -> None:
    """Print one fact a line; a fact that is None is left out."""
    for name, value in pairs:
        if value is not None:
            typer.echo(f"{name + ':':<12} {value}")

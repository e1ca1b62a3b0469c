"""`ordersaga mcp`: a support assistant's tools over the Model Context Protocol, on stdin and stdout.

Exit codes: 0 its client went away; 2 wrong usage, or no key.
"""

import asyncio
from typing import Annotated

import typer

from ordersaga.assistant import Desk, read_limit, serve
from ordersaga.commands.errors import USAGE, CommandError
from ordersaga.commands.remote import ApiKey, ApiUrl, By, address
from ordersaga.http_client import ApiClient

Limit = Annotated[
    list[str] | None,
    typer.Option(
        metavar="'CCC AMOUNT'",
        help="The most that one cancellation may give back in a currency: 'USD 100.00'. Repeatable; "
        "without it for a currency, only previews.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(mcp)


def mcp(limit: Limit = None, by: By = None, api_url: ApiUrl = "", api_key: ApiKey = "") -> None:
    """Offer an assistant to find, explain, preview and cancel orders, with your key's rights; docs/mcp.md."""
    limits = _limits(limit or [])
    asyncio.run(_serve(*address(api_url, api_key), limits, by))


def _limits(words: list[str]) -> dict[str, int]:
    """Raises CommandError."""
    try:
        return dict(map(read_limit, words))
    except ValueError as error:
        raise CommandError(f"--limit: {error}", USAGE) from None


async def _serve(url: str, key: str, limits: dict[str, int], by: str | None) -> None:
    async with ApiClient(url, key) as api:
        await serve(Desk(api, limits, by)).run_stdio_async()

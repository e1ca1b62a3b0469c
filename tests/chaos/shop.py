"""The whole stack behind proxies, with a catalog that outlasts a long run, its people, and ways to look inside."""

import asyncio
import contextlib
import csv
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Final

import asyncpg

from ordersaga.catalog_csv import parse_catalog
from ordersaga.demo.board import Board
from ordersaga.demo.case import World
from ordersaga.demo.companies import Company
from ordersaga.demo.run import PACE, TIME_SCALE
from ordersaga.demo.run import open_shop as fill_shelves
from ordersaga.domain.catalog import Catalog
from ordersaga.embedded import PORT_NAMES, Stack, StackOptions
from ordersaga.embedded.parts import Reporter
from ordersaga.embedded.postgres import database_url
from ordersaga.embedded.sockets import HOST, free_ports
from ordersaga.http_client import ApiClient
from ordersaga.settings import Settings
from tests.chaos.proxy import Proxy
from tests.chaos.schedule import LINKS, PARTS
from tests.support.emulators import ROOT

PLENTY: Final = 40
SCARCE: Final = "SERUM-LIVE-LTD"
PAYMENT_WINDOW: Final = timedelta(seconds=25)
ANSWER_WITHIN: Final = 20.0
AT_ONCE: Final = 2_000
"""Shoppers who may be at the checkout together: nobody waits outside for others."""
_BEHIND: Final = {"webhooks": "api", "checkout": "api"}
"""Links whose far end is called otherwise."""


@dataclass
class Shop:
    """A running stack; `links`: the network between its parts, by name (`LINKS`)."""

    stack: Stack
    world: World
    catalog: Catalog
    links: dict[str, Proxy] = field(default_factory=dict)

    @property
    def database(self) -> str:
        """The database's address, past every proxy."""
        return database_url(self.stack.data, self.stack.options.port("postgres"))

    async def value(self, query: str) -> int:
        """One number of the database. Raises what asyncpg raises, and TimeoutError."""
        connection = await asyncpg.connect(self.database, timeout=3)
        try:
            return int(await connection.fetchval(query, timeout=5) or 0)
        finally:
            connection.terminate()

    async def heal(self) -> None:
        """End every fault and return when every part answers."""
        for link in self.links.values():
            await link.heal()
        for part in PARTS:
            await self.stack.thaw(part)
        for part in PARTS:
            await self.stack.wait_ready(part, 120)


@contextlib.asynccontextmanager
async def open_shop(data: Path, report: Reporter | None = None) -> AsyncIterator[Shop]:
    """A stack of its own in `data`, stopped at the end."""
    ports = free_ports((*PORT_NAMES, *(f"seen {link}" for link in LINKS)))
    links = {link: Proxy(link, ports[f"seen {link}"], ports[_BEHIND.get(link, link)]) for link in LINKS}
    options = StackOptions(data=data, time_scale=TIME_SCALE, seen_ports=_seen(ports)).with_ports(
        {name: ports[name] for name in PORT_NAMES}
    )
    settings = Settings(_env_file=None).model_copy(update={**PACE, "payment_window": PAYMENT_WINDOW})
    content = plentiful((ROOT / "examples" / "catalog.csv").read_text(encoding="utf-8"))
    async with contextlib.AsyncExitStack() as opened:
        for link in links.values():
            await opened.enter_async_context(link)
        stack = await opened.enter_async_context(Stack(options, settings, report))
        world = await _world(opened, stack, ports["seen checkout"])
        await fill_shelves(world, content)
        yield Shop(stack, world, parse_catalog(content), links)


def plentiful(catalog: str) -> bytes:
    """The catalog with more of everything but one: a long run must not end in empty shelves alone."""
    reader = csv.DictReader(io.StringIO(catalog))
    written = io.StringIO()
    writer = csv.DictWriter(written, fieldnames=reader.fieldnames or [])
    writer.writeheader()
    for row in reader:
        if row["kind"] == "stock" and row["sku"] != SCARCE:
            row["quantity"] = str(int(row["quantity"]) * PLENTY)
        writer.writerow(row)
    return written.getvalue().encode()


def _seen(ports: dict[str, int]) -> dict[str, int]:
    """Where the parts find one another: emulators find the API behind `webhooks`."""
    named = {link: link for link in LINKS if link not in _BEHIND} | {"api": "webhooks"}
    return {name: ports[f"seen {link}"] for name, link in named.items()}


async def _world(opened: contextlib.AsyncExitStack, stack: Stack, checkout_port: int) -> World:
    """Shoppers and support come through a proxy; the operator, and who watches for the audit, stand beside."""
    behind, direct = f"http://{HOST}:{checkout_port}", f"http://{HOST}:{stack.options.port('api')}"

    async def client(url: str, role: str) -> ApiClient:
        return await opened.enter_async_context(ApiClient(url, stack.keys[role], timeout=ANSWER_WITHIN))

    async def company(name: str) -> Company:
        return await opened.enter_async_context(Company(name, f"http://{HOST}:{stack.options.port(name)}"))

    return World(
        checkout=await client(behind, "checkout"),
        support=await client(behind, "support"),
        operator=await client(direct, "operator"),
        stripe=await company("stripe"),
        shipbob=await company("shipbob"),
        easypost=await company("easypost"),
        board=Board(await client(direct, "support")),
        places=asyncio.Semaphore(AT_ONCE),
    )

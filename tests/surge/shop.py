"""The stack of a surge: its shelves, its keys, and ways to look inside."""

import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import asyncpg
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from ordersaga.catalog_csv import parse_catalog
from ordersaga.demo.case import World
from ordersaga.demo.run import world_of
from ordersaga.domain.catalog import Catalog
from ordersaga.embedded import Stack, StackOptions
from ordersaga.embedded.parts import Reporter
from ordersaga.settings import Settings
from ordersaga.stores.api_keys import ApiKeys
from ordersaga.stores.pools import close_pool, create_pool
from tests.surge.plan import CALM, VIRAL, Options, catalog

TIME_SCALE: Final = 20_000.0
"""A parcel's two days at ShipBob take ten seconds."""
CALLS_PER_MINUTE: Final = 12_000
"""ShipBob's limit here: its real one (150) belongs to real days, not to days of seconds."""
PACE: Final[Mapping[str, Any]] = {
    "poll_interval": timedelta(seconds=15),
    "visible_after": timedelta(seconds=10),
    "reconcile_grace": timedelta(seconds=2),
    "shipbob_calls_per_minute": CALLS_PER_MINUTE,
    "confirm_target": timedelta(milliseconds=150),
    "starts_most": 8,
    "calls_per_second": 0,  # one key asks for everybody
    "workflow_sandbox": False,  # as in production, of a build whose replays passed
}


@dataclass
class Shop:
    """A running stack. `keys`: an API key of its own for each seller's checkout."""

    options: Options
    stack: Stack
    world: World
    temporal: Client
    catalog: Catalog
    keys: Mapping[str, str]

    @property
    def targets(self) -> tuple[str, ...]:
        """host:port of every API process."""
        return tuple(url.partition("://")[2] for url in self.stack.api_urls)

    async def fetch(self, query: str, *values: object) -> list[asyncpg.Record]:
        """Rows of the database."""
        connection = await asyncpg.connect(self.stack.settings.database_url.get_secret_value(), timeout=20)
        try:
            return list(await connection.fetch(query, *values, timeout=120))
        finally:
            connection.terminate()

    async def value(self, query: str, *values: object) -> int:
        """One number of the database."""
        [row] = await self.fetch(query, *values)
        return int(row[0] or 0)


@contextlib.asynccontextmanager
async def open_shop(options: Options, report: Reporter | None = None) -> AsyncIterator[Shop]:
    """A stack of its own in the options' folder, stopped at the end."""
    known = {name: value for name, value in PACE.items() if name in Settings.model_fields}
    settings = Settings(_env_file=None).model_copy(update=known)
    chosen = StackOptions(
        _env_file=None,
        data=options.data,
        free_ports=True,
        time_scale=TIME_SCALE,
        apis=options.apis,
        workers=options.workers,
        nice_background=options.nice,
    )
    async with Stack(chosen, settings, report) as stack, world_of(stack) as world:
        shelves = await _fill_shelves(world, catalog(options))
        temporal = await Client.connect(stack.settings.temporal_address, data_converter=pydantic_data_converter)
        yield Shop(options, stack, world, temporal, shelves, await _issue_keys(stack))


async def _fill_shelves(world: World, content: bytes) -> Catalog:
    """Our shelves, and the same units counted at ShipBob: it refuses to ship more than it has."""
    await world.operator.load_catalog(content)
    await world.shipbob.tell("rate-limit", per_minute=CALLS_PER_MINUTE)
    shelves = parse_catalog(content)
    units: Counter[str] = Counter()
    for receipt in shelves.receipts:
        units[receipt.sku] += receipt.quantity
    for sku, on_hand in units.items():
        await world.shipbob.tell("inventory", sku=sku, on_hand=on_hand)
    return shelves


async def _issue_keys(stack: Stack) -> dict[str, str]:
    pool = await create_pool(
        stack.settings.database_url.get_secret_value(), application_name="ordersaga-surge", max_size=1
    )
    try:
        keys = ApiKeys(pool)
        return {seller: await keys.issue("checkout", f"checkout of {seller}", seller) for seller in (VIRAL, *CALM)}
    finally:
        await close_pool(pool)

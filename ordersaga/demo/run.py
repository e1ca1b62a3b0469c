"""The whole show: a stack, its catalog, the orders played on it, and the books beside the facts."""

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from rich.console import Console

from ordersaga.bootstrap import read_ledgers
from ordersaga.catalog_csv import parse_catalog
from ordersaga.demo.audit import Evidence, audit
from ordersaga.demo.board import Board
from ordersaga.demo.case import World
from ordersaga.demo.chaos import Chaos, Ground
from ordersaga.demo.companies import Company, DemoError, patiently
from ordersaga.demo.orders_file import DemoOrder, read_orders, sample
from ordersaga.demo.outside import read_outside
from ordersaga.demo.play import Play
from ordersaga.demo.result import Result
from ordersaga.demo.scenarios import SCENARIOS
from ordersaga.demo.view import Progress
from ordersaga.domain.catalog import Catalog
from ordersaga.embedded import Stack, StackOptions
from ordersaga.embedded.parts import Reporter
from ordersaga.http_client import ApiClient
from ordersaga.settings import Settings

TIME_SCALE: Final = 20_000.0
"""A parcel's two days at ShipBob take ten seconds."""
CALLS_PER_MINUTE: Final = 3_000
"""ShipBob's limit in the demo: its real one (150) belongs to real days, not to days of seconds."""
PACE: Final = {
    "poll_interval": timedelta(seconds=2),
    "gateway_timeout": timedelta(seconds=3),
    "visible_after": timedelta(seconds=3),
    "shipbob_calls_per_minute": CALLS_PER_MINUTE,
    "easypost_calls_per_minute": CALLS_PER_MINUTE,
}


@dataclass(frozen=True)
class Plan:
    """What to show. `catalog` and `orders` are the files' contents."""

    data: Path
    catalog: bytes
    orders: bytes
    quick: bool = False
    kills: tuple[str, ...] = ()
    restart: bool = False
    seed: int = 1


def read_plan(plan: Plan) -> tuple[Catalog, list[DemoOrder]]:
    """Read both files before anything is started. Raises CsvFileError naming every bad row."""
    catalog = parse_catalog(plan.catalog)
    orders = read_orders(plan.orders, catalog, SCENARIOS)
    return catalog, sample(orders) if plan.quick else orders


def settings_of(plan: Plan) -> Settings:
    """The demo's pace. A shopper's time to pay must outlast what happens to the stack."""
    window = timedelta(seconds=60 if plan.kills or plan.restart else 12)
    return Settings().model_copy(update={**PACE, "payment_window": window})


@asynccontextmanager
async def running(plan: Plan, report: Reporter) -> AsyncIterator[Ground]:
    """A stack at the demo's pace, stopped at the end."""
    options = StackOptions(data=plan.data, free_ports=True, time_scale=TIME_SCALE)
    ground = Ground(Stack(options, settings_of(plan), report), report)
    await ground.stack.start()
    try:
        yield ground
    finally:
        await ground.stack.stop()


async def show(plan: Plan, ground: Ground, console: Console) -> Result:
    """Play the orders on a running stack and audit what came of it."""
    catalog, orders = read_plan(plan)
    async with world_of(ground.stack) as world:
        await open_shop(world, plan.catalog)
        with Progress(console, len(orders)) as progress:
            play = Play(world, orders, Chaos(ground, plan.kills, plan.restart, progress.tell), progress)
            await play.run(plan.seed)
        evidence = await gather_evidence(ground.stack, world, catalog, [order.order_id for order in orders])
    taken, disturbed = time.monotonic() - ground.began, bool(plan.kills or plan.restart)
    return Result(play.ends(), audit(evidence), taken, play.failures, disturbed)


@asynccontextmanager
async def world_of(stack: Stack) -> AsyncIterator[World]:
    """Everyone a running stack's cases may talk to."""
    urls, keys = stack.urls, stack.keys
    async with AsyncExitStack() as opened:
        checkout, support, operator = [
            await opened.enter_async_context(ApiClient(urls["api"], keys[role]))
            for role in ("checkout", "support", "operator")
        ]
        stripe, shipbob, easypost = [
            await opened.enter_async_context(Company(name, urls[name])) for name in ("stripe", "shipbob", "easypost")
        ]
        yield World(checkout, support, operator, stripe, shipbob, easypost, Board(support))


async def open_shop(world: World, catalog: bytes) -> None:
    """Load the catalog; refuse a folder with somebody's orders, whose numbers would be repeated."""
    if (await world.support.orders(limit=1)).orders:
        raise DemoError("the folder holds orders of an earlier run; choose another --data")
    await world.operator.load_catalog(catalog)
    await world.shipbob.tell("rate-limit", per_minute=CALLS_PER_MINUTE)
    # A carrier scans a parcel when it was given one: the seller's staff advance these themselves.
    await world.easypost.tell("scripts", match="-", stop_at="pre_transit")


async def gather_evidence(stack: Stack, world: World, catalog: Catalog, placed: Sequence[str]) -> Evidence:
    """Our ledgers and the companies' records, after everything has come to rest."""
    stripe = {
        **await world.stripe.records(kind="payment_intent"),
        **await world.stripe.records(kind="refund"),
    }
    theirs = read_outside(stripe, await world.shipbob.records(), await world.easypost.records())
    received: dict[tuple[str, str], int] = {}
    for receipt in catalog.receipts:
        place = (receipt.location, receipt.sku)
        received[place] = received.get(place, 0) + receipt.quantity
    ours = await patiently(lambda: read_ledgers(stack.settings))
    return Evidence(tuple(placed), received, ours, theirs)

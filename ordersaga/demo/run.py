"""The whole show: a stack, its catalog, the orders played on it, and the books beside the facts."""

import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from ordersaga.api.access import Role
from ordersaga.bootstrap import issue_api_key, read_ledgers
from ordersaga.catalog_csv import parse_catalog
from ordersaga.demo.audit import Evidence, audit
from ordersaga.demo.board import Board
from ordersaga.demo.case import World
from ordersaga.demo.chaos import Chaos, Ground
from ordersaga.demo.companies import PATIENCE, Company, DemoError, patiently
from ordersaga.demo.market import TIKTOK, seller_of
from ordersaga.demo.orders_file import DemoOrder, read_orders, sample
from ordersaga.demo.play import Play
from ordersaga.demo.records import read_outside
from ordersaga.demo.result import Result
from ordersaga.demo.scenarios import SCENARIOS
from ordersaga.demo.view import Progress, tell_phase
from ordersaga.domain.catalog import Catalog
from ordersaga.embedded import Stack, StackOptions, read_options
from ordersaga.embedded.options import EMULATORS, FURTHER, STALL
from ordersaga.embedded.parts import Reporter
from ordersaga.http_client import ApiClient
from ordersaga.settings import LONGEST_CALL, Settings, read_settings

TIME_SCALE: Final = 20_000.0
"""A parcel's two days at ShipBob take ten seconds."""
CALLS_PER_MINUTE: Final = 3_000
"""ShipBob's limit in the demo: its real one (150) belongs to real days, not to days of seconds."""
PACE: Final[dict[str, Any]] = {
    "poll_interval": timedelta(seconds=2),
    "gateway_timeout": timedelta(seconds=3),
    "visible_after": timedelta(seconds=3),
    "shipbob_calls_per_minute": CALLS_PER_MINUTE,
    "easypost_calls_per_minute": CALLS_PER_MINUTE,
}
_WIDER: Final[Mapping[str, Mapping[str, float]]] = {
    "newegg": {"per_hour": 60 * CALLS_PER_MINUTE},
    "amazon_mcf": {"per_second": CALLS_PER_MINUTE / 60},
    "ups": {"per_minute": CALLS_PER_MINUTE},
    "courier": {"per_minute": CALLS_PER_MINUTE},
}
"""The limits of the further companies, for the same reason."""
LATER: Final = 200.0
"""The marketplace's deadlines, of days that last seconds here, are so much later."""
UNSCANNED: Final = {"easypost": "pre_transit", "ups": "label", "courier": "created"}
"""What each carrier calls a label whose parcel it does not have yet."""


@dataclass(frozen=True)
class Plan:
    """What to show. `catalogs` and `orders` are the files' contents; `slowness` as `pace` tells it of this machine."""

    data: Path
    catalogs: tuple[bytes, ...]
    orders: bytes
    quick: bool = False
    kills: tuple[str, ...] = ()
    restart: bool = False
    seed: int = 1
    slowness: float = 1.0


def merged(catalogs: Iterable[Catalog]) -> Catalog:
    """Several files' catalogs as one."""
    whole: dict[str, tuple[Any, ...]] = dict.fromkeys(Catalog.model_fields, ())
    for catalog in catalogs:
        whole = {name: (*found, *getattr(catalog, name)) for name, found in whole.items()}
    return Catalog(**whole)


def read_plan(plan: Plan) -> tuple[Catalog, list[DemoOrder]]:
    """Read both files before anything is started. Raises CsvFileError naming every bad row."""
    catalog = merged(map(parse_catalog, plan.catalogs))
    orders = read_orders(plan.orders, catalog, SCENARIOS)
    if not plan.quick:
        return catalog, orders
    return catalog, sample([order for order in orders if SCENARIOS[order.scenario].quick])


def settings_of(plan: Plan) -> Settings:
    """The demo's pace. A shopper's time to pay must outlast what happens to the stack. Raises SettingsError."""
    window = timedelta(seconds=60 if plan.kills or plan.restart else 15) * plan.slowness
    slower = {
        "payment_window": window,
        "gateway_timeout": min(PACE["gateway_timeout"] * plan.slowness, LONGEST_CALL),
        "visible_after": PACE["visible_after"] * plan.slowness,
    }
    return read_settings().model_copy(update={**PACE, **slower})


def options_of(plan: Plan) -> StackOptions:
    """The stack to play on. Raises OptionsError."""
    options = read_options(data=plan.data, free_ports=True, time_scale=TIME_SCALE / plan.slowness, all_companies=True)
    seller = seller_of(read_plan(plan)[1])
    return options.model_copy(update={"channel_seller": seller} if seller else {})


@asynccontextmanager
async def running(plan: Plan, report: Reporter) -> AsyncIterator[Ground]:
    """A stack at the demo's pace, stopped at the end."""
    ground = Ground(Stack(options_of(plan), settings_of(plan), report), report)
    await ground.stack.start()
    try:
        yield ground
    finally:
        await ground.stack.stop()


async def show(plan: Plan, ground: Ground, console: Console) -> Result:
    """Play the orders on a running stack and audit what came of it."""
    catalog, orders = read_plan(plan)
    async with world_of(ground.stack, plan.slowness) as world:
        tell_phase(console, "loading the catalog and placing orders")
        await open_shop(world, *plan.catalogs)
        await introduce(ground.stack, world)
        with Progress(console, len(orders)) as progress:
            play = Play(world, orders, Chaos(ground, plan.kills, plan.restart, progress.tell), progress)
            await play.run(plan.seed)
        tell_phase(console, "laying our books beside what the companies say happened")
        evidence = await gather_evidence(ground.stack, world, catalog, play.placed())
    taken, disturbed = time.monotonic() - ground.began, bool(plan.kills or plan.restart)
    return Result(play.ends(), audit(evidence), taken, play.failures, disturbed)


@asynccontextmanager
async def world_of(stack: Stack, slowness: float = 1.0) -> AsyncIterator[World]:
    """Everyone a running stack's cases may talk to."""
    urls, keys = stack.urls, stack.keys
    async with AsyncExitStack() as opened:
        checkout, support, operator = [
            await opened.enter_async_context(ApiClient(urls["api"], keys[role], timeout=40.0 * slowness))
            for role in ("checkout", "support", "operator")
        ]
        companies: dict[str, Company] = {
            name: await opened.enter_async_context(Company(name, urls[name], slowness))
            for name in (*EMULATORS, *FURTHER)
            if name in urls
        }
        stripe, shipbob, easypost = [companies.pop(name) for name in EMULATORS]
        board = Board(support)
        yield World(checkout, support, operator, stripe, shipbob, easypost, board, companies, slowness=slowness)


async def open_shop(world: World, *catalogs: bytes) -> None:
    """Load the catalogs; refuse a folder with somebody's orders, whose numbers would be repeated."""
    if (await world.support.orders(limit=1)).orders:
        raise DemoError("the folder holds orders of an earlier run; choose another --data")
    for catalog in catalogs:
        await world.operator.load_catalog(catalog)
    await world.shipbob.tell("rate-limit", per_minute=CALLS_PER_MINUTE)
    # A carrier scans a parcel when it was given one: the seller's staff advance these themselves.
    for carrier in world.carriers:
        await carrier.tell("scripts", match="-", stop_at=UNSCANNED[carrier.name])
    if TIKTOK in world.network:
        await world.network[TIKTOK].tell("deadlines", factor=LATER)
    for name, wider in _WIDER.items():
        if name in world.network:
            await world.network[name].tell("rate-limit", **wider)


async def introduce(stack: Stack, world: World) -> None:
    """Give the marketplace that sells by our API its key, as its seller's staff types it in there."""
    if STALL in world.network:
        key = await issue_api_key(stack.settings, Role.CHANNEL.value, STALL)
        await world.network[STALL].tell("seller", api=stack.urls["api"], key=key)


async def gather_evidence(stack: Stack, world: World, catalog: Catalog, placed: Sequence[str]) -> Evidence:
    """Our ledgers and the companies' records, after everything has come to rest."""
    stripe = [await world.stripe.records(kind=kind) for kind in ("payment_intent", "refund", "checkout.session")]
    others = {name: await company.records() for name, company in world.companies.items() if name != "stripe"}
    received: dict[tuple[str, str], int] = {}
    for receipt in catalog.receipts:
        place = (receipt.location, receipt.sku)
        received[place] = received.get(place, 0) + receipt.quantity
    ours = await patiently(lambda: read_ledgers(stack.settings), PATIENCE * world.slowness)
    paid = {kind: found for kinds in stripe for kind, found in kinds.items()}
    theirs = read_outside({"stripe": paid, **others}, ours.label_references())
    return Evidence(tuple(placed), received, ours, theirs)

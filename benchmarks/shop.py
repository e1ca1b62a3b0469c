"""The product in this process: the real stores, sagas and workers; only the outside companies are ours."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

import httpx
from temporalio.worker import Worker

from benchmarks.companies import Companies
from benchmarks.figures import require
from ordersaga.bootstrap import Services, open_services
from ordersaga.client import OrderClient
from ordersaga.domain.carriers import EASYPOST
from ordersaga.domain.catalog import Catalog, Location, Product, Receipt, Seller
from ordersaga.domain.orders import Order, SellerTerms
from ordersaga.domain.shipping import ParcelEvent
from ordersaga.embedded import Stack
from ordersaga.settings import Settings
from tests.fakes.samples import address
from tests.fakes.samples import order as sample_order
from workers.activities import Ports, build
from workers.lifecycle import running
from workers.orders import lane_workers, order_worker

PLENTY: Final = 1_000_000
SELLER, SKU, OWN_SKU = "acme", "MUG", "LAMP"
"""`OWN_SKU` ships from the seller's own warehouse, whose labels we buy; `SKU` from a provider that books carriers."""

T = TypeVar("T")
_numbers = itertools.count(1)


@dataclass
class Shop:
    """Services on a stack, and the companies behind them."""

    services: Services
    companies: Companies
    orders: OrderClient

    def ports(self) -> Ports:
        """Our companies, and the real ledgers."""
        services = self.services
        return Ports(
            stock=services.stock,
            ledger=services.effects,
            journal=services.journal,
            payments=self.companies.bank,
            providers=self.companies.warehouses(),
            carriers={EASYPOST: self.companies.haulier},
            returns=services.returns,
            exchanges=services.exchanges,
            visible_after=timedelta(0),
        )

    def workers(self) -> list[Worker]:
        """The product's workers."""
        ports, client, settings = self.ports(), self.orders.temporal, self.services.settings
        activities = build(ports)
        sandboxed, cached = settings.workflow_sandbox, settings.cached_workflows
        orders = order_worker(client, activities, sandboxed=sandboxed, cached=cached)
        return [orders, *lane_workers(client, activities, ports.providers)]

    async def count(self, query: str, *values: object) -> int:
        """One number of the database."""
        return int(await self.services.pool.fetchval(query, *values) or 0)


@contextlib.asynccontextmanager
async def open_shop(settings: Settings, *, pace: float = 0.4, news: bool = True) -> AsyncIterator[Shop]:
    """A shop without workers yet; its shelves are full. `news`: whether anything is heard of parcels."""
    orders = await OrderClient.connect(settings.temporal_address, settings.temporal_namespace)

    async def tell(order_id: str, event: ParcelEvent) -> None:
        await orders.parcel_event(order_id, event)

    companies = Companies(tell, pace, silent=not news)
    async with open_services(settings, name="ordersaga-bench", orders=orders) as services:
        await services.catalog.load(full_shelves())
        try:
            yield Shop(services, companies, orders)
        finally:
            await companies.aclose()


@contextlib.asynccontextmanager
async def checkout_of(stack: Stack, catalog: Catalog | None = None) -> AsyncIterator[httpx.AsyncClient]:
    """An HTTP client with the key of a checkout, before a stack with an API whose shelves are full."""
    async with open_services(stack.settings, name="ordersaga-bench") as services:
        await services.catalog.load(catalog or full_shelves())
    key = {"Authorization": f"Bearer {stack.keys['checkout']}"}
    async with httpx.AsyncClient(base_url=stack.urls["api"], headers=key, timeout=60, trust_env=False) as http:
        yield http


@contextlib.asynccontextmanager
async def working(workers: Iterable[Worker]) -> AsyncIterator[None]:
    """Workers run until the block ends."""
    async with running(list(workers)):
        yield


def full_shelves() -> Catalog:
    """A seller with plenty of two products, one in each kind of warehouse."""
    east = Location(location="nj-1", provider="shipbob", address=address(name="East", city="Newark", region="NJ"))
    own = Location(location="own-1", provider="seller_warehouse", address=address(name="Own", city="Trenton"))
    return Catalog(
        sellers=(Seller(seller=SELLER, name="Acme"),),
        locations=(east, own),
        products=tuple(Product(sku=sku, seller=SELLER, title=sku, weight_grams=350) for sku in (SKU, OWN_SKU)),
        receipts=(
            Receipt(receipt_id="r1", location="nj-1", sku=SKU, quantity=PLENTY),
            Receipt(receipt_id="r2", location="own-1", sku=OWN_SKU, quantity=PLENTY),
        ),
    )


def new_order(kind: str = "o", sku: str = SKU, **terms: Any) -> Order:
    """One unit, placed now; `terms` of the seller other than the usual."""
    name = f"{kind}{next(_numbers)}"
    return sample_order(name, (sku, 1), placed_at=datetime.now(UTC), terms=SellerTerms(**terms))


async def each_at_once(items: Iterable[T], at_once: int, do: Callable[[T], Awaitable[None]]) -> float:
    """Do it for all of them, `at_once` under way at any time; returns the seconds it took. Raises what `do` raises."""
    waiting = iter(items)
    loop = asyncio.get_running_loop()
    began = loop.time()

    async def take() -> None:
        for item in waiting:
            await do(item)

    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(take())
    return loop.time() - began


async def until(condition: Callable[[], Awaitable[bool]], what: str, within: float) -> None:
    """Look until it is so. Raises InvalidMeasurementError after `within` seconds."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within
    while not await condition():
        require(loop.time() < deadline, f"{what} within {within:g} s")
        await asyncio.sleep(0.25)

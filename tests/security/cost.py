"""`python -m tests.security.cost`: what roles and row-level security cost, beside a database that has neither.

Two databases on one server, the same rows in both, asked in turns so that both meet the same machine:

| side | is |
|---|---|
| none | neither roles nor rules: the login owns the tables |
| owner | both; the login owns the tables, as in the embedded stack |
| api | both; the login is a member of `ordersaga_api` |
| seller | as `api`, for the request of a seller's key |
"""

import asyncio
import statistics
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from typing import Final

import asyncpg

from ordersaga.seller_scope import narrow_to, whole_house
from ordersaga.stores import migrate
from ordersaga.stores.accept import PostgresIntake
from ordersaga.stores.acceptances import AcceptRequest
from ordersaga.stores.catalog import PostgresCatalog
from ordersaga.stores.journal import PostgresJournal
from ordersaga.stores.order_books import PostgresOrderBooks
from ordersaga.stores.pools import Pool, close_pool, create_pool
from tests.fakes.samples import catalog, order
from tests.support.database import DatabaseServer, running_server

ROUNDS: Final = 200
BATCH: Final = 100
PRELOADED: Final = 20
"""Batches of each seller that are there before."""
HOLD: Final = timedelta(minutes=30)
_NUMBERS = count()


@dataclass
class Side:
    """One login on one database; `seller`: what it reads as."""

    name: str
    pool: Pool
    seller: str | None = None

    async def accept(self, orders: int, *, seller: str = "acme", sku: str = "MUG") -> None:
        """Accept so many orders in one transaction."""
        new = [order(f"c{next(_NUMBERS)}", (sku, 1), seller=seller) for _ in range(orders)]
        await PostgresIntake(self.pool).accept_many([AcceptRequest(each, HOLD) for each in new])

    async def page(self, order_id: str) -> None:
        """What the page of an order asks the database for."""
        journal = PostgresJournal(self.pool)
        await journal.get(order_id)
        await journal.timeline(order_id)
        await PostgresOrderBooks(self.pool).lines(order_id)
        await journal.open_attention(order_id=order_id)

    async def newest(self) -> None:
        """A page of a seller's newest orders."""
        await PostgresJournal(self.pool).list_orders(seller="acme")


async def main() -> None:
    """Measure, and print a line for each thing that was asked."""
    async with running_server() as server, AsyncExitStack() as stack:
        sides = await _sides(server, stack)
        took: dict[tuple[str, str], list[float]] = defaultdict(list)
        for number in range(ROUNDS):
            for side in sides[number % len(sides) :] + sides[: number % len(sides)]:
                for name, ask in _asked(side, number).items():
                    took[name, side.name].append(await _timed(side, ask))
    _print(took, [side.name for side in sides])


async def _sides(server: DatabaseServer, stack: AsyncExitStack) -> list[Side]:
    bare, secured = server.url_of("bare"), await server.create()
    await server.run("CREATE DATABASE bare TEMPLATE template0")
    await _only_migrate(bare)
    await server.run("CREATE ROLE cost LOGIN PASSWORD 'cost' IN ROLE ordersaga_api")
    api = secured.replace(secured.split("//")[1].split("@")[0], "cost:cost")
    logins = (("none", bare, None), ("owner", secured, None), ("api", api, None), ("seller", api, "acme"))
    sides = []
    for name, url, seller in logins:
        pool = await create_pool(url, max_size=1)
        stack.push_async_callback(close_pool, pool)
        sides.append(Side(name, pool, seller))
    for side in sides[:2]:
        await _fill(side)
    return sides


async def _only_migrate(url: str) -> None:
    connection = await asyncpg.connect(url)
    await migrate._apply(connection, migrate.migrations())
    await connection.close()


async def _fill(side: Side) -> None:
    await PostgresCatalog(side.pool).load(catalog(("nj-1", "MUG", 1_000_000), ("nj-1", "LAMP", 1_000_000)))
    for _ in range(PRELOADED):
        await side.accept(BATCH)
        await side.accept(BATCH, seller="bolt", sku="LAMP")
    await PostgresIntake(side.pool).accept_many([AcceptRequest(order("page"), HOLD)])
    await side.pool.execute("VACUUM ANALYZE")


def _asked(side: Side, number: int) -> Mapping[str, Callable[[], Awaitable[None]]]:
    """What is timed of a side; batches now and then, for they take as long as all the rest."""
    asked: dict[str, Callable[[], Awaitable[None]]] = {"order page": lambda: side.page("page"), "list": side.newest}
    if side.seller is None:
        asked["accept 1"] = lambda: side.accept(1)
        if number % 4 == 0:
            asked[f"accept {BATCH}"] = lambda: side.accept(BATCH)
    return asked


async def _timed(side: Side, ask: Callable[[], Awaitable[None]]) -> float:
    """Milliseconds."""
    with whole_house():
        narrow_to(side.seller)
        began = time.perf_counter()
        await ask()
        return (time.perf_counter() - began) * 1000


def _print(took: Mapping[tuple[str, str], list[float]], sides: list[str]) -> None:
    print(f"{'':12}" + "".join(f"{side:>18}" for side in sides) + "   median (fastest tenth), ms")
    for name in dict.fromkeys(name for name, _ in took):
        told = (took.get((name, side)) for side in sides)
        print(f"{name:12}" + "".join(f"{_said(each) if each else '-':>18}" for each in told))


def _said(times: list[float]) -> str:
    return f"{statistics.median(times):.2f} ({statistics.quantiles(times, n=10)[0]:.2f})"


if __name__ == "__main__":
    asyncio.run(main())

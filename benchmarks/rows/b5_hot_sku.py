"""B5: holds a second on one hot SKU, durable, 256 callers at once."""

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from benchmarks.figures import Figure, Picture, Row, median, quantile, ratio_at_least, ratio_at_most, require, told
from benchmarks.ground import ground
from benchmarks.peers import row_locks
from benchmarks.shop import PLENTY, SELLER, each_at_once, new_order
from benchmarks.usage import cpu_by_part, in_words, spent_by_part
from ordersaga.bootstrap import Accepted, open_services
from ordersaga.domain.catalog import Catalog, Location, Product, Receipt, Seller
from ordersaga.domain.orders import Order
from ordersaga.stores.accept import PostgresIntake
from ordersaga.stores.gathering import Gathering
from ordersaga.stores.holds import Taking, lock_shelves, take_holds
from ordersaga.stores.pools import Pool, transaction
from tests.fakes.samples import address

PARTS: Final = frozenset({"postgres", "migrations"})
AT_ONCE: Final = 256
PAIRS, PAIRS_QUICK = 5, 2
OURS, OURS_QUICK = 6_000, 1_500
PEERS, PEERS_QUICK = 600, 200
SCARCE, WANTED = 300, 400
TIMES: Final = 30.0
TTL: Final = timedelta(minutes=30)
_HELD: Final = """
SELECT stock.held = $2 AND (SELECT sum(quantity) FROM holds WHERE holds.sku = $1 AND status = 'held') = $2
   AND (SELECT sum(quantity) FROM unit_movements AS m WHERE m.sku = $1 AND m.kind = 'held') = $2
FROM stock WHERE stock.sku = $1
"""

Take = Callable[[Order], Awaitable[bool]]


@dataclass
class Side:
    """One way to take units: rates of its turns, milliseconds of its requests, CPU milliseconds of one by part."""

    name: str
    take: Take
    requests: int
    rates: list[float] = field(default_factory=list)
    p50: list[float] = field(default_factory=list)
    p99: list[float] = field(default_factory=list)
    spent: list[dict[str, float]] = field(default_factory=list)


async def measure(quick: bool, tell: Callable[[str], None]) -> Row:
    """Turns of each side on fresh SKUs; then both sell a scarce one out."""
    pairs = PAIRS_QUICK if quick else PAIRS
    async with ground(PARTS) as stack, open_services(stack.settings, name="ordersaga-bench") as services:
        sides = _sides(services.intake, services.pool, quick=quick)
        await services.catalog.load(_catalog(sides, pairs))
        for number in range(pairs):
            for side in sides:
                before = cpu_by_part(stack)
                await _turn(services.pool, side, f"HOT-{side.name}-{number}")
                side.spent.append(spent_by_part(before, cpu_by_part(stack), side.requests))
                tell(f"pair {number + 1}: {side.name} {side.rates[-1]:.0f}/s, p99 {side.p99[-1]:.0f} ms")
        exact = [await _sell_out(services.pool, side) for side in sides]
    return _row(quick, pairs, {side.name: side for side in sides}, exact)


def _sides(intake: PostgresIntake, pool: Pool, *, quick: bool) -> list[Side]:
    gathering: Gathering[Order, bool] = Gathering(lambda orders: _hold_together(pool, orders))
    ours, peers = (OURS_QUICK, PEERS_QUICK) if quick else (OURS, PEERS)

    async def accept(order: Order) -> bool:
        return isinstance(await intake.accept(order, hold_ttl=TTL), Accepted)

    return [
        Side("orders", accept, ours),
        Side("orders-locked", lambda order: row_locks.accept(pool, order), peers),
        Side("holds", gathering.submit, ours),
        Side("holds-locked", lambda order: row_locks.hold(pool, order), peers),
    ]


async def _hold_together(pool: Pool, orders: Sequence[Order]) -> list[bool]:
    """The product's hold path alone: one transaction, sorted locks, each order all or nothing."""
    async with transaction(pool) as work:
        shelves = await lock_shelves(work, orders)
        plans = [shelves.plan(order) for order in orders]
        takings = [
            Taking(order.order_id, 1, choice.parcels) for order, choice in zip(orders, plans, strict=True) if choice
        ]
        await take_holds(work, takings, status="held", expires_at=datetime.now(UTC) + TTL)
    return [plan is not None for plan in plans]


async def _turn(pool: Pool, side: Side, sku: str) -> None:
    """Every request of a turn finds units: the rate, and how long single requests took."""
    taken: list[float] = []

    async def take(order: Order) -> None:
        began = time.perf_counter()
        require(await side.take(order), f"{side.name}: units of {sku} were left")
        taken.append((time.perf_counter() - began) * 1000)

    seconds = await each_at_once([new_order("b5x", sku) for _ in range(side.requests)], AT_ONCE, take)
    await _require_held(pool, side, sku, side.requests)
    side.rates.append(side.requests / seconds)
    side.p50.append(quantile(taken, 0.5))
    side.p99.append(quantile(taken, 0.99))


async def _sell_out(pool: Pool, side: Side) -> str:
    """More want a scarce SKU than there is of it."""
    sold: list[bool] = []

    async def take(order: Order) -> None:
        sold.append(await side.take(order))

    sku = f"SCARCE-{side.name}"
    await each_at_once([new_order("b5s", sku) for _ in range(WANTED)], AT_ONCE, take)
    await _require_held(pool, side, sku, SCARCE)
    return require(sum(sold) == SCARCE, f"{side.name}: of {WANTED} at once for {SCARCE} units exactly {SCARCE} got one")


async def _require_held(pool: Pool, side: Side, sku: str, units: int) -> None:
    exact = await pool.fetchval(_HELD, sku, units)
    require(bool(exact), f"{side.name}: stock, holds and movements of {sku} all say {units}")


def _catalog(sides: Sequence[Side], pairs: int) -> Catalog:
    hot = [f"HOT-{side.name}-{number}" for side in sides for number in range(pairs)]
    units = dict.fromkeys(hot, PLENTY) | {f"SCARCE-{side.name}": SCARCE for side in sides}
    place = Location(location=row_locks.LOCATION, provider="shipbob", address=address())
    return Catalog(
        sellers=(Seller(seller=SELLER, name="Acme"),),
        locations=(place,),
        products=tuple(Product(sku=sku, seller=SELLER, title=sku, weight_grams=350) for sku in units),
        receipts=tuple(
            Receipt(receipt_id=sku, location=place.location, sku=sku, quantity=quantity)
            for sku, quantity in units.items()
        ),
    )


def _row(quick: bool, pairs: int, sides: dict[str, Side], exact: list[str]) -> Row:
    ours, peers = sides["orders"].requests, sides["orders-locked"].requests
    return Row(
        row="B5",
        title="Holds on a hot SKU",
        beside="`SELECT … FOR UPDATE` per request, writing the same rows through a pool of the same size",
        quick=quick,
        load=f"{AT_ONCE} callers at once on one SKU; {pairs} turns of {ours} requests (ours) and {peers} (row locks), "
        "alternating, a fresh SKU each; every commit durable",
        figures=[
            *_beside(sides, "orders", "whole orders"),
            *_beside(sides, "holds", "holds alone"),
        ],
        checks=["after every turn stock, holds and movements agree with the number sold", *exact],
        notes=[
            *(f"Where the CPU of one goes, {name}: {in_words(side.spent)}." for name, side in sides.items()),
            *_why(sides),
        ],
        pictures=[
            Picture(
                name="holds",
                kind="bars",
                title="Holds per second on one SKU, 256 callers",
                y="per second (logarithmic)",
                log=True,
                groups={
                    told_as: {
                        "ordersaga": median(sides[name].rates),
                        "row locks": median(sides[f"{name}-locked"].rates),
                    }
                    for name, told_as in (("orders", "whole orders"), ("holds", "holds alone"))
                },
            )
        ],
    )


def _why(sides: dict[str, Side]) -> list[str]:
    """What keeps the rates from the mark: both sides are bound by CPU here, ours by less of it."""

    def spent(name: str, part: str | None = None) -> float:
        return median([sum(cost.values()) if part is None else cost.get(part, 0.0) for cost in sides[name].spent])

    allowed, rows = spent("holds-locked") / TIMES, spent("holds", "postgres")
    if rows < allowed:
        return []
    return [
        f"Why not {TIMES:g} times: a hold with row locks costs {spent('holds-locked'):.2f} ms of CPU here; {TIMES:g} "
        f"times as many would leave {allowed:.3f} for one of ours. PostgreSQL alone takes {rows:.3f} to write its "
        "rows, a hundred orders to a statement. The mark was set beside row locks that did 314 a second; these, "
        f"through a pool with prepared statements, do {median(sides['holds-locked'].rates):.0f}."
    ]


def _beside(sides: dict[str, Side], name: str, told_as: str) -> list[Figure]:
    ours, peer = sides[name], sides[f"{name}-locked"]
    return [
        ratio_at_least(f"{told_as} per second", "/s", median(ours.rates), median(peer.rates), TIMES),
        told(f"{told_as}, p50", "ms", median(ours.p50), median(peer.p50)),
        ratio_at_most(f"{told_as}, p99", "ms", median(ours.p99), median(peer.p99), 0.1),
    ]

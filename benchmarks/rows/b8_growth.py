"""B8: what an order costs while many others are open, and how much memory the worker takes for them."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from benchmarks.figures import Picture, Row, at_most, median, ratio_at_most, require, told
from benchmarks.ground import WITH_WORKER, ground
from benchmarks.shop import Shop, each_at_once, new_order, open_shop, until
from benchmarks.usage import cpu_seconds, memory
from ordersaga.domain.orders import Order
from ordersaga.domain.statuses import ConfirmOutcome
from ordersaga.embedded import Stack

FEW: Final = 100
MANY, MANY_QUICK = 20_000, 2_000
BATCHES, BATCHES_QUICK = 5, 2
BATCH, BATCH_QUICK = 60, 30
AT_ONCE: Final = 48
WAITS: Final = timedelta(days=3)
ANSWERS: Final = timedelta(seconds=60)
ASKED_MOST: Final = 5
ENDS: Final = 300.0
GROWTH: Final = 1.25
"""How much the worker may still grow once its cache of workflows is full."""
CACHED: Final = 1_000
"""Workflows a worker keeps in memory by the SDK's default, which the product leaves as it is."""
_COMPLETED: Final = "SELECT count(*) FROM orders WHERE order_id = ANY($1::text[]) AND status = 'completed'"
_OPEN: Final = "SELECT count(*) FROM orders WHERE status = 'on_hold' OR status = 'confirmed'"


@dataclass
class Side:
    """A stack with some orders open. `costs`: CPU seconds of an order, one for each batch."""

    stack: Stack
    shop: Shop
    costs: list[float] = field(default_factory=list)


async def measure(quick: bool, tell: Callable[[str], None]) -> Row:
    """Two stacks side by side, one with few orders open and one with many, take turns at whole orders."""
    many, batches, batch = (MANY_QUICK, BATCHES_QUICK, BATCH_QUICK) if quick else (MANY, BATCHES, BATCH)
    async with _side() as few, _side() as full:
        await _open(few, FEW)
        grown = await _grow(full, many, tell)
        for number in range(batches):
            for side in (few, full):
                side.costs.append(await _cost_of(side, batch))
            tell(f"batch {number + 1}: {few.costs[-1] * 1000:.0f} and {full.costs[-1] * 1000:.0f} CPU ms an order")
        still_open = [await side.shop.count(_OPEN) for side in (few, full)]
    require(still_open == [FEW, many], f"{FEW} and {many:,} orders were open all the time (found {still_open})")
    return _row(quick, many, batch, few, full, grown)


@asynccontextmanager
async def _side() -> AsyncIterator[Side]:
    async with (
        ground(WITH_WORKER, worker="benchmarks.worker") as stack,
        open_shop(stack.settings) as shop,
    ):
        yield Side(stack, shop)


async def _open(side: Side, orders: int) -> None:
    """Confirmed orders that wait for their channel's grace to pass."""
    waiting = [new_order("b8w", hand_off_delay=WAITS) for _ in range(orders)]
    await each_at_once(waiting, AT_ONCE, lambda order: _confirm(side, order))


async def _confirm(side: Side, order: Order) -> None:
    """Asked again where the machine is too slow for an answer in time: it is the same saga and the same answer."""
    outcome = None
    for _ in range(ASKED_MOST):
        if answer := await side.shop.orders.place(order, ANSWERS):
            outcome = answer.outcome
            break
    require(outcome is ConfirmOutcome.CONFIRMED, f"{order.order_id} was confirmed (it was {outcome})")


async def _grow(side: Side, orders: int, tell: Callable[[str], None]) -> list[tuple[float, float]]:
    """Open them step by step; (open orders, megabytes of the worker) at every step."""
    step = max(500, orders // 10)
    grown = [(0.0, memory(side.stack, "worker"))]
    for done in range(0, orders, step):
        await _open(side, min(step, orders - done))
        grown.append((float(min(done + step, orders)), memory(side.stack, "worker")))
        tell(f"{grown[-1][0]:,.0f} orders open, worker {grown[-1][1]:.0f} MB")
    return grown


async def _cost_of(side: Side, orders: int) -> float:
    """CPU seconds of one order, checkout to completed, over a batch."""
    placed = [new_order("b8x") for _ in range(orders)]
    before = cpu_seconds(side.stack)
    await each_at_once(placed, AT_ONCE, lambda order: _confirm(side, order))
    ids = [order.order_id for order in placed]
    await until(lambda: _completed(side, ids), f"{orders} orders completed", ENDS)
    return (cpu_seconds(side.stack) - before) / orders


async def _completed(side: Side, ids: list[str]) -> bool:
    return await side.shop.count(_COMPLETED, ids) == len(ids)


def _row(quick: bool, many: int, batch: int, few: Side, full: Side, grown: list[tuple[float, float]]) -> Row:
    cost, base = median(full.costs), median(few.costs)
    once_full = next(megabytes for orders, megabytes in grown if orders >= min(2 * CACHED, many / 2))
    return Row(
        row="B8",
        title="Growth",
        beside=f"the same with {FEW} open orders, on a stack of its own that stands beside it",
        quick=quick,
        load=f"{many:,} orders confirmed and waiting; then {len(full.costs)} batches of {batch} whole orders on either "
        "stack, taking turns; CPU of Temporal, PostgreSQL, worker and client together",
        figures=[
            ratio_at_most("CPU of an order", "ms", cost * 1000, base * 1000, 1.1),
            at_most("worker's memory, all open ÷ cache just full", "x", grown[-1][1] / once_full, GROWTH),
            told("worker's memory with all open", "MB", grown[-1][1], grown[0][1]),
        ],
        checks=[
            f"all {many:,} waiting orders were confirmed, and stayed open",
            f"all {2 * len(full.costs) * batch} measured orders completed",
        ],
        notes=[
            f"A worker keeps {CACHED:,} workflows in memory, the SDK's default; the peer of its memory is its start."
        ],
        pictures=[
            Picture(
                name="memory",
                kind="lines",
                title="Worker's memory while orders are opened",
                x="open orders",
                y="MB",
                lines={"worker": grown},
            )
        ],
    )

"""B2: how long a checkout waits for its outcome, beside the fastest answer Temporal can give at all."""

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Final

import httpx
from temporalio.client import Client

from benchmarks.figures import Figure, Picture, Row, median, quantile, ratio_at_most, require, told
from benchmarks.ground import ground
from benchmarks.peers import empty
from benchmarks.phases import Phases, medians, phases, sentence
from benchmarks.shop import checkout_of
from ordersaga.domain.identifiers import workflow_id
from ordersaga.embedded import Stack
from tests.support.api import order_body

PARTS: Final = frozenset({"postgres", "migrations", "temporal", "stripe", "shipbob", "easypost", "worker", "api"})
PAIRS, PAIRS_QUICK, WARM = 200, 20, 5
PAUSE: Final = 0.25
"""Seconds after each answer: a shopper's order goes on to its provider meanwhile, and none meets the next one."""
WAIT: Final = {"Prefer": "wait=20"}


async def measure(quick: bool, tell: Callable[[str], None]) -> Row:
    """Checkouts and empty workflows take turns, one at a time."""
    pairs = PAIRS_QUICK if quick else PAIRS
    async with ground(PARTS) as stack, _floor(stack) as temporal, checkout_of(stack) as http:
        tell("the stack is up")
        await _turns(http, temporal, WARM, "warm")
        ours, floor, spent = await _turns(http, temporal, pairs, "b2")
    halves = [quantile(ours, share) for share in (0.5, 0.99)], [quantile(floor, share) for share in (0.5, 0.99)]
    return Row(
        row="B2",
        title="Checkout answer",
        beside="update-with-start of an empty workflow on the same server",
        quick=quick,
        load=f"{pairs} pairs: POST /v1/orders with `Prefer: wait` until confirmed (stock held, money reserved at the "
        f"emulated Stripe over HTTP, latency 0), then one empty workflow; one client, {PAUSE:g} s between",
        figures=_figures(halves[0], halves[1], ours, floor),
        checks=[require(len(ours) == len(floor) == pairs, f"all {pairs} checkouts were answered `confirmed` with 201")],
        notes=[
            f"Where the time of one of ours goes (medians): {sentence(medians(spent))}.",
            *_why(halves[0][0], halves[1][0], medians(spent)),
        ],
        pictures=[
            Picture(
                name="answer",
                kind="bars",
                title="Checkout answer, one client",
                y="ms",
                groups={
                    name: {"ordersaga": ours_ms, "empty workflow": floor_ms}
                    for name, ours_ms, floor_ms in zip(("p50", "p99"), *halves, strict=True)
                },
            )
        ],
    )


def _figures(ours: list[float], floor: list[float], all_ours: list[float], all_floor: list[float]) -> list[Figure]:
    paired = median([mine / its for mine, its in zip(all_ours, all_floor, strict=True)])
    return [
        ratio_at_most("answer p50", "ms", ours[0], floor[0], 2),
        ratio_at_most("answer p99", "ms", ours[1], floor[1], 2),
        told("median ratio of a pair", "x", paired),
    ]


def _why(ours: float, floor: float, spent: Phases) -> list[str]:
    """What keeps the median from twice the peer's, if anything does."""
    if ours <= 2 * floor:
        return []
    steps = sum(spent.get(step, 0.0) for step in ("`hold_stock`", "`authorize`", "`record`"))
    return [
        f"Why not twice the peer's: that leaves {floor:.0f} ms for all that an empty workflow does not do. What makes "
        f"an order of one takes {steps:.0f}: units that are its own, money reserved over HTTP between two commits, so "
        "that the attempt is known whatever dies in it, and the outcome written down. Who need not know waits for "
        "none of it: without `Prefer: wait` the answer is `202`, once the order is durable."
    ]


async def _turns(
    http: httpx.AsyncClient, temporal: Client, pairs: int, name: str
) -> tuple[list[float], list[float], list[Phases]]:
    """Milliseconds of each, in pairs; and where ours went."""
    ours: list[float] = []
    floor: list[float] = []
    spent: list[Phases] = []
    for number in range(pairs):
        order_id, began = f"{name}x{number}", datetime.now(UTC)
        ours.append(await _timed(_place(http, order_id)))
        answered = began + timedelta(milliseconds=ours[-1])
        await asyncio.sleep(PAUSE)
        floor.append(await _timed(empty.ask(temporal, f"{name}-{number}")))
        history = await temporal.get_workflow_handle(workflow_id(order_id)).fetch_history()
        spent.append(phases(list(history.events), began, answered))
        await asyncio.sleep(PAUSE)
    return ours, floor, spent


async def _timed(doing: Awaitable[object]) -> float:
    began = time.perf_counter()
    await doing
    return (time.perf_counter() - began) * 1000


async def _place(http: httpx.AsyncClient, order_id: str) -> None:
    answer = await http.post("/v1/orders", json=order_body(order_id=order_id), headers=WAIT)
    told_outcome = answer.json().get("outcome") if answer.status_code == 201 else answer.text[:200]
    require(told_outcome == "confirmed", f"checkout {order_id} was confirmed (it was told {told_outcome})")


@contextlib.asynccontextmanager
async def _floor(stack: Stack) -> AsyncIterator[Client]:
    """The empty workflow's worker in a process of its own, as the product's is."""
    address = stack.settings.temporal_address
    command = (sys.executable, "-m", "benchmarks.peers.empty", address)
    worker = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    try:
        assert worker.stdout is not None
        await asyncio.wait_for(worker.stdout.readline(), 60)
        yield await Client.connect(address)
    finally:
        worker.terminate()
        await worker.wait()

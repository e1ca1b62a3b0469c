"""`python -m benchmarks.order_cost`: what one order costs each part of a whole stack, into docs/scaling.md.

Orders of one unit come over HTTP at an even pace and live to completed, with emulated companies: CPU of every process,
rows and bytes in both databases, events and bytes of history, divided by the number of orders. What the idle stack
takes in the same time is measured before, and left out.
"""

import argparse
import asyncio
import re
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from benchmarks.figures import require
from benchmarks.machine import describe, today
from ordersaga.embedded.stack import forget
from tests.fakes.samples import address
from tests.support.emulators import ROOT
from tests.surge.cpu import CpuWatch, by_kind
from tests.surge.plan import CALM, Options, sku_of
from tests.surge.shop import Shop, open_shop

PAGE: Final = ROOT / "docs" / "scaling.md"
BEGIN, END = "<!-- measured: written by python -m benchmarks.order_cost -->", "<!-- measured: end -->"
ENDS: Final = 300.0
IDLE: Final = 20.0
BUSY: Final = 0.6
DAY: Final = 86_400
RATES: Final = (1, 10, 100, 1000)
_PARTS: Final = {
    "api": "API",
    "worker": "worker, with the relay",
    "temporal": "Temporal server",
    "postgres": "PostgreSQL",
}
_TABLES: Final = """
SELECT relname, pg_total_relation_size(relid) AS bytes FROM pg_stat_user_tables WHERE schemaname = 'public'
"""
_COMPLETED: Final = "SELECT count(*) FROM orders WHERE status = 'completed'"


@dataclass(frozen=True)
class Look:
    """CPU seconds by part, rows and bytes by table, bytes of Temporal's database."""

    cpu: Mapping[str, float]
    rows: Mapping[str, int]
    bytes: Mapping[str, int]
    temporal: int


@dataclass(frozen=True)
class Cost:
    """Of one order. `cpu`: milliseconds by part; `rows` and `bytes`: by table; `history`: events and bytes."""

    orders: int
    cpu: Mapping[str, float]
    rows: Mapping[str, float]
    bytes: Mapping[str, float]
    temporal: float
    events: float
    history: float


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.order_cost", description=__doc__)
    parser.add_argument("--orders", type=int, default=300, help="how many live; default: 300")
    parser.add_argument("--pace", type=float, default=3.0, help="orders a second; default: 3")
    parser.add_argument("--page", type=Path, default=PAGE, help="the page that is written")
    chosen = parser.parse_args()
    cost = asyncio.run(_measure(chosen.orders, chosen.pace))
    write(chosen.page, told(cost, describe(), today()))
    print(told(cost, describe(), today()))


async def _measure(orders: int, pace: float) -> Cost:
    data = Path(tempfile.mkdtemp(prefix="ordersaga-cost-"))
    try:
        async with open_shop(Options(data=data, apis=1, workers=1, nice=0)) as shop, _watched(shop) as watch:
            await _place(shop, 10, pace)  # caches and pools are warm
            await _all_completed(shop, 10)
            idle = await _idle(watch)
            before, began = await _look(shop, watch), time.monotonic()
            await _place(shop, orders, pace)
            await _all_completed(shop, orders + 10)
            after, took = await _look(shop, watch), time.monotonic() - began
            events, history = await _histories(shop)
        return _cost(orders, before, after, {part: share * took for part, share in idle.items()}, events, history)
    finally:
        forget(data)


@asynccontextmanager
async def _watched(shop: Shop) -> AsyncIterator[CpuWatch]:
    watch = CpuWatch(lambda: shop.stack.pids)
    looking = asyncio.create_task(watch.watch())
    try:
        yield watch
    finally:
        looking.cancel()


async def _place(shop: Shop, orders: int, pace: float) -> None:
    """At an even pace, whatever the answers take."""
    seller = CALM[0]
    key = {"Authorization": f"Bearer {shop.keys[seller]}"}
    http = httpx.AsyncClient(base_url=shop.stack.urls["api"], headers=key, timeout=60, trust_env=False)
    async with http, asyncio.TaskGroup() as group:
        for _ in range(orders):
            group.create_task(_checkout(http, seller))
            await asyncio.sleep(1 / pace)


async def _checkout(http: httpx.AsyncClient, seller: str) -> None:
    body = {
        "seller": seller,
        "lines": [{"sku": sku_of(seller), "quantity": 1, "unit_price": 1900}],
        "ship_to": address().model_dump(mode="json"),
        "payment": {"payment_method": "pm_card_visa"},
    }
    answer = await http.post("/v1/orders", json=body)
    require(answer.status_code in (201, 202), f"every order is accepted (one was answered {answer.status_code})")


async def _all_completed(shop: Shop, orders: int) -> None:
    until = time.monotonic() + ENDS
    while await shop.value(_COMPLETED) < orders:
        require(time.monotonic() < until, f"{orders} orders are completed within {ENDS:g} s")
        await asyncio.sleep(0.5)


async def _idle(watch: CpuWatch) -> dict[str, float]:
    """CPU seconds a second when nothing is asked of the stack."""
    before = by_kind(watch.look())
    await asyncio.sleep(IDLE)
    return {part: (used - before.get(part, 0.0)) / IDLE for part, used in by_kind(watch.look()).items()}


async def _look(shop: Shop, watch: CpuWatch) -> Look:
    tables = await shop.fetch(_TABLES)
    rows = {row["relname"]: await shop.value(f"SELECT count(*) FROM {row['relname']}") for row in tables}
    stored = sum(file.stat().st_size for file in shop.options.data.glob("temporal.db*"))
    return Look(by_kind(watch.look()), rows, {row["relname"]: row["bytes"] for row in tables}, stored)


async def _histories(shop: Shop) -> tuple[float, float]:
    """Events and bytes of completed orders' histories, on average."""
    found = [one async for one in shop.temporal.list_workflows("WorkflowType = 'OrderFulfillment'", limit=50)]
    described = [await shop.temporal.get_workflow_handle(one.id, run_id=one.run_id).describe() for one in found]
    infos = [one.raw_description.workflow_execution_info for one in described]
    count = len(infos)
    return sum(info.history_length for info in infos) / count, sum(info.history_size_bytes for info in infos) / count


def _cost(orders: int, before: Look, after: Look, idle: Mapping[str, float], events: float, history: float) -> Cost:
    def each(later: Mapping[str, float], earlier: Mapping[str, float]) -> dict[str, float]:
        grown = {name: (value - earlier.get(name, 0)) / orders for name, value in later.items()}
        return {name: value for name, value in grown.items() if value > 0}

    used = {part: seconds - idle.get(part, 0.0) for part, seconds in after.cpu.items()}
    return Cost(
        orders=orders,
        cpu={part: seconds * 1000 for part, seconds in each(used, before.cpu).items()},
        rows=each(after.rows, before.rows),
        bytes=each(after.bytes, before.bytes),
        temporal=(after.temporal - before.temporal) / orders,
        events=events,
        history=history,
    )


def told(cost: Cost, machine: Mapping[str, str], day: str) -> str:
    """The tables of a page."""
    cpu = [(name, cost.cpu.get(part, 0.0)) for part, name in _PARTS.items()]
    heavy = sorted(cost.rows, key=lambda table: -cost.bytes.get(table, 0.0))
    return "\n".join(
        [
            f"Measured {day}, {cost.orders} orders, {machine['cores']} cores of {machine['processor']}, "
            f"load before {machine['load before']}.",
            "",
            "| of one order, checkout to completed | CPU |",
            "|---|---|",
            *(f"| {name} | {value:.1f} ms |" for name, value in cpu),
            f"| together | {sum(value for _, value in cpu):.1f} ms |",
            "",
            f"History: {cost.events:.0f} events, {cost.history / 1000:.1f} KB; {cost.temporal / 1000:.1f} KB in the "
            "development server's database.",
            "",
            "| table | rows | KB with indexes |",
            "|---|---|---|",
            *(f"| {table} | {cost.rows[table]:.1f} | {cost.bytes.get(table, 0.0) / 1000:.2f} |" for table in heavy),
            f"| together | {sum(cost.rows.values()):.1f} | {sum(cost.bytes.values()) / 1000:.1f} |",
            "",
            f"Multiplied, with processors kept {BUSY:.0%} busy:",
            "",
            "| orders a second | a day | "
            + " | ".join(f"{name}, cores" for name in _PARTS.values())
            + " | PostgreSQL a day |",
            "|" + "---|" * (len(_PARTS) + 3),
            *(_multiplied(cost, rate) for rate in RATES),
        ]
    )


def _multiplied(cost: Cost, rate: int) -> str:
    cores = [cost.cpu.get(part, 0.0) / 1000 * rate / BUSY for part in _PARTS]
    stored = sum(cost.bytes.values()) * rate * DAY / 1e9
    return f"| {rate:,} | {rate * DAY:,} | {' | '.join(f'{each:,.1f}' for each in cores)} | {stored:,.1f} GB |"


def write(page: Path, text: str) -> None:
    """Put the tables between the marks of the page."""
    marks = re.compile(f"{re.escape(BEGIN)}.*{re.escape(END)}", re.DOTALL)
    page.write_text(marks.sub(lambda _: f"{BEGIN}\n\n{text}\n\n{END}", page.read_text(encoding="utf-8")), "utf-8")


if __name__ == "__main__":
    main()

"""B4: a viral SKU over HTTP, judged by `make surge`; beside it one workflow per checkout with row-locked stock."""

import asyncio
import json
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.figures import (
    Figure,
    InvalidMeasurementError,
    Picture,
    Row,
    at_most,
    quantile,
    ratio_at_least,
    require,
    told,
)
from benchmarks.ground import ground
from benchmarks.peers.row_locks import LOCATION
from benchmarks.shop import until
from ordersaga.bootstrap import open_services
from ordersaga.domain.catalog import Catalog, Location, Product, Receipt, Seller
from ordersaga.embedded import Stack
from ordersaga.embedded.sockets import HOST, answers_ok, free_ports
from tests.fakes.samples import address
from tests.support.emulators import ROOT
from tests.surge.offer import LoadPlan, Stream
from tests.surge.records import Told, read
from tests.surge.report import TOGETHER

RATE, ORDERS, UNITS = 500.0, 20_000, 1_000
RATE_QUICK, ORDERS_QUICK, UNITS_QUICK = 60.0, 400, 20
PEER_SECONDS: Final = 10.0
"""How long the peer is offered the same load; it is judged by answers a second."""
PATIENCE: Final = 30.0
SELLER, SKU = "viral", "VIRAL"
APIS: Final = 2
P99, OTHERS, TIMES = 500.0, 1.5, 20.0


@dataclass(frozen=True)
class Size:
    """How much is offered."""

    rate: float
    orders: int
    units: int
    quiet: float


async def measure(quick: bool, tell: Callable[[str], None]) -> Row:
    """The surge in a process of its own, once more as fast as it is answered, then the peer."""
    size = Size(RATE_QUICK, ORDERS_QUICK, UNITS_QUICK, 8.0) if quick else Size(RATE, ORDERS, UNITS, 30.0)
    ours = await _surge(size, f"{size.rate:g}")
    tell(f"ours: {ours['answers_per_second']} answers/s, p99 {ours['latency_ms']['final answer']['p99']:.0f} ms")
    fast = ours if quick else await _surge(size, "max")
    tell(f"as fast as it is answered: offered {fast['rate']:g}/s, {fast['answers_per_second']} answers/s")
    peer = await _peer(size)
    answers = [record for record in peer.records if record.latency is not None]
    accepted = sum(record.answer == "accepted" for record in answers)
    peer_units = _peer_units(size)
    tell(f"peer: {_rate(peer):.1f} answers/s, {len(answers)} of {len(peer.records)} answered")
    checks = [
        *(_exact(told_by, size) for told_by in (ours, fast)),
        require(accepted <= peer_units, f"the peer sold no more than its {peer_units:,} units"),
    ]
    return _row(size, quick, ours, fast, peer, checks)


def _exact(told_by: dict[str, Any], size: Size) -> str:
    require(not told_by["wrong"], f"nothing was wrong in the surge's verdict ({'; '.join(told_by['wrong'])[:300]})")
    rate, accepted = f"{told_by['rate']:g}", told_by["answers"].get("accepted")
    return require(accepted == size.units, f"exactly {size.units:,} checkouts were accepted at {rate}/s, nothing wrong")


async def _surge(size: Size, rate: str) -> dict[str, Any]:
    """What `make surge` reports."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "surge.json"
        command = [
            *(sys.executable, "-m", "tests.surge", "--json", str(file), "--rate", rate),
            *("--orders", str(size.orders), "--units", str(size.units), "--quiet", f"{size.quiet:g}"),
        ]
        process = await asyncio.create_subprocess_exec(*command, cwd=ROOT)
        try:
            await process.wait()
        finally:
            if process.returncode is None:
                process.terminate()
                await process.wait()
        if not file.exists():
            raise InvalidMeasurementError("the surge came to no report; see what it said above")
        report: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return report


def _peer_units(size: Size) -> int:
    """As scarce for the peer's part of the load as for ours."""
    return max(1, round(size.units * _peer_orders(size) / size.orders))


def _peer_orders(size: Size) -> int:
    return min(size.orders, round(size.rate * PEER_SECONDS))


async def _peer(size: Size) -> Told:
    """The same load on the peer's shop."""
    async with ground() as stack:
        async with open_services(stack.settings, name="ordersaga-bench") as services:
            await services.catalog.load(_catalog(_peer_units(size)))
        async with _shop(stack) as targets:
            stream = Stream(SELLER, SELLER, SKU, "none", _peer_orders(size), size.rate)
            return await _offered(LoadPlan(targets=targets, streams=(stream,), patience=PATIENCE))


async def _offered(plan: LoadPlan) -> Told:
    """The load comes from a process of its own, as ours does."""
    with tempfile.TemporaryDirectory() as folder:
        asked, heard = Path(folder) / "plan.json", Path(folder) / "told.json"
        asked.write_text(plan.to_json(), encoding="utf-8")
        command = (sys.executable, "-m", "tests.surge.load", str(asked), str(heard))
        process = await asyncio.create_subprocess_exec(*command, cwd=ROOT)
        require(await process.wait() == 0, "the load generator ran to its end")
        return read(heard)


@asynccontextmanager
async def _shop(stack: Stack) -> AsyncIterator[tuple[str, ...]]:
    """The peer's processes, as many as ours; where its APIs are."""
    names = [f"peer{number}" for number in range(APIS)]
    ports = free_ports(names)
    async with AsyncExitStack() as opened:
        for port in (*ports.values(), *(0 for _ in range(APIS))):
            await opened.enter_async_context(_process("api" if port else "worker", port, stack))
        for port in ports.values():
            answers = answers_ok(port, "/openapi.json")
            await until(lambda answers=answers: answers(0), "the peer's API answered", 60)  # type: ignore[misc]
        yield tuple(f"{HOST}:{port}" for port in ports.values())


@asynccontextmanager
async def _process(role: str, port: int, stack: Stack) -> AsyncIterator[None]:
    database = stack.settings.database_url.get_secret_value()
    words: Sequence[str] = (role, str(port), stack.settings.temporal_address, database)
    command = (sys.executable, "-m", "benchmarks.peers.row_lock_shop", *words)
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT)
    try:
        yield
    finally:
        if process.returncode is None:
            process.kill()  # its requests may wait for ever for workflows nobody works on any more
        await process.wait()


def _catalog(units: int) -> Catalog:
    return Catalog(
        sellers=(Seller(seller=SELLER, name="Viral"),),
        locations=(Location(location=LOCATION, provider="shipbob", address=address()),),
        products=(Product(sku=SKU, seller=SELLER, title="Viral", weight_grams=100),),
        receipts=(Receipt(receipt_id="r1", location=LOCATION, sku=SKU, quantity=units),),
    )


def _rate(peer: Told) -> float:
    """Final answers over the time from the first due moment to the last answer."""
    answered = [record for record in peer.records if record.latency is not None]
    if not answered:
        raise InvalidMeasurementError("the peer answered nothing")
    took = max(record.tries[-1].ended for record in answered) - min(record.due for record in answered)
    return len(answered) / took


def _row(size: Size, quick: bool, ours: dict[str, Any], fast: dict[str, Any], peer: Told, checks: list[str]) -> Row:
    final = ours["latency_ms"]["final answer"]
    peer_ms = [record.latency * 1000 for record in peer.records if record.latency is not None]
    unanswered = sum(record.latency is None for record in peer.records)
    return Row(
        row="B4",
        title="Surge",
        beside="one workflow per checkout with row-locked stock, two APIs and two workers as ours, "
        f"offered {_peer_orders(size):,} checkouts at the same rate",
        quick=quick,
        load=f"{size.orders:,} checkouts for {size.units:,} units, {size.rate:g}/s in an open loop over HTTP, four "
        "other sellers trading meanwhile; times count from when a request was due",
        figures=[
            ratio_at_least(
                "answers per second, as fast as it goes", "/s", fast["answers_per_second"], _rate(peer), TIMES
            ),
            told("answers per second of the load below", "/s", ours["answers_per_second"], _rate(peer)),
            at_most("p99 of final answers", "ms", final["p99"], P99),
            told("p50 of final answers", "ms", final["p50"], quantile(peer_ms, 0.5)),
            told("p99 of final answers, beside the peer", "ms", final["p99"], quantile(peer_ms, 0.99)),
            told("checkouts without any answer", "", ours["answers"].get("unanswered", 0)),
            *_others(ours),
        ],
        checks=checks,
        notes=[
            f"Of the peer's checkouts {unanswered:,} had no final answer within {PATIENCE:g} s of being due.",
            f"As fast as it goes: {fast['rate']:g}/s were answered in time for eight seconds; all "
            f"{size.orders:,} at that rate had a p99 of {fast['latency_ms']['final answer']['p99']:.0f} ms.",
            f"CPU seconds until the last answer, {size.rate:g}/s: {_cpu(ours)}.",
        ],
        pictures=[
            Picture(
                name="surge",
                kind="bars",
                title="Answers per second",
                y="answers/s",
                groups={
                    "ordersaga": {"answered": fast["answers_per_second"]},
                    "workflow per checkout, row locks": {"answered": _rate(peer)},
                },
            )
        ],
    )


def _cpu(ours: dict[str, Any]) -> str:
    used: dict[str, float] = ours["cpu_seconds"]["surge"]
    return ", ".join(f"{part} {seconds:.1f}" for part, seconds in sorted(used.items(), key=lambda item: -item[1]))


def _others(ours: dict[str, Any]) -> list[Figure]:
    """How the other sellers fared."""
    together = [row for row in ours["other_sellers"] if row["who"] == TOGETHER and row["ratio"] is not None]
    return [
        Figure(
            name=f"other sellers' p99 ({row['kind']}), surge beside quiet",
            unit="ms",
            product=row["surge"]["p99"],
            peer=row["quiet"]["p99"],
            ratio=row["ratio"],
            reach=f"≤ {OTHERS:g}x",
            reached=row["ratio"] <= OTHERS,
        )
        for row in together
    ]

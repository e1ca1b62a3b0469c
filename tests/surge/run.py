"""One run: quiet, surge, rest, and the evidence."""

import asyncio
import contextlib
import json
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final

import asyncpg

from ordersaga.api.shapes import NewOrder
from ordersaga.embedded import PartFailedError
from ordersaga.embedded.options import numbered
from ordersaga.embedded.parts import Reporter
from tests.support.background import busy
from tests.support.emulators import ROOT
from tests.surge import evidence
from tests.surge.cpu import CpuWatch, used_between
from tests.surge.evidence import Starts
from tests.surge.offer import LoadPlan, Stream
from tests.surge.plan import (
    CALM,
    STEPS,
    VIRAL,
    WARM_UP,
    Kill,
    Offer,
    Options,
    calm_streams,
    kills,
    main_offer,
    step_offer,
    viral_stream,
)
from tests.surge.records import Record, Told, read, spread
from tests.surge.shop import Shop, open_shop
from tests.surge.verdict import Facts

GOAL: Final = 500.0
"""Milliseconds within which 99 of 100 shoppers must have their final answer."""
UP_WITHIN: Final = 60.0
REPEATED: Final = 200
"""Of those accepted and of those refused: how many ask again at the end."""
_PER_ORDER: Final = 2.0
_AT_LEAST: Final = 180.0
_CALM: Final = 3
"""Looks in a row without anything open that count as rest."""

Tell = Callable[[str], None]


@dataclass
class Measured:
    """Figures beside the verdict. `cpu`: CPU seconds during the surge and until rest, by kind of process."""

    rate: float = 0.0
    surge_began: float = 0.0
    final_after: float = 0.0
    load_cpu: float = 0.0
    load_requests: int = 0
    cpu_surge: dict[str, float] = field(default_factory=dict)
    cpu_rest: dict[str, float] = field(default_factory=dict)
    starts: Starts = field(default_factory=Starts)
    steps: list[tuple[int, float, float]] = field(default_factory=list)
    quiet_until: float = 0.0


@dataclass(frozen=True)
class Outcome:
    """Everything a report is made of."""

    options: Options
    facts: Facts
    measured: Measured


async def run(options: Options, tell: Tell, report: Reporter | None = None) -> Outcome:
    """The whole run on a stack of its own."""
    async with open_shop(options, report) as shop:
        return await Run(shop, tell).outcome()


class Run:
    """The run, and what it has learned so far."""

    def __init__(self, shop: Shop, tell: Tell) -> None:
        self.shop = shop
        self.options = shop.options
        self.measured = Measured()
        self.records: list[Record] = []
        self.began: dict[str, float] = {}
        self.streams: dict[str, Stream] = {}
        self.offers: list[Offer] = []
        self.killed: list[str] = []
        self.unfinished: list[str] = []
        self.cpu = CpuWatch(lambda: shop.stack.pids)
        self._tell = tell
        self._files = 0
        self._before_surge: dict[str, float] = {}

    async def outcome(self) -> Outcome:
        """Do it all."""
        started = time.time()
        async with busy(self.cpu.watch()):
            rate = self.options.rate or await self._highest_rate()
            planned = kills(self.options, rate)
            await self._surge(rate, planned)
            await self._rest()
            repeats = await self._ask_again()
            facts = await self._facts(started, repeats, [each.part for each in planned])
        return Outcome(self.options, facts, self.measured)

    async def _highest_rate(self) -> float:
        """The highest of the steps at which 99 of 100 have their answer in time; the lowest if none does."""
        await self._step(WARM_UP)
        best = STEPS[0]
        for rate in STEPS:
            told = await self._step(rate)
            p99 = spread([each.latency for each in told.records]).p99
            self.measured.steps.append((rate, p99, spread([each.late for each in told.records]).p99))
            self._tell(f"{rate}/s: 99 of 100 have their answer within {p99:.0f} ms")
            if p99 > GOAL or any(each.answer == "unanswered" for each in told.records):
                break
            best = rate
        return float(best)

    async def _step(self, rate: int) -> Told:
        """A short surge on a SKU of its own, and its end."""
        offer = step_offer(rate)
        self.offers.append(offer)
        told = await self._offer([viral_stream(offer, self.shop.keys[VIRAL], rate)])
        await self._rest()
        return told

    async def _surge(self, rate: float, planned: Sequence[Kill]) -> None:
        """A quiet period, then everybody wants one thing while the others go on trading."""
        options, offer = self.options, main_offer(self.options)
        self.offers.insert(0, offer)
        seconds = options.quiet + options.orders / rate
        calm = calm_streams(options, [self.shop.keys[seller] for seller in CALM], seconds)
        viral = viral_stream(offer, self.shop.keys[VIRAL], rate, options.quiet)
        self.measured.rate, self.measured.quiet_until = rate, options.quiet
        self._tell(
            f"{options.quiet:g} s quiet, then {options.orders} checkouts for {options.units} units at {rate:g}/s"
        )

        async def at_times(began: float) -> None:
            self.measured.surge_began = began + options.quiet
            await _until(began + options.quiet)
            self._before_surge = dict(self.cpu.look())

        async def strike(began: float) -> None:
            for kill in planned:
                await _until(began + kill.at)
                await self._kill(kill)

        told = await self._offer([viral, *calm], at_times, strike)
        after = self.cpu.look()
        self.measured.cpu_surge = {**used_between(self._before_surge, after), "load": round(told.cpu, 1)}
        self.measured.load_cpu, self.measured.load_requests = told.cpu, len(told.records)

    async def _kill(self, kill: Kill) -> None:
        """kill -9 while the others of its kind are up; bringing it back is the supervisor's business."""
        options = self.options
        alike = numbered("api", options.apis) if kill.part.startswith("api") else numbered("worker", options.workers)
        try:
            for part in alike:
                await self.shop.stack.wait_ready(part, UP_WITHIN)
            await self.shop.stack.kill(kill.part)
        except (PartFailedError, TimeoutError) as error:
            self._tell(f"{kill.part} could not be killed: {error or type(error).__name__}")
        else:
            self.killed.append(kill.part)
            self._tell(f"kill -9 {kill.part}")

    async def _offer(self, streams: Sequence[Stream], *beside: Callable[[float], Any]) -> Told:
        """What shoppers were told, from a generator in a process of its own; `beside` are given its start."""
        for stream in streams:
            self.streams[stream.name] = stream
        told = await self._generate(streams, *beside)
        self.records += told.records
        self.began |= dict.fromkeys((stream.name for stream in streams), told.began)
        return told

    async def _generate(self, streams: Sequence[Stream], *beside: Callable[[float], Any]) -> Told:
        self._files += 1
        plan, out = (self.options.data / f"load-{self._files}-{name}.json" for name in ("plan", "out"))
        content = LoadPlan(
            self.shop.targets, tuple(streams), self.options.seed, buyers="buyer" in NewOrder.model_fields
        )
        plan.write_text(content.to_json(), encoding="utf-8")
        async with _generator(plan, out) as (process, began):
            tasks = [asyncio.create_task(each(began)) for each in beside]
            code = await process.wait()
            await asyncio.gather(*tasks)
        if code != 0:
            raise RuntimeError(f"the load generator ended with exit code {code}")
        return read(out)

    async def _rest(self) -> None:
        """Wait until every order has ended and every message was heard."""
        accepted = sum(each.answer == "accepted" for each in self.records)
        deadline, calm = time.monotonic() + _AT_LEAST + _PER_ORDER * accepted, 0
        while calm < _CALM:
            if time.monotonic() > deadline:
                self.unfinished.append(f"{await evidence.still_open(self.shop)} orders did not end")
                break
            await asyncio.sleep(1)
            calm = 0 if await self._something_open() else calm + 1
        if self.measured.surge_began:
            self.measured.final_after = await evidence.last_ended(self.shop) - self.measured.surge_began
            self.measured.cpu_rest = used_between(self._before_surge, self.cpu.look())
            self._tell(f"every saga had ended {self.measured.final_after:.1f} s after the surge began")

    async def _something_open(self) -> bool:
        try:
            return bool(await evidence.still_open(self.shop) or await evidence.unheard(self.shop))
        except (OSError, TimeoutError, asyncpg.PostgresError):
            return True

    async def _ask_again(self) -> Sequence[Record]:
        """Some of the viral SKU's shoppers ask again under their keys."""
        random = Random(f"repeats {self.options.seed}")
        stream = self.streams[VIRAL]
        found: list[int] = []
        for answer in ("accepted", "refused"):
            numbers = [each.number for each in self.records if each.stream == VIRAL and each.answer == answer]
            found += random.sample(numbers, min(REPEATED, len(numbers)))
        again = Stream(stream.name, stream.seller, stream.sku, stream.key, 0, 100, numbers=tuple(sorted(found)))
        return (await self._generate([again])).records if found else []

    async def _facts(self, started: float, repeats: Sequence[Record], planned: Sequence[str]) -> Facts:
        self._tell("looking at everybody's records")
        known = await evidence.orders(self.shop)
        findings, looked_at = await evidence.reconcile(self.shop, started)
        books = await evidence.books(self.shop, self.records, known)
        taken = [each.order_id for each in self.records if each.stream == VIRAL and each.answer == "accepted"]
        sagas = await evidence.workflows(self.shop.temporal)
        self.measured.starts = await evidence.starts(
            self.shop.temporal, [each for each in taken if each in sagas], self.cpu.parts
        )
        return Facts(
            offers=self.offers,
            records=self.records,
            repeats=repeats,
            began=self.began,
            orders=known,
            workflows=sagas,
            shelves=books.shelves,
            sold=await evidence.sold(self.shop),
            promised=books.promised,
            differences=books.differences,
            findings=findings,
            looked_at=looked_at,
            kills_planned=planned,
            killed=self.killed,
            restarts=self.shop.stack.restarts,
            unfinished=self.unfinished,
        )


@contextlib.asynccontextmanager
async def _generator(plan: Path, out: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, float]]:
    """A generator that has begun, and when; it does not outlive the block."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.surge.load", str(plan), str(out)), cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        line = await process.stdout.readline()
        if not line:
            raise RuntimeError("the load generator did not begin")
        said: Mapping[str, float] = json.loads(line)
        yield process, said["began"]
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _until(moment: float) -> None:
    """Sleep until a time of day."""
    await asyncio.sleep(max(0.0, moment - time.time()))

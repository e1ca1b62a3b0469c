"""One run: warm up, steady load with samples, rest, and the evidence."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ordersaga.domain.statuses import FINAL_STATUSES
from ordersaga.embedded.parts import Reporter
from tests.soak.load import Load
from tests.soak.samples import Samples, TableSize
from tests.soak.series import OF_PARTS, OF_THE_WHOLE, OURS, series_of
from tests.soak.trend import STRETCHES, Point, Trend, Verdict, trend
from tests.support.background import busy
from tests.surge import evidence
from tests.surge.plan import Options as Stack
from tests.surge.shop import Shop, open_shop

WARM_UP: Final = 0.2
LONGEST_WARM_UP: Final = 600.0
TRIAL: Final = 30.0
"""Minutes below which caches may still be filling: nothing is said to grow, and the page is left as it is."""
REST_WITHIN: Final = 300.0

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Options:
    """`minutes`: of steady load, warming up included; `rate`: orders a second; `every`: seconds between samples."""

    data: Path
    minutes: float = 60.0
    rate: float = 2.0
    every: float = 10.0
    apis: int = 1
    workers: int = 1

    @property
    def command(self) -> str:
        """How to do the same again."""
        return f"make soak MINUTES={self.minutes:g} RATE={self.rate:g}"

    @property
    def trial(self) -> bool:
        """Whether the run is too short for a verdict that something grows."""
        return self.minutes < TRIAL

    @property
    def warm_up(self) -> float:
        """Seconds that are not judged: caches fill."""
        return min(LONGEST_WARM_UP, WARM_UP * self.minutes * 60)


@dataclass(frozen=True)
class Judged:
    """One series. `verdict`: None where it is only told."""

    name: str
    trend: Trend
    limit: float | None
    verdict: Verdict | None


@dataclass(frozen=True)
class Outcome:
    """Everything a report is made of. `wrong`: what must not be, whatever the series say."""

    options: Options
    answers: Mapping[str, int]
    series: Mapping[str, Sequence[Point]]
    judged: Sequence[Judged]
    tables: Sequence[TableSize]
    wrong: Sequence[str]

    @property
    def grows(self) -> list[Judged]:
        """The series that fail the run."""
        return [each for each in self.judged if each.verdict is Verdict.GROWS]

    @property
    def good(self) -> bool:
        """Whether nothing grows and nothing is wrong."""
        return not self.grows and not self.wrong


async def run(options: Options, tell: Tell, report: Reporter | None = None) -> Outcome:
    """The whole run on a stack of its own."""
    stack = Stack(data=options.data, orders=1, units=1, apis=options.apis, workers=options.workers, nice=0)
    async with open_shop(stack, report) as shop:
        return await _soak(shop, options, tell)


async def _soak(shop: Shop, options: Options, tell: Tell) -> Outcome:
    began = time.time()
    samples = Samples(shop, [status.value for status in FINAL_STATUSES])
    load = Load(shop, samples.answers.append)
    async with busy(load.support(), _sample(samples, options, tell)):
        await load.run(options.rate, options.minutes * 60)
    await samples.look_at_tables()
    tell(f"{sum(load.answers.values())} checkouts; resting")
    wrong = [*_unexpected(load), *await _rest(shop), *(await evidence.reconcile(shop, began))[0]]
    found = judge(samples.series, trial=options.trial)
    wrong += [*restarted(shop.stack.restarts), *unjudged(found)]
    return Outcome(options, load.answers, samples.series, found, samples.tables, wrong)


async def _sample(samples: Samples, options: Options, tell: Tell) -> None:
    began, warm = time.monotonic(), False
    for number in range(1, 1_000_000):
        await asyncio.sleep(max(0.0, began + number * options.every - time.monotonic()))
        if not warm and time.monotonic() - began > options.warm_up:
            samples.forget()
            warm = True
        await samples.take()
        if number % 6 == 0:
            tell(_line(samples))


def _line(samples: Samples) -> str:
    last = {name: points[-1][1] for name, points in samples.series.items()}
    memory = ", ".join(f"{part} {last.get(f'memory {part}', 0):.0f} MB" for part in ("api", "worker", "postgres"))
    return f"{memory}; {last.get('open_orders', 0):.0f} orders under way, answers {last.get('answer_ms', 0):.0f} ms"


def judge(series: Mapping[str, Sequence[Point]], *, trial: bool = False) -> list[Judged]:
    """The trend of every series that has enough samples, against its limit; in a `trial` growth is not clear yet."""
    found = []
    for name, points in sorted(series.items()):
        if len(points) < STRETCHES:
            continue
        line = trend(points)
        limit = series_of(name).limit.of(line.mean)
        verdict = None if limit is None else line.verdict(limit)
        found.append(Judged(name, line, limit, Verdict.UNCLEAR if trial and verdict is Verdict.GROWS else verdict))
    return found


def restarted(restarts: Mapping[str, int]) -> list[str]:
    """Parts that died meanwhile: what leaks is let go with its process, and would be taken for flat."""
    return [f"{part} was restarted {count} times" for part, count in sorted(restarts.items()) if count]


def unjudged(found: Sequence[Judged]) -> list[str]:
    """Series of ours that nothing can be said of, because they were not sampled."""
    names = {each.name.partition("-")[0] for each in found}
    ours = {f"{kind} {part}" for kind in OF_PARTS for part in OURS} | set(OF_THE_WHOLE)
    return [f"{name}: too few samples" for name in sorted(ours - names)]


def _unexpected(load: Load) -> list[str]:
    """Answers that no shopper should get."""
    return [f"{count} checkouts: {answer}" for answer, count in load.answers.items() if answer not in _EXPECTED]


_EXPECTED: Final = frozenset({"201", "202", "402", "409", "200"})


async def _rest(shop: Shop) -> list[str]:
    """Every order comes to its end, every message is heard; what does not is named."""
    deadline = time.monotonic() + REST_WITHIN
    while await evidence.still_open(shop) + await evidence.unheard(shop):
        if time.monotonic() > deadline:
            rows = await shop.fetch(_LEFT, [status.value for status in FINAL_STATUSES])
            return [f"did not come to an end: {row['what']}, {row['stands']}" for row in rows]
        await asyncio.sleep(1)
    return []


_LEFT: Final = """
(SELECT 'order ' || order_id AS what, status AS stands FROM orders WHERE status <> ALL($1::text[]) LIMIT 20)
UNION ALL
(SELECT 'message ' || id, status || coalesce(': ' || left(error, 200), '') FROM webhook_inbox
 WHERE status IN ('pending', 'failed') LIMIT 20)
"""

"""B7: parts are killed with SIGKILL under load, one after another, and the books are audited at the end."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from benchmarks.figures import Figure, Picture, Row, at_most, require, told
from ordersaga.embedded.stack import forget
from tests.chaos.progress import Recovery
from tests.chaos.run import Plan, run
from tests.chaos.schedule import Fault
from tests.chaos.verdict import Verdict

PARTS: Final = ("worker", "api", "temporal", "postgres")
ROUNDS, ROUNDS_QUICK = 2, 1
RATE: Final = 1.5
FIRST, APART = 8.0, 14.0
"""Seconds before the first kill, and from each to the next: time to recover and to be seen recovered."""
MARK: Final = 10.0


async def measure(quick: bool, tell: Callable[[str], None]) -> Row:
    """The chaos test's load, people, proxies and audit, with these kills instead of its faults."""
    rounds = ROUNDS_QUICK if quick else ROUNDS
    targets = PARTS * rounds
    faults = tuple(Fault(place, FIRST + place * APART, "kill", part) for place, part in enumerate(targets))
    data = Path(tempfile.mkdtemp(prefix="ordersaga-bench-"))
    minutes = (FIRST + len(targets) * APART) / 60
    try:
        verdict = await run(Plan(1, minutes, data, RATE, faults), tell)
    finally:
        forget(data)
    return _row(quick, rounds, minutes, verdict)


def _row(quick: bool, rounds: int, minutes: float, verdict: Verdict) -> Row:
    lost = [*verdict.unfinished, *verdict.hollow, *(str(each) for each in verdict.differences)]
    kills = len(PARTS) * rounds
    longest = {part: _longest(verdict, part) for part in PARTS}
    return Row(
        row="B7",
        title="Recovery",
        beside="nothing",
        quick=quick,
        load=f"{RATE:g} orders/s of many kinds for {minutes:.1f} minutes through the chaos test's stack; worker, API, "
        f"Temporal and PostgreSQL killed with SIGKILL in turn, {kills} kills",
        figures=[
            *(_figure(part, seconds) for part, seconds in longest.items()),
            told("after the last kill, until all was at rest", "s", verdict.quiet_after),
        ],
        checks=[
            require(len(verdict.recoveries) == kills, f"all {kills} kills were carried out"),
            require(
                not lost, f"nothing was lost: {len(verdict.shoppers)} orders, 0 differences ({'; '.join(lost)[:300]})"
            ),
        ],
        notes=[
            "Measured from the kill, so the restart is in it: until a saga wrote down that it advanced, or a new order "
            "was confirmed. The longest of each part's kills counts."
        ],
        pictures=[
            Picture(
                name="recovery",
                kind="bars",
                title="From kill -9 to progress",
                y="seconds",
                groups={part: {"longest": seconds} for part, seconds in longest.items()},
            )
        ],
    )


def _figure(part: str, seconds: float) -> Figure:
    return at_most(f"{part} killed, until progress", "s", seconds, MARK)


def _longest(verdict: Verdict, part: str) -> float:
    """Seconds from a part's kill to progress of any kind."""
    mine: list[Recovery] = [each for each in verdict.recoveries if each.strike.fault.target == part]
    seconds = [each.seconds for each in mine if each.seconds is not None]
    require(bool(mine) and len(seconds) == len(mine), f"there was progress after every kill of {part}")
    return max(seconds)

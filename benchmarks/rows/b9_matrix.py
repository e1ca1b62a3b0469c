"""B9: how fast the fault matrix is played, from the results that `make faults` keeps, or from its sample played now."""

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from benchmarks.figures import Row, at_most, require, told
from tests.faults.boundaries import load
from tests.faults.cases import all_cases
from tests.faults.results import Results
from tests.support.emulators import ROOT

FOLDER: Final = ROOT / "build" / "faults"
PART_QUICK: Final = "one_parcel/"
"""Of a quick run's sample only cases whose id contains this."""
FULL: Final = 60.0
CORES: Final = 2
ENOUGH: Final = 50
"""Fewer cases tell nothing of a matrix of more than a thousand."""


async def measure(quick: bool, tell: Callable[[str], None]) -> Row:
    """Pace of what was played, and how long all of it takes at that pace on two cores."""
    played, seconds = _standing(FOLDER)
    if quick or played < ENOUGH:
        tell("no results of a whole run are kept: the sample is played now")
        await _play(PART_QUICK if quick else "")
        played, seconds = _since(played, seconds)
    known = [str(case) for case in all_cases(load(FOLDER / "boundaries.json"))]
    outcomes = Results(FOLDER / "results.jsonl").outcomes
    bad = sum(not outcome.good for outcome in outcomes.values())
    checks = [require(played > 0 and seconds > 0, f"{played:,} of {len(known):,} cases were played")]
    cores = os.cpu_count() or 1
    pace = played / (seconds / 60)
    return Row(
        row="B9",
        title="Fault matrix",
        beside="nothing",
        quick=quick,
        load=f"{played:,} cases of `make faults` in {seconds / 60:.1f} minutes on {cores} cores, each an order with "
        "its faults, judged by the companies' own records",
        figures=[
            told("cases a minute on a core", "", pace / cores),
            at_most("cases that did not hold", "", bad, 0),
            at_most("full matrix on two cores", "min", len(known) / (pace / cores * CORES), FULL),
        ],
        checks=checks,
        notes=[f"The full matrix has {len(known):,} cases; its time is theirs at the pace measured."],
    )


def _standing(folder: Path) -> tuple[int, float]:
    """Cases played so far, and the seconds they took."""
    clock = folder / "seconds"
    return len(Results(folder / "results.jsonl").outcomes), float(clock.read_text()) if clock.exists() else 0.0


def _since(played: int, seconds: float) -> tuple[int, float]:
    """What was played since then, if anything was; else all there is."""
    now_played, now_seconds = _standing(FOLDER)
    if now_played == played:
        return now_played, now_seconds
    return now_played - played, now_seconds - seconds


async def _play(only: str) -> None:
    command = (sys.executable, "-m", "tests.faults", "--sample", "--no-docs", "--only", only)
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT)
    try:
        await process.wait()
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()

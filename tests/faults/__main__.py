"""`python -m tests.faults`: play the fault matrix; what an earlier run has finished is not played again."""

import argparse
import asyncio
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from tests.faults import boundaries as places
from tests.faults.boundaries import Boundaries
from tests.faults.cases import FaultCase, all_cases, parse, sample
from tests.faults.recording import record
from tests.faults.results import Outcome, Results
from tests.faults.runner import run_cases
from tests.faults.shapes import SHAPES
from tests.faults.summary import DOCUMENT, failures, section, totals, write_section
from tests.support.emulators import ROOT

FOLDER: Final = ROOT / "build" / "faults"
JOBS: Final = 4
INTERRUPTED: Final = 130


def main() -> None:
    """Exit code 1 on any violation, and on any fault that met nothing."""
    chosen = _arguments()
    if chosen.fresh:
        shutil.rmtree(FOLDER, ignore_errors=True)
    sys.exit(asyncio.run(_stoppable(_one(chosen.case) if chosen.case else _many(chosen))))


async def _stoppable(work: Coroutine[Any, Any, int]) -> int:
    """SIGTERM ends it as Ctrl-C does: every stack is stopped, every result kept."""
    task = asyncio.ensure_future(work)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        return await task
    except asyncio.CancelledError:
        return INTERRUPTED


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--case", default="", metavar="ID", help="play one case alone")
    parser.add_argument("--sample", action="store_true", help="a fixed part: each fault with each order and company")
    parser.add_argument("--jobs", type=int, default=JOBS, help=f"stacks side by side (default {JOBS}, at least 2)")
    parser.add_argument("--only", default="", metavar="TEXT", help="cases whose id contains this")
    parser.add_argument("--fresh", action="store_true", help="forget boundaries and results of earlier runs")
    parser.add_argument("--no-docs", action="store_true", help="do not write a complete run into the documents")
    chosen = parser.parse_args()
    try:
        chosen.case = _known(chosen.case) if chosen.case else None
    except ValueError as error:
        parser.error(f"--case: {error}")
    return chosen


def _known(text: str) -> FaultCase:
    case = parse(text)
    if case.shape not in SHAPES:
        raise ValueError(f"no order is called {case.shape!r}; use one of {', '.join(SHAPES)}")
    return case


async def _one(case: FaultCase) -> int:
    """Play one case, and tell everything about it."""
    [found] = await run_cases([case], together=0)
    console = Console(highlight=False, soft_wrap=True, markup=False)
    console.print(f"{found.case}: {found.state}, ended {found.ended} after {found.seconds} s")
    for line in [*found.violations, *found.notes]:
        console.print(f"    {line}")
    return 0 if found.good else 1


async def _many(chosen: argparse.Namespace) -> int:
    console = Console(highlight=False, soft_wrap=True, markup=False)
    found = await _boundaries(console)
    cases = [case for case in all_cases(found) if chosen.only in str(case)]
    cases = sample(cases) if chosen.sample else cases
    results, clock = Results(FOLDER / "results.jsonl"), Clock(FOLDER / "seconds")
    await _play(cases, results, clock, chosen.jobs, console)
    bad = failures(results.outcomes[str(case)] for case in cases)
    for line in bad:
        console.print(line)
    console.print(totals(found, cases, results.outcomes, clock.seconds))
    complete = not (chosen.sample or chosen.only)
    if complete and not chosen.no_docs:
        write_section(section(found, cases, results.outcomes, clock.seconds), DOCUMENT, "faults")
    return 1 if bad else 0


async def _boundaries(console: Console) -> dict[str, Boundaries]:
    """Where orders can be struck: as noted by the run that is resumed, else noted now."""
    file = FOLDER / "boundaries.json"
    found = places.load(file)
    if not found:
        console.print("playing every order without faults, to note its calls and awaits")
        data = Path(tempfile.mkdtemp(prefix="ordersaga-faults-"))
        found = await record(data / "state")
        shutil.rmtree(data, ignore_errors=True)
        places.save(found, file)
    return found


async def _play(cases: Sequence[FaultCase], results: Results, clock: "Clock", jobs: int, console: Console) -> None:
    """Play what is missing, with a progress bar."""
    missing = set(results.missing(map(str, cases)))
    todo = [case for case in cases if str(case) in missing]
    if not todo:
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console) as progress:
        bar = progress.add_task("cases", total=len(cases), completed=len(cases) - len(todo))

        def report(found: Outcome) -> None:
            results.add(found)
            clock.note()
            if not found.good:
                progress.print(found.replay, markup=False, soft_wrap=True)
            progress.advance(bar)

        clock.start()
        together = max(1, jobs // 4) if any(not case.kills for case in todo) else 0
        await run_cases(todo, report, together=together, alone=max(1, jobs - together), logs=FOLDER / "logs")


class Clock:
    """How long cases have been played, over all runs that were resumed."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.seconds = float(file.read_text()) if file.exists() else 0.0
        self._last = time.monotonic()

    def start(self) -> None:
        """A run begins."""
        self._last = time.monotonic()

    def note(self) -> None:
        """Keep what has passed until now."""
        now = time.monotonic()
        self.seconds, self._last = self.seconds + now - self._last, now
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._file.write_text(f"{self.seconds:.1f}")


if __name__ == "__main__":
    main()

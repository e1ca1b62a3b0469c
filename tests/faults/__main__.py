"""`python -m tests.faults`: play the fault matrix; what an earlier run has finished is not played again."""

import argparse
import asyncio
import contextlib
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
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
NOTHING_TO_PLAY: Final = 2
TOLD_EVERY: Final = 50
"""Cases between two lines when the output is no terminal."""
HOW_TO_LIST: Final = "list the cases: make faults FAULTS_ARGS=--list"


def main() -> None:
    """Exit code 1 on any violation, and on any fault that met nothing; 2 when there is no case to play."""
    chosen = _arguments()
    if chosen.fresh:
        shutil.rmtree(FOLDER, ignore_errors=True)
    sys.exit(asyncio.run(_stoppable(_work(chosen))))


def _work(chosen: argparse.Namespace) -> Coroutine[Any, Any, int]:
    if chosen.list:
        return _list(chosen)
    return _one(chosen.case) if chosen.case else _many(chosen)


async def _stoppable(work: Coroutine[Any, Any, int]) -> int:
    """SIGTERM ends it as Ctrl-C does: every stack is stopped, every result kept."""
    task = asyncio.ensure_future(work)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        return await task
    except asyncio.CancelledError:
        return INTERRUPTED


@contextlib.contextmanager
def _telling_interruption(console: Console, what_is_kept: Callable[[], str]) -> Iterator[None]:
    try:
        yield
    except asyncio.CancelledError:
        console.print(f"interrupted; {what_is_kept()}")
        raise


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--case", default="", metavar="ID", help="play one case alone")
    parser.add_argument("--sample", action="store_true", help="a fixed part: each fault with each order and company")
    parser.add_argument("--jobs", type=int, default=JOBS, help=f"stacks side by side (default {JOBS}, at least 2)")
    parser.add_argument("--only", default="", metavar="TEXT", help="cases whose id contains this")
    parser.add_argument("--list", action="store_true", help="print the ids of these cases, and play none")
    parser.add_argument("--fresh", action="store_true", help="forget boundaries and results of earlier runs")
    parser.add_argument("--no-docs", action="store_true", help="do not write a complete run into the documents")
    chosen = parser.parse_args()
    try:
        chosen.case = _known(chosen.case) if chosen.case else None
    except ValueError as error:
        parser.error(f"--case: {error}; {HOW_TO_LIST}")
    return chosen


def _known(text: str) -> FaultCase:
    case = parse(text)
    if case.shape not in SHAPES:
        raise ValueError(f"no order is called {case.shape!r}; use one of {', '.join(SHAPES)}")
    return case


async def _one(case: FaultCase) -> int:
    """Play one case, and tell everything about it."""
    console = _console()
    with _telling_interruption(console, lambda: "nothing is kept of a case that is played alone"):
        [found] = await run_cases([case], together=0)
    console.print(f"{found.case}: {found.state}, ended {found.ended} after {found.seconds} s")
    for line in [*found.violations, *found.notes]:
        console.print(f"    {line}")
    return 0 if found.good else 1


def _console(*, stderr: bool = False) -> Console:
    return Console(highlight=False, soft_wrap=True, markup=False, stderr=stderr)


async def _list(chosen: argparse.Namespace) -> int:
    """The ids alone go to standard output."""
    complaints = _console(stderr=True)
    cases = _chosen(chosen, await _boundaries(complaints))
    for case in cases:
        print(case)
    return 0 if cases else _nothing(chosen, complaints)


def _chosen(chosen: argparse.Namespace, found: dict[str, Boundaries]) -> list[FaultCase]:
    cases = [case for case in all_cases(found) if chosen.only in str(case)]
    return sample(cases) if chosen.sample else cases


def _nothing(chosen: argparse.Namespace, console: Console) -> int:
    console.print(f"no case to play: no id contains {chosen.only!r}; {HOW_TO_LIST}")
    return NOTHING_TO_PLAY


async def _many(chosen: argparse.Namespace) -> int:
    console = _console()
    found = await _boundaries(console)
    cases = _chosen(chosen, found)
    if not cases:
        return _nothing(chosen, console)
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
        try:
            with _telling_interruption(console, lambda: "run it again to begin anew"):
                found = await record(data / "state")
        finally:
            shutil.rmtree(data, ignore_errors=True)
        places.save(found, file)
    return found


async def _play(cases: Sequence[FaultCase], results: Results, clock: "Clock", jobs: int, console: Console) -> None:
    """Play what is missing, with a progress bar, or a line now and then where there is no terminal."""
    missing = set(results.missing(map(str, cases)))
    todo = [case for case in cases if str(case) in missing]
    if not todo:
        return

    def done() -> str:
        return f"{len(cases) - len(results.missing(map(str, cases)))} of {len(cases)}"

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    again = _telling_interruption(console, lambda: f"run it again to go on ({done()})")
    with again, Progress(*columns, TimeRemainingColumn(), console=console) as progress:
        bar = progress.add_task("cases", total=len(cases), completed=len(cases) - len(todo))

        def report(found: Outcome) -> None:
            results.add(found)
            clock.note()
            if not found.good:
                progress.print(found.replay, markup=False, soft_wrap=True)
            progress.advance(bar)
            if not console.is_terminal and progress.tasks[bar].completed % TOLD_EVERY == 0:
                progress.print(f"{done()} cases")

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

"""Playing many cases: jobs, each with a stack of its own, take them from two queues until none is left.

Cases that kill the worker have a job for themselves; the others share one, side by side. A job ends after some cases
and a new one takes over, so that no stack grows old. A case whose fault met nothing is played again, alone.
"""

import asyncio
import contextlib
import json
import shutil
import sys
import tempfile
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.faults.cases import FaultCase
from tests.faults.player import ENDS_WITHIN
from tests.faults.results import Outcome
from tests.support.emulators import ROOT

SIDE_BY_SIDE: Final = 10
LIFETIME: Final = 120
"""Cases of one stack."""
CHANCES: Final = 3
"""How often a case is played whose fault met nothing."""
FAILURES: Final = 3
"""How many jobs may fail, as one does on a machine that is too busy to start a stack; their cases are played again."""
PATIENCE: Final = 420.0
_LINE: Final = 2**24

Report = Callable[[Outcome], None]


class JobFailedError(Exception):
    """A job's process ended, or fell silent, with cases in hand."""


@dataclass
class Turn:
    """A case that is to be played, and how often it was."""

    case: FaultCase
    played: int = 0

    @property
    def alone(self) -> bool:
        """Whether it needs a stack for itself."""
        return self.case.kills or self.played > 0


class Stage:
    """A job's process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._waiting: dict[str, asyncio.Future[Outcome | None]] = {}
        self._standing = asyncio.Event()
        self._over = False

    async def play(self, case: FaultCase) -> Outcome:
        """Send one case and wait for what it came to. Raises JobFailedError when the process ends before."""
        if self._over:
            raise JobFailedError("the job's stack did not start, or its process ended")
        answer: asyncio.Future[Outcome | None] = asyncio.get_running_loop().create_future()
        self._waiting[str(case)] = answer
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(str(case)).encode() + b"\n")
        done, _ = await asyncio.wait([answer], timeout=PATIENCE)
        if not done:
            raise JobFailedError(f"no outcome of {case} within {PATIENCE:g} s")
        found = answer.result()
        if found is None:
            raise JobFailedError("the job's process ended")
        return found

    async def listen(self) -> None:
        """Hand out answers until the process ends."""
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            said: Any = json.loads(line)
            self._standing.set()
            if isinstance(said, dict):
                found = Outcome(**said)
                self._waiting[found.case].set_result(found)
        self._over = True
        self._standing.set()
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_result(None)

    async def ready(self) -> None:
        """Wait until its stack stands, or never will; then the first case says so."""
        await self._standing.wait()


@contextlib.asynccontextmanager
async def staged(code: Path, logs: Path, patience: float) -> AsyncIterator[Stage]:
    """A job's process with its stack, which ends, in order, with its input. What it complains of goes to `logs`."""
    data = Path(tempfile.mkdtemp(prefix="ordersaga-faults-"))
    logs.mkdir(parents=True, exist_ok=True)
    argv = (sys.executable, "-m", "tests.faults.job", str(data / "state"), str(code), str(patience))
    with (logs / f"{data.name}.log").open("wb") as complaints:
        process = await asyncio.create_subprocess_exec(
            *argv,
            cwd=ROOT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=complaints,
            limit=_LINE,
        )
    stage = Stage(process)
    listening = asyncio.create_task(stage.listen())
    try:
        await stage.ready()
        yield stage
        await _ends(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        await listening
        shutil.rmtree(data, ignore_errors=True)


async def _ends(process: asyncio.subprocess.Process) -> None:
    assert process.stdin is not None
    process.stdin.close()
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(process.wait(), 60)


class Run:
    """One run over a list of cases. `report` is told every outcome."""

    def __init__(self, cases: Iterable[FaultCase], report: Report, code: Path, logs: Path, patience: float) -> None:
        self._together = deque(Turn(case) for case in cases if not case.kills)
        self._alone = deque(Turn(case) for case in cases if case.kills)
        self._report = report
        self._job = (code, logs, patience)
        self._failures = 0

    async def run(self, together: int, alone: int) -> None:
        """Play everything with so many jobs of each kind; a job of the first turns to the second when it is idle."""
        if not together:
            self._alone.extendleft(self._together)
            self._together.clear()
        async with asyncio.TaskGroup() as jobs:
            for _ in range(together):
                jobs.create_task(self._shared_job())
            for _ in range(alone):
                jobs.create_task(self._lone_job())
        if self._alone:
            await self._lone_job()

    async def _shared_job(self) -> None:
        while self._together:
            await self._shift(self._together, min(SIDE_BY_SIDE, len(self._together)))
        await self._lone_job()

    async def _lone_job(self) -> None:
        while self._alone:
            await self._shift(self._alone, 1)

    async def _shift(self, turns: deque[Turn], side_by_side: int) -> None:
        """One stack's life."""
        try:
            async with staged(*self._job) as stage, asyncio.TaskGroup() as taking:
                left = iter(range(LIFETIME))
                for _ in range(side_by_side):
                    taking.create_task(self._take(stage, turns, left))
        except* JobFailedError:
            self._failures += 1
            if self._failures > FAILURES:
                raise

    async def _take(self, stage: Stage, turns: deque[Turn], left: Iterator[int]) -> None:
        """One after the other, until none is left or the stack is old."""
        while turns and next(left, None) is not None:
            turn = turns.popleft()
            try:
                await self._play(stage, turn)
            except BaseException:
                turns.append(turn)
                raise

    async def _play(self, stage: Stage, turn: Turn) -> None:
        found = await stage.play(turn.case)
        if found.state == "unreached" and turn.played + 1 < CHANCES:
            self._alone.append(Turn(turn.case, turn.played + 1))
        else:
            self._report(found)


async def run_cases(
    cases: Iterable[FaultCase],
    report: Report = lambda _: None,
    *,
    code: Path = ROOT,
    patience: float = ENDS_WITHIN,
    together: int = 1,
    alone: int = 1,
    logs: Path = ROOT / "build" / "faults" / "logs",
) -> list[Outcome]:
    """Play cases and answer what each came to.

    Args:
        code: the folder whose product the stacks run.
        patience: seconds an order may take to end.
        together, alone: jobs for cases that share a stack, and for those that kill its worker.
        logs: where the jobs' complaints go.

    Raises:
        ExceptionGroup: of JobFailedError, when stacks did not start, or fell silent, again and again.
    """
    outcomes: list[Outcome] = []

    def note(found: Outcome) -> None:
        outcomes.append(found)
        report(found)

    await Run(list(cases), note, code, logs, patience).run(together, alone)
    return outcomes

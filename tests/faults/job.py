"""`python -m tests.faults.job FOLDER CODE SECONDS`: one stack, given cases line by line, answering an outcome each.

Cases come side by side, as many as whoever sends them likes. One that has ended is judged with all others that have:
what differs then must agree within a while, since companies settle some things later.
"""

import asyncio
import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from tests.faults.cases import FaultCase, parse
from tests.faults.ground import Ground, standing
from tests.faults.oracle import judge
from tests.faults.player import Played, play
from tests.faults.results import Outcome, State
from tests.faults.shapes import SHAPES

SETTLES_WITHIN: Final = 20.0
ROUND: Final = 1.0


@dataclass
class Waiting:
    """A case that has ended and is not judged yet."""

    case: FaultCase
    played: Played
    since: float
    judged: asyncio.Future[Outcome]


class Court:
    """Judges the cases of one stack together: companies and books are read once for all that wait."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._waiting: list[Waiting] = []

    async def judged(self, case: FaultCase, played: Played) -> Outcome:
        """What the case came to."""
        verdict: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting.append(Waiting(case, played, time.monotonic(), verdict))
        return await verdict

    async def sit(self) -> None:
        """Judge until canceled."""
        while True:
            if self._waiting:
                await self._round()
            await asyncio.sleep(ROUND)

    async def _round(self) -> None:
        before = list(self._waiting)
        found = [(owner_of(each.subject), str(each)) for each in await judge(self._ground)]
        for one in before:
            mine = [what for owner, what in found if owner == one.played.order_id]
            if not mine or time.monotonic() - one.since > SETTLES_WITHIN:
                self._waiting.remove(one)
                one.judged.set_result(outcome(one.case, one.played, mine))


def owner_of(subject: str) -> str:
    """The order a difference is about; a shelf's SKU is named after the one order that it is for."""
    return subject.rpartition("/")[2].partition("-")[0]


def outcome(case: FaultCase, played: Played, differences: list[str]) -> Outcome:
    """A case, how it was played, and what was found."""
    return Outcome(
        case=str(case),
        state=_state(case, played, differences),
        ended=played.ended,
        seconds=played.seconds,
        struck=played.struck,
        violations=differences,
        notes=played.notes,
    )


def _state(case: FaultCase, played: Played, differences: list[str]) -> State:
    if differences:
        return "violated"
    if all(played.struck):
        return "held"
    refused = case.strikes[0].fault == "refused_before" and played.struck[0]
    otherwise = played.ended != SHAPES[case.shape].ends or bool(played.notes)
    return "overtaken" if refused or (any(played.struck) and otherwise) else "unreached"


class Job:
    """Plays what comes on standard input."""

    def __init__(self, ground: Ground, patience: float) -> None:
        self._ground, self._court, self._patience = ground, Court(ground), patience
        self._count = 0

    async def run(self) -> None:
        """Until the input ends."""
        sitting = asyncio.create_task(self._court.sit())
        lines = await _standard_input()
        async with asyncio.TaskGroup() as playing:
            while line := await lines.readline():
                self._count += 1
                case = parse(json.loads(line))
                playing.create_task(self._play(case, f"f{self._count:04d}x"))
        sitting.cancel()

    async def _play(self, case: FaultCase, order_id: str) -> None:
        await self._ground.stock_up({order_id: SHAPES[case.shape]})
        played = await play(self._ground, case, order_id, self._patience)
        found = await self._court.judged(case, played)
        print(json.dumps(asdict(found)), flush=True)


async def _standard_input() -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    return reader


async def main(data: Path, code: Path, patience: float) -> None:
    """Stand up a stack and play; an order may take `patience` seconds to end."""
    async with standing(data, code) as ground:
        print(json.dumps("ready"), flush=True)
        await Job(ground, patience).run()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3])))

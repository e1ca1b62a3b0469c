"""`python -m tests.fuzz --minutes 5 --seed 1`: exit code 1 on any 5xx, silence, crash, or door that was not tried.

`--replay FILE` sends one kept input again.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

from ordersaga.embedded.stack import forget
from tests.fuzz.guiding import guided
from tests.fuzz.readers import readers
from tests.fuzz.run import Outcome, Tell, fuzz, opened, replay
from tests.fuzz.tally import BrokenError, Kept, shown
from tests.support.arguments import above_zero
from tests.support.emulators import ROOT


def main() -> int:
    """Run, or play one again."""
    options = _options()
    if options.replay:
        return _replay(Kept.read(options.replay))
    began = time.monotonic()

    def tell(line: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {line}", flush=True)

    how = "coverage and mutation" if guided() else "mutation alone, the guided fuzzer is not installed"
    tell(f"seed {options.seed}, {options.minutes:g} minutes; files by {how}")
    data = Path(tempfile.mkdtemp(prefix="ordersaga-fuzz-"))
    try:
        outcome = asyncio.run(_run(data, options.minutes, options.seed, tell))
    finally:
        forget(data)
    _show(outcome)
    return 0 if outcome.good else 1


async def _run(data: Path, minutes: float, seed: int, tell: Tell) -> Outcome:
    async with opened(data) as ground:
        return await fuzz(ground, minutes, seed, tell)


def _show(outcome: Outcome) -> None:
    print(f"\n{shown(outcome.tallies)}\n")
    asked = outcome.asked
    roles = ", ".join(f"{role} {count:,}" for role, count in sorted(asked.roles.items()))
    print(f"routes: {len(asked.operations)} operations, {len(asked.taken)} went through; requests by role: {roles}")
    for tally in outcome.tallies:
        for told, kept in tally.kept.items():
            print(f"\n{tally.door}: {told}\n  {kept.write()}")
    print("\nnothing broke" if outcome.good else "\nSOMETHING BROKE, or a door was not tried")


def _replay(kept: Kept) -> int:
    """Exit code 1 when it breaks the door still."""
    print(f"{kept.door}: {kept.told}")
    try:
        print(f"now: {_again(kept)}")
    except BrokenError as error:
        print(f"now: {error}")
        return 1
    return 0


def _again(kept: Kept) -> str:
    reader = readers(ROOT / "examples").get(kept.door)
    if reader:
        return reader.outcome(kept.content)
    data = Path(tempfile.mkdtemp(prefix="ordersaga-fuzz-"))
    try:
        return asyncio.run(_sent(data, kept))
    finally:
        forget(data)


async def _sent(data: Path, kept: Kept) -> str:
    async with opened(data) as ground:
        return await replay(ground, kept.door, kept.content)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="decides the inputs")
    parser.add_argument("--minutes", type=above_zero, default=5.0, help="how long all doors together are tried")
    parser.add_argument("--replay", type=Path, help="a file of build/fuzz")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

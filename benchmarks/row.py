"""One row in this process: `python -m benchmarks.row B3 --quick --results build/bench`; exit code 1 if it is invalid.

Rows run in processes of their own, so that none measures what another left in memory.
"""

import argparse
import asyncio
import sys
import time
from pathlib import Path

from benchmarks.figures import InvalidMeasurementError, keep
from benchmarks.machine import describe, today
from benchmarks.rows.registry import MODULES, measure_of


def main() -> int:
    """Measure, and keep what was measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.row", description=__doc__)
    parser.add_argument("row", choices=MODULES)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--results", type=Path, required=True)
    chosen = parser.parse_args()
    machine, began = describe(), time.monotonic()

    def tell(line: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {chosen.row}  {line}", flush=True)

    try:
        found = asyncio.run(measure_of(chosen.row)(chosen.quick, tell))
    except InvalidMeasurementError as error:
        tell(f"invalid: {error}")
        return 1
    seconds = round(time.monotonic() - began, 1)
    keep(chosen.results, found.model_copy(update={"seconds": seconds, "measured_at": today(), "machine": machine}))
    tell("reached" if found.reached else "not reached")
    return 0


if __name__ == "__main__":
    sys.exit(main())

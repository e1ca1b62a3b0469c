"""`python -m benchmarks`: measure rows B1 to B9, then write the report; rows measured before are kept.

A row that does not reach its mark is no failure. Exit code 1: a measurement was invalid; 130: interrupted.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from benchmarks.figures import kept
from benchmarks.report import write_report
from benchmarks.rows.registry import MODULES
from tests.support.emulators import ROOT

RESULTS: Final = ROOT / "build" / "bench"
DOCS: Final = ROOT / "docs"
INTERRUPTED: Final = 130


def main() -> int:
    """Measure what is missing, or what was named."""
    chosen = _arguments()
    if chosen.fresh:
        shutil.rmtree(chosen.results, ignore_errors=True)
    began, invalid = time.monotonic(), []
    for name in _todo(chosen):
        code = _measure(name, chosen.results, quick=chosen.quick)
        if code == INTERRUPTED:
            print("interrupted; run it again to go on")
            return INTERRUPTED
        if code != 0:
            invalid.append(name)
    _report(chosen)
    if invalid:
        print(f"invalid: {', '.join(invalid)}")
    print(f"{time.monotonic() - began:.0f} s")
    return 1 if invalid else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", type=_rows, default=[], metavar="B1,B5", help="measure these rows, anew")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter: to see that all works, not to quote")
    parser.add_argument("--fresh", action="store_true", help="forget what was measured before")
    parser.add_argument("--report", action="store_true", help="measure nothing, write the report of what there is")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the rows' files")
    parser.add_argument("--docs", type=Path, help="folder of the report; default: docs, of a quick run the results'")
    return parser.parse_args()


def _rows(text: str) -> list[str]:
    names = [name.strip().upper() for name in text.split(",") if name.strip()]
    if unknown := [name for name in names if name not in MODULES]:
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)} unknown; the rows are {', '.join(MODULES)}")
    return names


def _todo(chosen: argparse.Namespace) -> Sequence[str]:
    if chosen.report:
        return []
    standing = kept(chosen.results, list(MODULES), quick=chosen.quick)
    return chosen.only or [name for name in MODULES if name not in standing]


def _measure(name: str, results: Path, *, quick: bool) -> int:
    """One row in a process of its own; an interruption reaches it too, and is waited for."""
    command = [sys.executable, "-m", "benchmarks.row", name, "--results", str(results), *(["--quick"] if quick else [])]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    row = subprocess.Popen(command, cwd=ROOT, env=environment)
    try:
        return row.wait()
    except KeyboardInterrupt:
        row.send_signal(signal.SIGINT)
        row.wait()
        return INTERRUPTED


def _report(chosen: argparse.Namespace) -> None:
    rows = kept(chosen.results, list(MODULES), quick=chosen.quick)
    docs = chosen.docs or (chosen.results if chosen.quick else DOCS)
    if rows:
        print(f"report: {write_report(docs, list(rows.values()))}")


if __name__ == "__main__":
    sys.exit(main())

"""`python -m tests.soak --minutes 60 --rate 2`: exit code 1 when something grows, or an order does not end well.

A run of half an hour or more writes docs/soak.md; a shorter one is a trial, and writes build/soak/soak.md.
"""

import argparse
import asyncio
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console

from benchmarks.machine import describe, today
from ordersaga.embedded.stack import forget
from tests.soak.report import as_json, show, write_page
from tests.soak.run import Options, Outcome, run
from tests.support.arguments import above_zero, at_least_one
from tests.support.emulators import ROOT


def main() -> int:
    """Run, show, write."""
    wanted = _wanted()
    console, machine = Console(), describe()
    outcome = _run(wanted, console)
    show(console, outcome)
    folder = ROOT / "build" / "soak"
    page = wanted.page or (folder if outcome.options.trial else ROOT / "docs") / "soak.md"
    write_page(page, outcome, machine, today())
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.json").write_text(json.dumps(as_json(outcome), indent=2) + "\n", encoding="utf-8")
    console.print(f"report: {page}, {folder / 'report.json'}", highlight=False, soft_wrap=True)
    return 0 if outcome.good else 1


def _run(wanted: argparse.Namespace, console: Console) -> Outcome:
    began, data = time.monotonic(), Path(tempfile.mkdtemp(prefix="ordersaga-soak-"))

    def tell(line: str) -> None:
        console.print(f"[dim]{time.monotonic() - began:6.1f} s[/]  {line}", highlight=False, soft_wrap=True)

    options = Options(data, wanted.minutes, wanted.rate, wanted.every, wanted.apis, wanted.workers)
    tell(options.command)
    try:
        return asyncio.run(run(options, tell))
    finally:
        forget(data)
        shutil.rmtree(data, ignore_errors=True)


def _wanted() -> argparse.Namespace:
    usual = Options(Path())
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=above_zero, default=usual.minutes, help="of steady load")
    parser.add_argument("--rate", type=above_zero, default=usual.rate, help="orders a second")
    parser.add_argument("--every", type=above_zero, default=usual.every, help="seconds between two samples")
    parser.add_argument("--apis", type=at_least_one, default=usual.apis, help="API processes")
    parser.add_argument("--workers", type=at_least_one, default=usual.workers, help="workers")
    parser.add_argument("--page", type=Path, help="the page that is written")
    wanted = parser.parse_args()
    options = Options(Path(), wanted.minutes, wanted.rate, wanted.every)
    if (options.minutes * 60 - options.warm_up) / options.every < 12:
        parser.error("too short for a trend: at least 12 samples after the first fifth")
    return wanted


if __name__ == "__main__":
    sys.exit(main())

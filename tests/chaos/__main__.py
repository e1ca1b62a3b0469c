"""`python -m tests.chaos --seed 1 --minutes 3`: exit code 1 on any difference or lost order.

A run without faults or orders is never a success: one too short for a fault is refused.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console

from ordersaga.embedded.stack import forget
from tests.chaos.report import show
from tests.chaos.run import RATE, Plan, run
from tests.chaos.schedule import plan_faults
from tests.chaos.verdict import as_json
from tests.support.arguments import above_zero
from tests.support.emulators import ROOT


def main() -> int:
    """Run, show, write the report."""
    options = _options()
    console = Console()
    if options.plan:
        for fault in plan_faults(options.seed, options.minutes * 60):
            console.print(str(fault), highlight=False)
        return 0
    data = options.data or Path(tempfile.mkdtemp(prefix="ordersaga-chaos-"))
    began = time.monotonic()

    def tell(line: str) -> None:
        console.print(f"[dim]{time.monotonic() - began:6.1f} s[/]  {line}", highlight=False, soft_wrap=True)

    tell(f"seed {options.seed}, {options.minutes:g} minutes, {options.rate:g} orders a second")
    try:
        verdict = asyncio.run(run(Plan(options.seed, options.minutes, data, options.rate), tell))
    finally:
        if options.data is None:
            forget(data)
    show(console, verdict)
    file = ROOT / "build" / "chaos" / f"report-{options.seed}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(as_json(verdict), indent=2) + "\n", encoding="utf-8")
    console.print(f"report: {file.relative_to(ROOT)}", highlight=False)
    return 0 if verdict.good else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="decides orders and faults")
    parser.add_argument("--minutes", type=above_zero, default=3.0, help="how long orders come and faults strike")
    parser.add_argument("--rate", type=above_zero, default=RATE, help="orders a second")
    parser.add_argument("--data", type=Path, help="folder of databases and logs, kept; default: one that is deleted")
    parser.add_argument("--plan", action="store_true", help="only print the faults of this seed")
    options = parser.parse_args()
    if not plan_faults(options.seed, options.minutes * 60):
        parser.error(f"--minutes: {options.minutes:g} is too short for any fault of seed {options.seed}")
    return options


if __name__ == "__main__":
    sys.exit(main())

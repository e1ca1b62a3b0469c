"""`python -m tests.surge`: exit code 1 when any count is not exact, any promise broken, any book out of balance.

Times are reported and warned of; with --strict they fail the run too.
"""

import argparse
import asyncio
import json
import shutil
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from ordersaga.embedded.stack import forget
from tests.support.arguments import above_zero, at_least_one, not_below_zero
from tests.support.emulators import ROOT
from tests.surge.plan import Options
from tests.surge.report import as_json, show
from tests.surge.run import Outcome, run


def main() -> int:
    """Run, show, write the report."""
    wanted = _options()
    console = Console()
    outcome = _run(_as_options(wanted), console, keep=wanted.data is not None)
    show(console, outcome)
    told = as_json(outcome)
    file: Path = wanted.json or ROOT / "build" / "surge" / "report.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    console.print(f"report: {file}", highlight=False, soft_wrap=True)
    return 0 if told["good"] and not (wanted.strict and told["warnings"]) else 1


def _run(options: Options, console: Console, *, keep: bool) -> Outcome:
    began = time.monotonic()

    def tell(line: str) -> None:
        console.print(f"[dim]{time.monotonic() - began:6.1f} s[/]  {line}", highlight=False, soft_wrap=True)

    tell(options.command)
    try:
        return asyncio.run(run(options, tell))
    finally:
        if not keep:
            forget(options.data)
            shutil.rmtree(options.data, ignore_errors=True)


def _as_options(wanted: argparse.Namespace) -> Options:
    data = wanted.data or Path(tempfile.mkdtemp(prefix="ordersaga-surge-"))
    names = ("rate", "orders", "units", "apis", "workers", "kill", "seed", "others", "quiet", "nice")
    return replace(Options(data=data), **{name: getattr(wanted, name) for name in names})


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.surge", description=__doc__)
    usual = Options(data=Path())
    parser.add_argument(
        "--rate", type=_rate, default=usual.rate, help="checkouts a second; max: search for the highest"
    )
    parser.add_argument("--orders", type=at_least_one, default=usual.orders, help="checkouts on the viral SKU")
    parser.add_argument("--units", type=at_least_one, default=usual.units, help="units of it")
    parser.add_argument("--apis", type=at_least_one, default=usual.apis, help="API processes")
    parser.add_argument("--workers", type=at_least_one, default=usual.workers, help="workers")
    parser.add_argument("--kill", action="store_true", help="kill -9 API processes and a worker meanwhile")
    parser.add_argument("--seed", type=int, default=usual.seed, help="decides shoppers and moments")
    parser.add_argument("--others", type=not_below_zero, default=usual.others, help="checkouts/s of each other seller")
    parser.add_argument("--quiet", type=not_below_zero, default=usual.quiet, help="seconds before the surge")
    parser.add_argument("--nice", type=int, choices=range(20), default=usual.nice, help="of all but API and database")
    parser.add_argument("--strict", action="store_true", help="times beyond their limits fail the run")
    parser.add_argument("--data", type=Path, help="folder of databases and logs, kept; default: one that is deleted")
    parser.add_argument("--json", type=Path, help="where the report goes; default: build/surge/report.json")
    return parser.parse_args()


def _rate(text: str) -> float | None:
    return None if text == "max" else above_zero(text)


if __name__ == "__main__":
    sys.exit(main())

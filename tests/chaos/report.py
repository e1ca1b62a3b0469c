"""The verdict as a person reads it."""

from collections import Counter
from collections.abc import Iterable, Mapping

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tests.chaos.progress import Recovery
from tests.chaos.schedule import KINDS, LINKS, PARTS
from tests.chaos.verdict import Verdict


def show(console: Console, verdict: Verdict) -> None:
    """Tables, then the last lines; what is wrong, one line each."""
    console.print(_faults(verdict))
    console.print(_orders(verdict))
    for line in (*verdict.hollow, *verdict.unfinished, *(f"not injected: {fault}" for fault in verdict.missed)):
        console.print(f"[red]✗[/] {escape(line)}", highlight=False, soft_wrap=True)
    for difference in verdict.differences:
        console.print(f"[red]✗[/] {escape(str(difference))}", highlight=False, soft_wrap=True)
    for line in summary(verdict):
        console.print(escape(line), highlight=False, soft_wrap=True)


def summary(verdict: Verdict) -> list[str]:
    """The last lines."""
    answers = Counter(each.answer or "no answer" for each in verdict.shoppers)
    lines = [
        f"orders placed: {len(verdict.shoppers)} ({_told(answers)})",
        f"orders by status: {_told(verdict.ends)}",
        f"faults injected: {len(verdict.recoveries)} ({_told(Counter(_kinds(verdict)))})",
        f"questions asked: {verdict.asked.total()} ({_told(verdict.chosen)})",
        f"longest until a saga advanced or an order was confirmed: {_named(verdict.longest)}",
        f"longest until a new order was confirmed: {_named(verdict.longest_confirmed, confirmed=True)}",
        f"at rest {verdict.quiet_after:.1f} s after the last fault",
        f"{len(verdict.differences)} differences",
    ]
    return lines if verdict.good else [*lines, f"again: {verdict.command}"]


def _kinds(verdict: Verdict) -> Iterable[str]:
    return (each.strike.fault.kind for each in verdict.recoveries)


def _named(recovery: Recovery | None, *, confirmed: bool = False) -> str:
    if recovery is None:
        return "no fault"
    seconds = recovery.confirmed if confirmed else recovery.seconds
    fault = recovery.strike.fault
    return f"{'never' if seconds is None else f'{seconds:.1f} s'} after {fault.kind} {fault.target} at {fault.at:.1f} s"


def _told(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in sorted(counts.items())) or "none"


def _faults(verdict: Verdict) -> Table:
    """Targets down, kinds across."""
    counts = Counter((each.strike.fault.target, each.strike.fault.kind) for each in verdict.recoveries)
    table = Table(title="Faults injected", title_justify="left")
    for column in ("target", *KINDS, "restarts"):
        table.add_column(column, justify="left" if column == "target" else "right")
    for target in dict.fromkeys((*PARTS, *LINKS)):
        restarts = str((verdict.restarts or {}).get(target, ""))
        table.add_row(target, *(str(counts[target, kind] or "") for kind in KINDS), restarts)
    return table


def _orders(verdict: Verdict) -> Table:
    """Scenarios down, how their orders ended across."""
    ends = sorted({*verdict.ends, "unknown"})
    table = Table(title="Orders by scenario and end", title_justify="left")
    for column in ("scenario", *ends):
        table.add_column(column, justify="left" if column == "scenario" else "right")
    rows: dict[str, Counter[str]] = {}
    for each in verdict.shoppers:
        status = verdict.statuses.get(each.order_id)
        rows.setdefault(each.order.scenario, Counter())[status.value if status else "unknown"] += 1
    for scenario, counts in sorted(rows.items()):
        table.add_row(scenario, *(str(counts[end] or "") for end in ends))
    return table

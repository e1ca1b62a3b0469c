"""How the demo is shown: a live table on a terminal, plain lines elsewhere, and the result."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final, Self

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from ordersaga.demo.result import Result
from ordersaga.domain.statuses import FINAL_STATUSES, OrderStatus

LINE_EVERY: Final = 5.0
_ORDER: Final = tuple(OrderStatus)


class Progress:
    """Shows how many orders stand where. On a terminal it repaints; elsewhere it prints a line now and then."""

    def __init__(self, console: Console, total: int) -> None:
        self._console = console
        self._total = total
        self._began = time.monotonic()
        self._last_line = 0.0
        self._live = Live(console=console, auto_refresh=False, transient=True) if console.is_terminal else None

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    @property
    def seconds(self) -> float:
        """Since the first order."""
        return time.monotonic() - self._began

    def tell(self, line: str) -> None:
        """One event."""
        self._console.print(f"[dim]{self.seconds:5.1f} s[/]  {escape(line)}", highlight=False, soft_wrap=True)

    def show(self, counts: Mapping[OrderStatus, int], placed: int) -> None:
        """The present state."""
        if self._live:
            self._live.update(Group(self._headline(counts, placed), _statuses(counts)), refresh=True)
        elif self.seconds - self._last_line >= LINE_EVERY:
            self._last_line = self.seconds
            told = ", ".join(f"{counts[status]} {status}" for status in _ORDER if counts.get(status))
            self.tell(f"{placed} of {self._total} placed: {told or 'none yet'}")

    def _headline(self, counts: Mapping[OrderStatus, int], placed: int) -> Text:
        ended = sum(counts.get(status, 0) for status in FINAL_STATUSES)
        return Text(f"{self.seconds:5.1f} s   placed {placed} of {self._total}, final {ended}", style="bold")


def _statuses(counts: Mapping[OrderStatus, int]) -> Table:
    table = Table(show_header=False, box=None)
    for status in _ORDER:
        if number := counts.get(status, 0):
            color = "green" if status in FINAL_STATUSES else "red" if status is OrderStatus.NEEDS_ATTENTION else "cyan"
            table.add_row(status.value, str(number), Text("■" * number, style=color))
    return table


def tell_phase(console: Console, line: str) -> None:
    """What is done now."""
    console.print(f"[dim]{escape(line)}[/]", highlight=False, soft_wrap=True)


def show_outcomes(console: Console, result: Result) -> None:
    """Outcomes by kind, then whatever is wrong, one line each."""
    console.print(_kinds(result))
    for line in (*result.unexpected, *map(str, result.differences)):
        console.print(f"[red]✗[/] {escape(line)}", highlight=False, soft_wrap=True)


def show_summary(console: Console, result: Result) -> None:
    """The last lines."""
    for line in result.summary():
        console.print(escape(line), highlight=False, soft_wrap=True)


def _kinds(result: Result) -> Table:
    table = Table(title="Outcomes by kind", title_justify="left")
    for column in ("kind", "orders", "expected", "actual", ""):
        table.add_column(column, no_wrap=column == "kind")
    for kind, cases in result.by_kind().items():
        expected, actual = _tally([end.expected for end in cases]), _tally([end.actual for end in cases])
        verdict = "[green]✓[/]" if all(end.as_expected for end in cases) else "[red]✗[/]"
        table.add_row(kind, str(len(cases)), expected, actual, verdict)
    return table


def _tally(words: Sequence[str]) -> str:
    return ", ".join(f"{number} {word}" for word, number in sorted(Counter(words).items()))

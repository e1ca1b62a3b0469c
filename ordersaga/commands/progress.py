"""What a person sees while the stack starts and runs: one line for each event."""

from pathlib import Path

from rich.console import Console
from rich.markup import escape

from ordersaga.embedded import PartFailedError, Stack, StackError
from ordersaga.embedded.folders import STACK_FILE


class ConsoleReporter:
    """Prints the stack's events. Parts start together, so lines appear in the order of readiness."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._pending: list[str] = []
        self._status = console.status("starting")

    def starting(self, name: str) -> None:
        """A part is being started."""
        self._pending.append(name)
        self._show_pending()

    def ready(self, name: str, detail: str, seconds: float) -> None:
        """A part answers, or a step is done."""
        if name in self._pending:
            self._pending.remove(name)
        self._console.print(f"[green]✓[/] {name:<11}[dim]{seconds:5.1f} s[/]  {escape(detail)}", highlight=False)
        self._show_pending()

    def died(self, name: str, how: str, delay: float) -> None:
        """A part died and is restarted after `delay` seconds."""
        when = f"in {delay:g} s" if delay else "now"
        self._console.print(f"[yellow]![/] {name} {escape(how)}; restarting {when}", highlight=False)

    def stopped(self, name: str) -> None:
        """A part was stopped on purpose."""
        self._status.stop()
        self._console.print(f"[dim]- {name} stopped[/]", highlight=False)

    def noticed(self, message: str) -> None:
        """Anything else worth a line."""
        self._console.print(f"[yellow]![/] {escape(message)}", highlight=False, soft_wrap=True)

    def _show_pending(self) -> None:
        if self._pending and self._console.is_terminal:
            self._status.update(f"starting {', '.join(self._pending)}")
            self._status.start()
        else:
            self._status.stop()


def show_start(console: Console, data: Path) -> None:
    """Print what begins now, and where."""
    told = f"starting the stack in {data}"
    console.print(f"[dim]{escape(told)}[/]", highlight=False, soft_wrap=True)


def told_of_stack(error: StackError) -> str:
    """The error in its line and, of a part that failed, the last lines of its log below."""
    said = error.said if isinstance(error, PartFailedError) else ()
    return "\n".join([str(error), *(f"  {line}" for line in said)])


def show_addresses(console: Console, stack: Stack) -> None:
    """Print where everything is and the keys that open it."""
    labels = {
        "api": "API",
        "console": "Console",
        "temporal_ui": "Temporal UI",
        "temporal": "Temporal",
        "database": "PostgreSQL",
    }
    console.print()
    for name, label in labels.items():
        console.print(f"  {label:<12} {stack.urls[name]}", highlight=False, soft_wrap=True)
    for url in stack.api_urls[1:]:
        console.print(f"  {'and':<12} {url}", highlight=False, soft_wrap=True)
    for role, key in stack.keys.items():
        console.print(f"  {f'key {role}':<12} {key}", highlight=False, soft_wrap=True)
    console.print(f"  {'passwords':<12} {stack.data / STACK_FILE}", highlight=False, soft_wrap=True)
    console.print(f"  {'logs':<12} {stack.data / 'logs'}\n", highlight=False, soft_wrap=True)

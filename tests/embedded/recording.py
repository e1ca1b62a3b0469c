"""A reporter that remembers, and tiny parts that are real processes."""

import sys
from pathlib import Path

from ordersaga.embedded.parts import Part
from ordersaga.embedded.process import Command
from ordersaga.embedded.sockets import answers_ok

TINY_PART = Path(__file__).with_name("tiny_part.py")


class RecordingReporter:
    """Remembers events as (what, name) and deaths with their reason."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str]] = []
        self.deaths: list[str] = []

    def starting(self, name: str) -> None:
        """Remember."""
        self.events.append(("starting", name))

    def ready(self, name: str, detail: str, seconds: float) -> None:
        """Remember."""
        self.events.append(("ready", name))

    def died(self, name: str, how: str, delay: float) -> None:
        """Remember."""
        self.events.append(("died", name))
        self.deaths.append(f"{name} {how}, restarting in {delay:g} s")

    def stopped(self, name: str) -> None:
        """Remember."""
        self.events.append(("stopped", name))

    def noticed(self, message: str) -> None:
        """Remember."""
        self.events.append(("noticed", message))

    def names(self, what: str) -> list[str]:
        """The parts to which `what` happened, in order."""
        return [name for event, name in self.events if event == what]


def tiny_part(name: str, port: int, *, needs: tuple[str, ...] = (), mode: str = "serve", grace: float = 2.0) -> Part:
    """A part that serves HTTP within milliseconds; `mode` may be serve, stubborn, silent or broken."""
    command = Command(argv=[sys.executable, "-S", str(TINY_PART), str(port), mode], environment={}, grace=grace)
    return Part(name=name, command=command, needs=needs, ready=answers_ok(port, "/"), ready_timeout=3.0)

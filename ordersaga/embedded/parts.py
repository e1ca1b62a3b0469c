"""The vocabulary of the supervisor: a part is a process to keep alive, a step is work to do once."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from ordersaga.embedded.errors import UnknownPartError
from ordersaga.embedded.process import Command


async def nothing() -> None:
    """Prepare nothing."""


PATIENCE: Final = 600.0
"""Seconds one part may take to become ready. A part that fails ends by itself, so only one that hangs takes them."""

Ready = Callable[[int], Awaitable[bool]]
"""Asks whether a part answers; it is given the id of the process that should."""


async def survived_a_moment(_pid: int) -> bool:
    """Readiness of a part that cannot be asked: it is still running after a moment."""
    await asyncio.sleep(0.5)
    return True


@dataclass(frozen=True)
class Part:
    """A process that is started, watched and restarted.

    `passes`: words of a start that failed for something that passes by itself; it is tried again.
    """

    name: str
    command: Command
    needs: tuple[str, ...] = ()
    ready: Ready = survived_a_moment
    prepare: Callable[[], Awaitable[None]] = nothing
    detail: str = ""
    ready_timeout: float = PATIENCE
    passes: str = ""


@dataclass(frozen=True)
class Step:
    """Work done once while starting, such as migrations. Its answer is shown to the person waiting."""

    name: str
    run: Callable[[], Awaitable[str]]
    needs: tuple[str, ...] = ()


class Reporter(Protocol):
    """Who tells the person (or the test) what happens, one line each."""

    def starting(self, name: str) -> None: ...
    def ready(self, name: str, detail: str, seconds: float) -> None: ...
    def died(self, name: str, how: str, delay: float) -> None: ...
    def stopped(self, name: str) -> None: ...
    def noticed(self, message: str) -> None: ...


class SilentReporter:
    """Tells nobody."""

    def starting(self, name: str) -> None:
        """A part is being started."""

    def ready(self, name: str, detail: str, seconds: float) -> None:
        """A part answers, or a step is done."""

    def died(self, name: str, how: str, delay: float) -> None:
        """A part died and is restarted after `delay` seconds."""

    def stopped(self, name: str) -> None:
        """A part was stopped on purpose."""

    def noticed(self, message: str) -> None:
        """Anything else worth a line."""


GROUPS: dict[str, tuple[str, ...]] = {"emulators": ("stripe", "shipbob", "easypost")}


def expand(names: Collection[str], known: Sequence[str]) -> set[str]:
    """Names as typed, with groups such as `emulators` replaced by their members."""
    expanded: set[str] = set()
    for name in names:
        members = GROUPS.get(name, (name,))
        if unknown := [member for member in members if member not in known]:
            raise UnknownPartError(unknown[0], [*known, *GROUPS])
        expanded.update(members)
    return expanded


def choose(known: Sequence[str], only: Collection[str], without: Collection[str]) -> set[str]:
    """The parts to start: all, or `only` those, less `without`."""
    chosen = expand(only, known) if only else set(known)
    return chosen - expand(without, known)

"""The undo plan: registered before each step, run by irreversibility: stop goods, release stock, settle money."""

from collections.abc import Awaitable, Callable
from enum import IntEnum

Undo = Callable[[], Awaitable[None]]


class Phase(IntEnum):
    """The order of undoing. Money comes last: it follows what really happened to the goods."""

    GOODS = 1
    LABEL = 2
    STOCK = 3
    MONEY = 4


class GoodsGoneError(Exception):
    """The goods can no longer be kept back: nothing after this phase may be undone."""


class UndoPlan:
    """What one parcel would have to undo."""

    def __init__(self) -> None:
        self._entries: list[tuple[Phase, Undo]] = []

    def register(self, phase: Phase, undo: Undo) -> None:
        """Call this before the step itself. `undo` must be safe when the step never happened, and to repeat."""
        self._entries.append((phase, undo))

    def holds(self, phase: Phase) -> bool:
        """Whether there is anything to undo in this phase."""
        return any(entry[0] is phase for entry in self._entries)

    def forget(self, *phases: Phase) -> None:
        """A point of no return was passed: these phases have nothing left to undo."""
        self._entries = [entry for entry in self._entries if entry[0] not in phases]

    async def run(self, *phases: Phase) -> None:
        """Undo these phases, or all; latest first within a phase. Each undo ends, if need be by asking a person.

        Raises GoodsGoneError when the goods could not be stopped; the rest of the plan then still stands.
        """
        for entry in [one for one in self._in_order() if one[0] in (phases or Phase)]:
            await entry[1]()
            self._entries.remove(entry)

    def _in_order(self) -> list[tuple[Phase, Undo]]:
        latest_first = self._entries[::-1]
        return sorted(latest_first, key=lambda entry: entry[0])

"""Traps at awaits: a folder shared with the worker says where a saga's task is to fail, or its worker to die.

A trap is a file named after its workflow; springing it renames it first, so that it strikes once though the worker
may die of it.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

Deed = Literal["fail", "die", "tell"]
ENVIRONMENT: Final = "ORDERSAGA_FAULT_TRAPS"


@dataclass(frozen=True)
class Trap:
    """What happens when a workflow comes to an await. `tell`: nothing, but it can be seen that it came."""

    workflow_id: str
    awaited: str
    deed: Deed


class Traps:
    """The traps in one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def set(self, trap: Trap) -> None:
        """Lay it, in one step."""
        draft = self._folder / f"{trap.workflow_id}.draft"
        draft.write_text(f"{trap.deed}\n{trap.awaited}", encoding="utf-8")
        draft.rename(self._waiting(trap.workflow_id))

    def sprung(self, workflow_id: str) -> bool:
        """Whether the workflow came there."""
        return self._sprung(workflow_id).exists()

    def spring(self, workflow_id: str, heard: list[str]) -> Deed | None:
        """What to do now that the workflow heard of these; None almost always."""
        waiting = self._waiting(workflow_id)
        if not waiting.exists():
            return None
        deed, _, awaited = waiting.read_text(encoding="utf-8").partition("\n")
        if awaited not in heard:
            return None
        waiting.rename(self._sprung(workflow_id))
        return "fail" if deed == "fail" else "die" if deed == "die" else "tell"

    def _waiting(self, workflow_id: str) -> Path:
        return self._folder / f"{workflow_id}.waiting"

    def _sprung(self, workflow_id: str) -> Path:
        return self._folder / f"{workflow_id}.sprung"

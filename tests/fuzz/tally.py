"""What came of the inputs, door by door; what broke is kept as a file that one command plays again."""

import base64
import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from tests.support.emulators import ROOT

FOLDER: Final = ROOT / "build" / "fuzz"


class BrokenError(Exception):
    """A door broke: what it did. `kind`: 5xx or crash."""

    def __init__(self, kind: str, told: str) -> None:
        super().__init__(f"{kind}: {told}")
        self.kind = kind


@dataclass(frozen=True)
class Kept:
    """An input that broke a door."""

    door: str
    content: bytes
    told: str

    def write(self) -> str:
        """Keep it; the command that plays it again."""
        FOLDER.mkdir(parents=True, exist_ok=True)
        name = f"{self.door.replace(' ', '-')}-{hashlib.sha256(self.content).hexdigest()[:10]}.json"
        content = base64.b64encode(self.content).decode()
        text = json.dumps({"door": self.door, "told": self.told, "content": content}, indent=2)
        (FOLDER / name).write_text(text + "\n", encoding="utf-8")
        return f".venv/bin/python -m tests.fuzz --replay build/fuzz/{name}"

    @classmethod
    def read(cls, file: Path) -> Self:
        """As it was kept."""
        told = json.loads(file.read_text(encoding="utf-8"))
        return cls(told["door"], base64.b64decode(told["content"]), told["told"])


@dataclass
class Tally:
    """Of one door: how often each outcome, and what broke, once for each way it broke."""

    door: str
    outcomes: Counter[str] = field(default_factory=Counter)
    kept: dict[str, Kept] = field(default_factory=dict)

    @property
    def tried(self) -> int:
        """How many inputs."""
        return self.outcomes.total()

    @property
    def broken(self) -> int:
        """How many broke it."""
        return self.outcomes["5xx"] + self.outcomes["crash"]

    def add(self, outcome: str, times: int = 1) -> None:
        """Count one outcome: a status, `taken`, `refused`."""
        self.outcomes[outcome] += times

    def broke(self, error: BrokenError, content: bytes) -> None:
        """Count and keep one that broke it."""
        self.outcomes[error.kind] += 1
        self.kept.setdefault(str(error)[:160], Kept(self.door, content, str(error)))


def shown(tallies: list[Tally]) -> str:
    """The table that is printed."""
    lines = [f"{'door':28} {'inputs':>9} {'taken':>9} {'refused':>9} {'5xx':>5} {'crashes':>8}"]
    for each in [*tallies, _sum(tallies)]:
        taken = sum(count for name, count in each.outcomes.items() if name == "taken" or name[:1] in "23")
        refused = each.tried - taken - each.broken
        five, crashes = each.outcomes["5xx"], each.outcomes["crash"]
        lines.append(f"{each.door:28} {each.tried:9,} {taken:9,} {refused:9,} {five:5} {crashes:8}")
    return "\n".join(lines)


def _sum(tallies: list[Tally]) -> Tally:
    whole = Tally("all")
    for each in tallies:
        whole.outcomes.update(each.outcomes)
    return whole

"""What cases came to, one JSON line each, so that a run that was stopped goes on where it was."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

State = Literal["held", "violated", "unreached", "overtaken"]


@dataclass
class Outcome:
    """One case. `overtaken`: of two faults the first took the order another way, so the second met nothing.

    `notes`: answers and questions an undisturbed order does not have. Seconds are real ones.
    """

    case: str
    state: State
    ended: str
    seconds: float
    struck: list[bool] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether it proves what it was made for."""
        return self.state in ("held", "overtaken")

    @property
    def replay(self) -> str:
        """How it is played alone."""
        return f"make faults CASE='{self.case}'"


class Results:
    """Outcomes by case, kept in a file. The last line of a case counts."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.outcomes: dict[str, Outcome] = {}
        if file.exists():
            for line in file.read_text(encoding="utf-8").splitlines():
                self._take(json.loads(line))

    def _take(self, plain: Mapping[str, object]) -> None:
        outcome = Outcome(**plain)  # type: ignore[arg-type]  # written by `add`
        self.outcomes[outcome.case] = outcome

    def add(self, outcome: Outcome) -> None:
        """Keep one."""
        self.outcomes[outcome.case] = outcome
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._file.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(asdict(outcome)) + "\n")

    def missing(self, cases: Iterable[str]) -> list[str]:
        """Cases without an outcome, or with one that must be looked at again."""
        return [case for case in cases if case not in self.outcomes or not self.outcomes[case].good]

"""What became of each request, as the shopper saw it; times are seconds since the generator's start."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

Answer = Literal["accepted", "refused", "other", "unanswered"]

FAILED: Final = 0
"""The status of a try that ended without an answer: reset, refused, closed, or given up."""


class Try(NamedTuple):
    """One sending and what came of it."""

    sent: float
    ended: float
    status: int


@dataclass(frozen=True)
class Record:
    """A request from when it was due to its final answer. `said`: the code of a problem, or what was not expected."""

    stream: str
    order_id: str
    number: int
    due: float
    answer: Answer
    tries: tuple[Try, ...]
    said: str = ""

    @property
    def status(self) -> int:
        """The last status."""
        return self.tries[-1].status if self.tries else FAILED

    @property
    def late(self) -> float:
        """How long after it was due it was first sent."""
        return self.tries[0].sent - self.due if self.tries else 0.0

    @property
    def latency(self) -> float | None:
        """From when it was due to its final answer; None without one."""
        return None if self.answer == "unanswered" or not self.tries else self.tries[-1].ended - self.due

    @property
    def first_latency(self) -> float | None:
        """From when it was due to the first answer of any kind, a 503 too; None without one."""
        return next((each.ended - self.due for each in self.tries if each.status != FAILED), None)

    @property
    def resets(self) -> int:
        """Tries without an answer."""
        return sum(each.status == FAILED for each in self.tries)

    def answers(self, status: int) -> int:
        """How often it was answered so."""
        return sum(each.status == status for each in self.tries)


@dataclass(frozen=True)
class Told:
    """What a generator reports. `began`: its start as seconds since the epoch; `cpu`: its CPU seconds since then."""

    began: float
    cpu: float
    records: tuple[Record, ...] = field(default_factory=tuple)


def write(path: Path, told: Told) -> None:
    """Keep it."""
    rows = [[r.stream, r.order_id, r.number, r.due, r.answer, r.tries, r.said] for r in told.records]
    path.write_text(json.dumps({"began": told.began, "cpu": told.cpu, "records": rows}), encoding="utf-8")


def read(path: Path) -> Told:
    """Read it back."""
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    records = (
        Record(stream, order_id, number, due, answer, tuple(Try(*each) for each in tries), said)
        for stream, order_id, number, due, answer, tries, said in content["records"]
    )
    return Told(content["began"], content["cpu"], tuple(records))


@dataclass(frozen=True)
class Spread:
    """Many times as three, in milliseconds."""

    count: int
    p50: float
    p99: float
    most: float

    def __str__(self) -> str:
        return f"{self.p50:.0f} / {self.p99:.0f} / {self.most:.0f} ms" if self.count else "none"


def spread(seconds: Sequence[float | None]) -> Spread:
    """p50, p99 and the longest; those that never came are left out."""
    known = sorted(each * 1000 for each in seconds if each is not None)
    return Spread(len(known), _at(known, 0.50), _at(known, 0.99), known[-1] if known else 0.0)


def _at(ordered: Sequence[float], share: float) -> float:
    """Nearest rank: the least value that at least `share` of all do not exceed."""
    return ordered[max(0, -(-len(ordered) * round(share * 100) // 100) - 1)] if ordered else 0.0

"""Where a shape can be struck: every call it makes to an outside company, and everything its sagas wait for.

Both are read from what was recorded while the shape was played some times without faults: the companies' request logs
and the sagas' Temporal histories. What not every play came to is a matter of timing and no boundary.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

READS: Final = frozenset({"GET", "HEAD"})
_KEPT: Final = re.compile(r"v\d+|\d{4}-\d{2}")
_ID: Final = "{id}"

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Call:
    """The n-th request of one kind; `path` has `{id}` where ids stand."""

    company: str
    method: str
    path: str
    number: int

    def __str__(self) -> str:
        return f"{self.company} {self.method} {self.path}#{self.number}"

    @property
    def changes(self) -> bool:
        """Whether it changes something outside."""
        return self.method not in READS

    @property
    def pattern(self) -> str:
        """The path as a regular expression."""
        return "^" + re.escape(self.path).replace(re.escape(_ID), "[^/:]+") + "$"


@dataclass(frozen=True)
class Await:
    """What ends a wait of the order's saga, or of its return's (`saga` is `order` or `return`)."""

    saga: str
    name: str

    def __str__(self) -> str:
        return f"{self.saga}: {self.name}"


@dataclass(frozen=True)
class Boundaries:
    """Everything about one shape, in the order in which it came."""

    calls: tuple[Call, ...]
    awaits: tuple[Await, ...]

    @property
    def changes(self) -> list[Call]:
        """Calls that change something."""
        return [call for call in self.calls if call.changes]

    @property
    def reads(self) -> list[Call]:
        """The first of each kind of call that only reads: how often one looks is a matter of timing."""
        return [call for call in self.calls if not call.changes and call.number == 1]


def template(path: str) -> str:
    """A path without its ids: `/v1/payment_intents/pi_1/capture` becomes `/v1/payment_intents/{id}/capture`."""
    return "/".join(_segment(part) for part in path.split("/"))


def _segment(part: str) -> str:
    name, colon, action = part.partition(":")
    is_id = any(letter.isdigit() for letter in name) and not _KEPT.fullmatch(name)
    return f"{_ID if is_id else name}{colon}{action}"


def calls_of(company: str, requests: Iterable[Record]) -> list[tuple[str, Call]]:
    """Calls in a request log, each with the moment it was answered."""
    seen: Counter[tuple[str, str]] = Counter()
    found = []
    for request in requests:
        kind = request["method"], template(request["path"])
        seen[kind] += 1
        found.append((request["at"], Call(company, *kind, seen[kind])))
    return found


def common(plays: Sequence[Boundaries]) -> Boundaries:
    """What every play came to, in the order of the first."""
    first, *others = plays
    return Boundaries(
        tuple(call for call in first.calls if all(call in other.calls for other in others)),
        tuple(one for one in first.awaits if all(one in other.awaits for other in others)),
    )


def save(found: Mapping[str, Boundaries], file: Path) -> None:
    """Keep them: a run that is resumed strikes where the first one did."""
    plain = {
        name: {"calls": list(map(vars, b.calls)), "awaits": list(map(vars, b.awaits))} for name, b in found.items()
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(plain, indent=1), encoding="utf-8")


def load(file: Path) -> dict[str, Boundaries]:
    """What was kept; empty when nothing was."""
    if not file.exists():
        return {}
    plain = json.loads(file.read_text(encoding="utf-8"))
    return {
        name: Boundaries(tuple(Call(**c) for c in kept["calls"]), tuple(Await(**a) for a in kept["awaits"]))
        for name, kept in plain.items()
    }

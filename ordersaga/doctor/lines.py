"""A line of a checkup."""

from collections.abc import Iterable
from typing import Literal

from ordersaga.domain.values import Message

Verdict = Literal["ok", "warn", "fail"]


class Line(Message):
    """What was looked at, how it stands, and what would help; `remedy` is empty where all is well."""

    check: str
    verdict: Verdict
    told: str
    remedy: str = ""


class Checkup(Message):
    """Every line, in the order in which things depend on each other."""

    lines: tuple[Line, ...]

    @property
    def sound(self) -> bool:
        """Nothing failed; warnings do not keep orders from being taken."""
        return all(line.verdict != "fail" for line in self.lines)


def ok(check: str, told: str) -> Line:
    """All is well."""
    return Line(check=check, verdict="ok", told=told)


def fail(check: str, told: str, remedy: str) -> Line:
    """Orders cannot be taken, or not be kept safe."""
    return Line(check=check, verdict="fail", told=told, remedy=remedy)


def warn(check: str, told: str, remedy: str) -> Line:
    """It works, and is not as it should be in production."""
    return Line(check=check, verdict="warn", told=told, remedy=remedy)


def names(found: Iterable[str]) -> str:
    """A list for people."""
    return ", ".join(found)

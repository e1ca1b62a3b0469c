"""Every case of the matrix: a shape and one or two strikes. Its id says all there is to know to play it again."""

import itertools
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from allpairspy import AllPairs

from tests.faults.boundaries import Await, Boundaries, Call
from tests.faults.faults import AT_AWAITS, AT_CHANGES, AT_READS, IN_FLIGHT, KILLS, OF_MESSAGES

MESSAGES: Final = "messages"
_CALL: Final = re.compile(r"(?P<company>\w+) (?P<method>[A-Z]+) (?P<path>\S+)#(?P<number>\d+)")
_AND: Final = " + "

Row = tuple[Any, ...]


@dataclass(frozen=True)
class Strike:
    """One fault at one boundary; `where` None: it meets all messages about the order."""

    where: Call | Await | None
    fault: str

    def __str__(self) -> str:
        return f"{self.where or MESSAGES}/{self.fault}"

    @property
    def kills(self) -> bool:
        """Whether it ends the worker."""
        return self.fault in KILLS


@dataclass(frozen=True)
class FaultCase:
    """A shape that meets faults."""

    shape: str
    strikes: tuple[Strike, ...]

    def __str__(self) -> str:
        return f"{self.shape}/{_AND.join(map(str, self.strikes))}"

    @property
    def kills(self) -> bool:
        """Whether it needs a stack for itself."""
        return any(strike.kills for strike in self.strikes)

    @property
    def kind(self) -> str:
        """The heading it is counted under."""
        return self.strikes[0].fault if len(self.strikes) == 1 else "two faults"


def parse(text: str) -> FaultCase:
    """The case an id names. Raises ValueError for a text that names none."""
    shape, slash, rest = text.partition("/")
    if not slash:
        raise ValueError(f"{text!r} names no case: SHAPE/BOUNDARY/FAULT")
    return FaultCase(shape, tuple(_strike(part) for part in rest.split(_AND)))


def _strike(text: str) -> Strike:
    where, slash, fault = text.rpartition("/")
    known = {*AT_CHANGES, *AT_READS, *AT_AWAITS, *OF_MESSAGES, IN_FLIGHT}
    if not slash or fault not in known:
        raise ValueError(f"{text!r} names no fault; use one of {', '.join(sorted(known))}")
    if where == MESSAGES:
        return Strike(None, fault)
    if called := _CALL.fullmatch(where):
        return Strike(Call(called["company"], called["method"], called["path"], int(called["number"])), fault)
    saga, _, name = where.partition(": ")
    return Strike(Await(saga, name), fault)


def all_cases(boundaries: Mapping[str, Boundaries]) -> list[FaultCase]:
    """The whole matrix."""
    return [case for shape, found in boundaries.items() for case in [*singles(shape, found), *pairs(shape, found)]]


def singles(shape: str, found: Boundaries) -> Iterator[FaultCase]:
    """Every boundary with every fault that may meet it."""
    for strike in _strikes(found):
        yield FaultCase(shape, (strike,))


def _strikes(found: Boundaries) -> Iterator[Strike]:
    for calls, faults in ((found.changes, (*AT_CHANGES, IN_FLIGHT)), (found.reads, AT_READS)):
        yield from (Strike(call, fault) for call in calls for fault in faults)
    yield from (Strike(one, fault) for one in found.awaits for fault in AT_AWAITS)
    yield from (Strike(None, fault) for fault in OF_MESSAGES)


def pairs(shape: str, found: Boundaries) -> list[FaultCase]:
    """Two faults at two calls that change something, the second later: every two of the four values meet once."""
    calls = found.changes
    if len(calls) < 2:
        return []
    rows = covering(len(calls), AT_CHANGES)
    return [FaultCase(shape, (Strike(calls[a], first), Strike(calls[b], second))) for a, first, b, second in rows]


def covering(places: int, faults: Sequence[str]) -> list[Row]:
    """Rows (place, fault, later place, fault) in which every two values that can stand in one row do so."""
    values: list[list[Any]] = [list(range(places - 1)), list(faults), list(range(1, places)), list(faults)]
    rows: list[Row] = [tuple(row) for row in AllPairs(values, filter_func=_in_order)]
    met = {pair for row in rows for pair in _met(row)}
    for row in itertools.product(values[0], faults, values[2], faults):  # what the library's search has left out
        if _in_order(row) and not met.issuperset(_met(row)):
            rows.append(row)
            met.update(_met(row))
    return rows


def _in_order(row: Sequence[Any]) -> bool:
    return len(row) < 3 or row[0] < row[2]


def _met(row: Sequence[Any]) -> set[tuple[tuple[int, Any], ...]]:
    return set(itertools.combinations(enumerate(row), 2))


def sample(cases: Iterable[FaultCase]) -> list[FaultCase]:
    """A fixed part: each shape and each company with each fault that ends no process, and each that does, once.

    Cases are looked at in the order of a checksum, so that early and late boundaries are among them.
    """
    chosen: list[FaultCase] = []
    seen: set[tuple[str, str]] = set()
    for case in sorted(cases, key=lambda case: zlib.crc32(str(case).encode())):
        new = {*_features(case)} - seen
        if new:
            chosen.append(case)
            seen |= new
    return chosen


def _features(case: FaultCase) -> Iterator[tuple[str, str]]:
    if len(case.strikes) > 1:
        yield from [] if case.kills else [(case.shape, case.kind)]
        return
    [strike] = case.strikes
    where = strike.where
    if not (strike.kills or strike.fault == "read_error"):
        yield case.shape, strike.fault
    if isinstance(where, Call) and not strike.kills:
        yield where.company, f"{where.changes} {strike.fault}"
    yield "any", strike.fault

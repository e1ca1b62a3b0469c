"""What a complete run is told in: a table for the documents, and lines for the terminal."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from tests.faults.boundaries import Boundaries
from tests.faults.cases import FaultCase
from tests.faults.results import Outcome
from tests.support.emulators import ROOT

DOCUMENT: Final = ROOT / "docs" / "failure-matrix.md"
TITLES: Final = {"faults": "## Every fault at every step", "mutants": "## Seeded bugs that the cases catch"}
_INTRODUCTION: Final = """\
`make faults` plays seven orders. Their outside calls and their sagas' awaits are read from what was recorded while each
was played without faults, and each meets every fault that can happen there. After every case the companies' own records
are laid beside our books (I1 to I7). The run that wrote this:"""
_EXPLANATION: Final = """\
Calls that read are struck the first time each kind comes: how often one looks is a matter of timing. Two faults: rows
of a covering array, in which every two of call, fault, later call and fault meet. Overtaken: the first fault took the
order another way, so the second met nothing."""


def failures(outcomes: Iterable[Outcome]) -> list[str]:
    """How to play each case again that is not good, and why."""
    found = []
    for one in outcomes:
        if not one.good:
            why = one.violations or [f"{one.state}: the fault met nothing ({one.ended})"]
            found.append("\n".join([one.replay, *(f"    {line}" for line in why)]))
    return found


def totals(
    boundaries: Mapping[str, Boundaries], cases: Sequence[FaultCase], outcomes: Mapping[str, Outcome], seconds: float
) -> str:
    """One line with every figure."""
    found = [outcomes[str(case)] for case in cases if str(case) in outcomes]
    count = Counter(one.state for one in found)
    pace = f"{len(found) / max(seconds / 60, 0.01):.0f} cases a minute"
    calls = sum(len(each.changes) + len(each.reads) for each in boundaries.values())
    awaits = sum(len(each.awaits) for each in boundaries.values())
    return (
        f"{calls + awaits} boundaries ({calls} calls, {awaits} awaits), "
        f"{len(found)} of {len(cases)} cases run, {count['violated']} violations, {count['unreached']} unreached; "
        f"{seconds / 60:.1f} minutes, {pace}"
    )


def section(
    boundaries: Mapping[str, Boundaries], cases: Sequence[FaultCase], outcomes: Mapping[str, Outcome], seconds: float
) -> str:
    """The tables of the document."""
    told = f"{_INTRODUCTION}\n\n{totals(boundaries, cases, outcomes, seconds)}."
    tables = [_by_shape(boundaries, cases, outcomes), _by_fault(cases, outcomes)]
    return "\n\n".join([told, *("\n".join(table) for table in tables), _EXPLANATION])


def _by_shape(
    boundaries: Mapping[str, Boundaries], cases: Sequence[FaultCase], outcomes: Mapping[str, Outcome]
) -> list[str]:
    rows = [
        "order | calls that change | calls that read | awaits | cases | two faults | violations",
        " | ".join(["---"] * 7),
    ]
    for shape, found in boundaries.items():
        mine = [case for case in cases if case.shape == shape]
        pairs = sum(len(case.strikes) > 1 for case in mine)
        figures = [len(found.changes), len(found.reads), len(found.awaits), len(mine), pairs, _violated(mine, outcomes)]
        rows.append(f"{shape} | {' | '.join(map(str, figures))}")
    return rows


def _by_fault(cases: Sequence[FaultCase], outcomes: Mapping[str, Outcome]) -> list[str]:
    rows = ["fault | cases | held | overtaken | violations", " | ".join(["---"] * 5)]
    for kind in dict.fromkeys(case.kind for case in cases):
        mine = [case for case in cases if case.kind == kind]
        states = Counter(outcomes[str(case)].state for case in mine if str(case) in outcomes)
        rows.append(f"{kind} | {len(mine)} | {states['held']} | {states['overtaken']} | {states['violated']}")
    return rows


def _violated(cases: Iterable[FaultCase], outcomes: Mapping[str, Outcome]) -> int:
    return sum(outcomes[str(case)].state == "violated" for case in cases if str(case) in outcomes)


def write_section(text: str, file: Path, name: str) -> None:
    """Replace what stands between the markers of this name, or add it at the end."""
    begin, end = f"<!-- {name}: written by make {name} -->", f"<!-- {name}: end -->"
    before, _, rest = file.read_text(encoding="utf-8").partition(begin)
    after = rest.partition(end)[2].strip()
    parts = [before.rstrip(), begin, TITLES[name], text, end, *([after] if after else [])]
    file.write_text("\n\n".join(parts) + "\n", "utf-8")

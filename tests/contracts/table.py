"""Who keeps which contract: plays every case and writes docs/contracts.md.

python -m tests.contracts.table
"""

import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

import pytest

ROOT: Final = Path(__file__).resolve().parents[2]
PAGE: Final = ROOT / "docs" / "contracts.md"
TITLES: Final = {
    "test_booking_provider": "Providers that book their carrier",
    "test_provider": "Providers that do not",
    "test_reserving_provider": "Providers that reserve",
    "test_provider_stock": "Providers that count stock",
    "test_carrier": "Carriers",
    "test_label_history": "Carriers that list their labels",
    "test_channel": "Channels",
    "test_payment_gateway": "Payment companies",
    "test_payment_history": "Payment companies, what they have on record",
}
WORDS: Final = {"passed": "kept", "skipped": "not offered", "failed": "**broken**"}
INTRODUCTION: Final = """# Who keeps which contract

The same cases are played on each company's gateway, before its emulator, and on the fake that other tests use. *Not
offered* is what a company says of itself; the order then goes another way. Empty: the company has no such thing.

Written by `python -m tests.contracts.table`. Whenever a case is played and the page tells something else, it fails.
"""

_NODE: Final = re.compile(r"tests/contracts/(\w+)\.py::test_(\w+)\[([a-z_0-9]+)")
_HEADING: Final = re.compile(r"## .*/(\w+)\.py\)\)")
_ROLE: Final = re.compile(r"_(at_home|stock|storehouse)$")


class Case(NamedTuple):
    """A case of a contract, played on a company. `file`: the test module that spells the contract."""

    file: str
    name: str
    company: str


def case_of(node_id: str) -> Case | None:
    """Which case a test plays; None: none of a company's."""
    found = _NODE.match(node_id)
    if found is None or found[1] not in TITLES:
        return None
    return Case(found[1], found[2].replace("_", " "), _ROLE.sub("", found[3]))


def told() -> dict[Case, str]:
    """What the page says of each case; empty without a page."""
    found: dict[Case, str] = {}
    file, companies = "", list[str]()
    for line in PAGE.read_text(encoding="utf-8").splitlines() if PAGE.exists() else ():
        if heading := _HEADING.match(line):
            file = heading[1]
        cells = [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("| ") else []
        if cells[:1] == ["case"]:
            companies = cells[1:]
        elif cells and cells[0] != "---":
            found |= {Case(file, cells[0], name): word for name, word in zip(companies, cells[1:], strict=True) if word}
    return found


def page(outcomes: Mapping[Case, str]) -> str:
    """The page that tells these outcomes; the companies in the order in which they were played."""
    return "\n".join([INTRODUCTION, *(_table(file, outcomes) for file in TITLES)])


def _table(file: str, outcomes: Mapping[Case, str]) -> str:
    played = {case: word for case, word in outcomes.items() if case.file == file}
    companies = _once(case.company for case in played)
    rows = [
        [name, *(played.get(Case(file, name, company), "") for company in companies)]
        for name in _once(case.name for case in played)
    ]
    lines = [["case", *companies], ["---"] * (len(companies) + 1), *rows]
    table = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    return f"## {TITLES[file]} ([cases](../tests/contracts/{file}.py))\n\n{table}\n"


def _once(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))


class Outcomes:
    """A plugin that notes what became of each case; one that is broken once is broken."""

    def __init__(self) -> None:
        self.found: dict[Case, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """The call counts, and whatever else failed."""
        case = case_of(report.nodeid)
        if case is not None and (report.when == "call" or report.failed):
            broken = self.found.get(case) == WORDS["failed"]
            self.found[case] = WORDS["failed"] if broken else WORDS[report.outcome]


def main() -> int:
    """Play, write, and tell whether everything is kept."""
    PAGE.unlink(missing_ok=True)
    outcomes = Outcomes()
    files = [str(ROOT / "tests" / "contracts" / f"{file}.py") for file in TITLES]
    code = pytest.main(["-q", "-p", "no:cacheprovider", *files], plugins=[outcomes])
    PAGE.write_text(page(outcomes.found), encoding="utf-8")
    sys.stdout.write(PAGE.read_text(encoding="utf-8"))
    return int(code)


if __name__ == "__main__":
    sys.exit(main())

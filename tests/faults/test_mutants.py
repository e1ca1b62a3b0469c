"""The oracle itself is on trial: each seeded bug is caught by its case, and the same cases hold without the bug."""

from pathlib import Path

import pytest

from tests.faults.cases import parse
from tests.faults.mutants import MUTANTS, NAMED, caught, hunt
from tests.faults.runner import run_cases
from tests.faults.summary import failures
from tests.support.copies import copy_product


@pytest.mark.parametrize("name", MUTANTS)
def test_the_code_still_has_the_place(tmp_path: Path, name: str) -> None:
    """A seeded bug whose place is gone would be no bug: the copy differs from the product in what it names."""
    folder = copy_product(tmp_path, MUTANTS[name].changes)
    for change in MUTANTS[name].changes:
        assert change.new in (folder / change.file).read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_each_seeded_bug_is_caught(tmp_path: Path) -> None:
    """Undo skipped, undo swapped, key dropped, refunded twice, oversold, closed unbalanced: the books tell."""
    found = await hunt(NAMED, tmp_path)
    assert [name for name, outcome in found.items() if not caught(MUTANTS[name], outcome)] == []


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_without_the_bug_the_same_cases_hold(tmp_path: Path) -> None:
    """The control: what is caught is the bug, not the copy or the case."""
    cases = [parse(case) for case in dict.fromkeys(mutant.case for mutant in MUTANTS.values())]
    assert failures(await run_cases(cases, alone=0, logs=tmp_path)) == []

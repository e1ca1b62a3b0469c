"""The sample of the fault matrix, played for real: every fault meets its boundary, and nothing differs afterwards."""

from pathlib import Path

import pytest

from tests.faults.cases import all_cases, parse, sample
from tests.faults.recording import record
from tests.faults.runner import run_cases
from tests.faults.shapes import SHAPES
from tests.faults.summary import failures

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


async def test_the_sample_holds(tmp_path: Path) -> None:
    """Each order with each fault, and every company's calls with each: I1 to I7 hold by the companies' own records."""
    boundaries = await record(tmp_path / "state")
    assert set(boundaries) == set(SHAPES)
    assert all(found.changes and found.reads and found.awaits for found in boundaries.values())
    cases = sample(all_cases(boundaries))
    outcomes = await run_cases(cases, logs=tmp_path / "logs")
    assert failures(outcomes) == []
    assert {one.case for one in outcomes} == {str(case) for case in cases}


async def test_a_fault_that_meets_nothing_is_told(tmp_path: Path) -> None:
    """A boundary the order never comes to proves nothing: the case is tried again, alone, and then reported."""
    [found] = await run_cases([parse("one_parcel/easypost POST /v2/shipments#1/timeout")], logs=tmp_path / "logs")
    assert (found.state, found.ended, found.struck) == ("unreached", "completed", [False])
    assert not found.good

"""Chaos, short: half a minute of orders while every kind of fault strikes, then not one difference."""

from pathlib import Path

import pytest

from ordersaga.embedded.stack import forget
from tests.chaos.report import summary
from tests.chaos.run import Plan, run
from tests.chaos.schedule import KINDS

SEED, MINUTES = 1, 0.5

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


async def test_orders_survive_every_kind_of_fault(tmp_path: Path) -> None:
    """Kills, pauses, latency, resets, lost answers, half-open and refused connections: the books agree at the end."""
    told: list[str] = []
    try:
        verdict = await run(Plan(SEED, MINUTES, tmp_path / "state"), told.append)
    finally:
        forget(tmp_path / "state")
    said = "\n".join([*told, *summary(verdict), *map(str, verdict.differences), *verdict.unfinished])
    assert verdict.good, said
    assert {each.strike.fault.kind for each in verdict.recoveries} == set(KINDS)
    assert len(verdict.shoppers) > 25
    assert verdict.ends["completed"] > 10, said

"""A small surge on the whole stack, an API process and a worker killed in its midst: every count is exact."""

from pathlib import Path

import pytest

from ordersaga.embedded.stack import forget
from tests.surge.plan import Options
from tests.surge.report import TOGETHER, as_json, summary
from tests.surge.run import run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


async def test_a_surge_sells_every_unit_once_though_processes_are_killed(tmp_path: Path) -> None:
    """400 shoppers, 20 units, two API processes, two workers; one of each dies. Books and provider agree at the end."""
    options = Options(tmp_path / "state", 60, 400, 20, kill=True, others=0.5, quiet=5)
    lines: list[str] = []
    try:
        outcome = await run(options, lines.append)
    finally:
        forget(options.data)
    told = as_json(outcome)
    said = "\n".join([*lines, *summary(told), *told["wrong"]])
    assert told["good"], said
    assert told["answers"] == {"accepted": 20, "refused": 380}, said
    assert sorted(told["killed"]) == ["api-2", "worker-2"], said
    assert told["starts"]["inline"] + told["starts"]["starter"] == 20, said
    assert {row["who"] for row in told["other_sellers"]} >= {TOGETHER}
    assert told["cpu_seconds"]["surge"]["api"] > 0

"""Two rows, quick, through the front door: shapes, machine, ratios and the checks that make a figure valid."""

import asyncio
import json
import math
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.emulators import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


async def _bench(folder: Path, *words: str) -> tuple[int, str]:
    """Run the benchmarks with folders of their own; exit code and output."""
    command = (sys.executable, "-m", "benchmarks", "--results", str(folder), "--docs", str(folder / "docs"), *words)
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return process.returncode or 0, output.decode()


def _ratios(row: dict[str, Any]) -> list[float]:
    return [figure["ratio"] for figure in row["figures"] if figure["ratio"] is not None]


async def test_rows_are_measured_checked_and_reported(tmp_path: Path) -> None:
    """Cost and hot stock: finite ratios, the machine told, exact counts checked, a page with charts; kept for later."""
    code, output = await _bench(tmp_path, "--only", "B1,B5", "--quick")
    assert code == 0, output
    report = json.loads((tmp_path / "docs" / "benchmarks.json").read_text())
    assert [row["row"] for row in report["rows"]] == ["B1", "B5"]
    for row in report["rows"]:
        assert {"processor", "cores", "memory", "python", "temporal", "postgresql"} <= row["machine"].keys()
        assert _ratios(row)
        assert all(math.isfinite(ratio) and ratio > 0 for ratio in _ratios(row))
        assert any(figure["reached"] is not None for figure in row["figures"])
        assert row["quick"]
        assert row["seconds"] > 0
    checks = [check for row in report["rows"] for check in row["checks"]]
    assert sum("exactly 300 got one" in check for check in checks) == 4
    assert any("five steps once each" in check for check in checks)
    page = (tmp_path / "docs" / "benchmarks.md").read_text()
    assert "not to be quoted" in page
    assert {file.name for file in (tmp_path / "docs").glob("*.svg")} == {
        "benchmarks-b1-cost.svg",
        "benchmarks-b5-holds.svg",
    }
    again, _ = await _bench(tmp_path, "--report", "--quick")
    assert again == 0
    assert (tmp_path / "docs" / "benchmarks.md").read_text() == page

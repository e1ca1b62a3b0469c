"""What `make` installs: to run the system no tools of developers, to check and to test everything."""

import subprocess
from pathlib import Path

import pytest

from tests.architecture.composition import REPOSITORY

RUNNING, EVERYTHING = "uv sync --locked --no-default-groups --inexact", "uv sync --locked"


def recipe(target: str, venv: Path) -> list[str]:
    """The commands that `make` would run for a target, in a folder where nothing is installed; none is run."""
    told = subprocess.run(
        ["make", "--dry-run", target, f"VENV={venv}"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    return [line.strip() for line in told.stdout.splitlines()]


@pytest.mark.parametrize("target", ["demo", "up", "stack-clean"])
def test_running_needs_no_tools_of_developers(target: str, tmp_path: Path) -> None:
    """What is there beyond stays: `make demo` after `make check` takes nothing away."""
    synced = [line.partition("bin/")[2] for line in recipe(target, tmp_path / "venv") if "uv sync" in line]
    assert synced == [RUNNING]


@pytest.mark.parametrize("target", [".venv", "check", "test", "test-slow", "docs", "bench", "chaos"])
def test_everything_else_has_all_that_is_locked(target: str, tmp_path: Path) -> None:
    """Checks, tests, documents, benchmarks."""
    synced = [line.partition("bin/")[2] for line in recipe(target, tmp_path / "venv") if "uv sync" in line]
    assert synced == [RUNNING, EVERYTHING]

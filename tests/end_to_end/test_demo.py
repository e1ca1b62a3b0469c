"""The whole system at once: the quick demo ends well, also when parts are killed and when everything restarts."""

import asyncio
import signal
import sys
from pathlib import Path

import psutil
import pytest

from ordersaga.embedded.stack import forget

ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


async def run_demo(data: Path, *arguments: str) -> tuple[int, list[str]]:
    """Exit code and lines of one quick demo; whatever it started is gone afterwards."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ordersaga", "demo", "--quick", "--data", str(data), *arguments),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            await process.wait()
        forget(data)
    return process.returncode or 0, output.decode().splitlines()


def assert_good(code: int, lines: list[str]) -> None:
    """Exit 0, and the last lines say why."""
    assert code == 0, "\n".join(lines)
    assert lines[-5].startswith("orders by outcome: ")
    assert lines[-4:-1] == ["outcomes: all as expected", "books: 0 differences", "every order final"]
    assert lines[-1].startswith("time taken: ")


async def test_quick_demo_ends_well_and_leaves_nothing_running(tmp_path: Path) -> None:
    """Every scenario once: all outcomes as expected, no difference, every order final."""
    assert_good(*await run_demo(tmp_path / "state"))
    state = str(tmp_path / "state")
    left = [each for each in psutil.process_iter(["cmdline"]) if state in " ".join(each.info["cmdline"] or [])]
    assert left == []


async def test_killed_parts_lose_and_repeat_nothing(tmp_path: Path) -> None:
    """Worker, Temporal and PostgreSQL each die by SIGKILL midway."""
    code, lines = await run_demo(tmp_path / "state", "--kill", "worker,temporal,postgres")
    assert code == 0, "\n".join(lines)
    assert lines[-3:-1] == ["books: 0 differences", "every order final"]
    assert sum("was killed (SIGKILL); restarting" in line for line in lines) == 3


async def test_restarted_stack_goes_on_with_open_orders(tmp_path: Path) -> None:
    """Everything is stopped midway and started again on the same folder."""
    code, lines = await run_demo(tmp_path / "state", "--restart")
    assert code == 0, "\n".join(lines)
    assert lines[-3:-1] == ["books: 0 differences", "every order final"]
    assert any("the whole stack is up again" in line for line in lines)

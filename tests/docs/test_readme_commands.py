"""The README's commands do what it says: run as printed, in order, in one shell, against a stack of their own."""

import asyncio
import csv
import os
import re
import shlex
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest_asyncio

from ordersaga.embedded import Stack, StackOptions
from ordersaga.embedded.stack import forget
from tests.docs.pages import ROOT, Block, blocks

README: Final = ROOT / "README.md"
OPERATORS: Final = ROOT / "docs" / "operators.md"
PATIENCE: Final = 20.0
END: Final = "-- end of block, exit code "


class Shell:
    """A shell as a reader has it open: variables stay from block to block."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def run(self, block: Block) -> str:
        """Run one block; everything it printed, and how its last command ended."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{block.code}\necho; echo {shlex.quote(END)}$?\n".encode())
        said = ""
        while END not in said:
            line = await asyncio.wait_for(self._process.stdout.readline(), 60)
            assert line, f"the shell ended:\n{said}"
            said += line.decode()
        return said


@pytest_asyncio.fixture
async def shell(tmp_path: Path) -> AsyncIterator[Shell]:
    """A shell beside a running stack, in the repository's folder."""
    data = tmp_path / "state"
    async with Stack(StackOptions(data=data, free_ports=True)):
        process = await asyncio.create_subprocess_exec(
            "bash",
            cwd=ROOT,
            env={**os.environ, "ORDERSAGA_DATA": str(data), "COLUMNS": "160"},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        yield Shell(process)
        process.kill()
        await process.wait()
    forget(data)


async def test_the_tour_prints_what_the_readme_says(shell: Shell) -> None:
    """Every block marked to run succeeds and prints its `#>` lines, in order; then the operators' look-ups do."""
    tour = [block for page in (README, OPERATORS) for block in blocks(page) if block.runnable]
    assert len(tour) >= 12
    for block in tour:
        said = await shell.run(block)
        began = time.monotonic()
        while block.patient and _missing(block, said) and time.monotonic() - began < PATIENCE:
            await asyncio.sleep(0.5)
            said = await shell.run(block)
        assert _missing(block, said) is None, f"{block.code}\nprinted\n{said}"
        assert f"{END}0" in said, f"{block.code}\nfailed after\n{said}"


def _missing(block: Block, said: str) -> str | None:
    """The first expected text that was not printed after the one before it."""
    rest = said
    for text in block.expected:
        _, found, rest = rest.partition(text)
        if not found:
            return text
    return None


def test_every_make_target_of_the_documents_exists() -> None:
    """`make demo` and the like are only looked up: other tests run them."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([.\w-]+):", makefile, re.MULTILINE))
    for document in (README, ROOT / "CONTRIBUTING.md"):
        code = "\n".join(block.code for block in blocks(document))
        named = set(re.findall(r"^make ([.\w-]+)", code, re.MULTILINE))
        assert named
        assert named <= targets


def test_the_readme_shows_the_saga_as_it_is() -> None:
    """The page it quotes, but for the comments, is the page of the code."""
    (quoted,) = [block.code for block in blocks(README) if block.language == "python"]
    page = (ROOT / "workflows" / "order_fulfillment.py").read_text(encoding="utf-8")
    assert re.sub(r"  # .*", "", quoted).strip() in page


def test_the_readme_counts_the_examples_right() -> None:
    """The number of orders it says the demo places."""
    with (ROOT / "examples" / "orders.csv").open(encoding="utf-8", newline="") as file:
        orders = {row["order_id"] for row in csv.DictReader(file) if row.get("order_id")}
    said = README.read_text(encoding="utf-8")
    assert f"{len(orders)} orders that meet every misfortune" in re.sub(r"\s+", " ", said)
    assert f"({len(orders)} in all)" in said

"""The README's commands do what it says: run as printed, in order, in one shell, against a stack of their own."""

import csv
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest
import pytest_asyncio

from tests.docs.pages import ROOT, blocks
from tests.docs.shell import Shell, open_shell

README: Final = ROOT / "README.md"
OPERATORS: Final = ROOT / "docs" / "operators.md"
TUTORIAL: Final = ROOT / "docs" / "tutorial" / "first-order.md"


@pytest_asyncio.fixture
async def shell(tmp_path: Path) -> AsyncIterator[Shell]:
    """A shell beside a stack of its own."""
    async with open_shell(tmp_path / "state") as shell:
        yield shell


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_the_tour_prints_what_the_readme_says(shell: Shell) -> None:
    """Every block marked to run prints its `#>` lines, in order; so do the tutorial's and the operators'."""
    tour = [block for page in (TUTORIAL, README, OPERATORS) for block in blocks(page) if block.runnable]
    assert len(tour) >= 27
    await shell.walk(tour)


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

"""The sellers' page: its example onboards a seller as it says."""

import re
from pathlib import Path
from typing import Final

import pytest

from tests.docs.pages import ROOT, blocks
from tests.docs.shell import open_shell

PAGE: Final = ROOT / "docs" / "sellers.md"


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_a_seller_is_onboarded_as_the_page_says(tmp_path: Path) -> None:
    """Foretold, applied, stocked, changed after a refusal, exported, with its history."""
    walk = [block for block in blocks(PAGE) if block.runnable]
    assert len(walk) == 3
    async with open_shell(tmp_path / "state") as shell:
        await shell.walk(walk)


def test_the_examples_seller_is_of_this_page_alone() -> None:
    """A seller that a file onboarded is loaded with no catalog: other pages' rehearsals work after this one."""
    (seller,) = set(re.findall(r'^seller = "(.+)"$', PAGE.read_text(encoding="utf-8"), re.MULTILINE))
    assert seller not in (ROOT / "examples" / "catalog.csv").read_text(encoding="utf-8")

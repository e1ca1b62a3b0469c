"""The page of ways to pay: what it says to type in a rehearsal does what it says."""

from pathlib import Path
from typing import Final

import pytest

from tests.docs.pages import ROOT, blocks
from tests.docs.shell import open_shell

PAGE: Final = ROOT / "docs" / "payments.md"


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_a_pay_link_is_paid_as_the_page_says(tmp_path: Path) -> None:
    """Placed with a link, paid on the emulated page, handed over."""
    walk = [block for block in blocks(PAGE) if block.runnable]
    assert len(walk) == 2
    async with open_shell(tmp_path / "state") as shell:
        await shell.walk(walk)

"""Support's page: what it says to type in a rehearsal does what it says."""

from pathlib import Path
from typing import Final

import pytest

from tests.docs.pages import ROOT, blocks
from tests.docs.shell import open_shell

SUPPORT: Final = ROOT / "docs" / "support.md"


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_a_saved_card_and_a_challenge_are_rehearsed_as_the_page_says(tmp_path: Path) -> None:
    """The emulated payment company's customer pays for a split's second parcel; a challenge is passed."""
    walk = [block for block in blocks(SUPPORT) if block.runnable]
    assert len(walk) == 4
    async with open_shell(tmp_path / "state") as shell:
        await shell.walk(walk)

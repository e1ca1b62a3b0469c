"""The channels' page: a marketplace without a gateway sells, follows and cancels with curl as it says."""

from pathlib import Path
from typing import Final

import pytest

from tests.docs.pages import ROOT, blocks
from tests.docs.shell import open_shell

CHANNELS: Final = ROOT / "docs" / "channels.md"


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_a_stall_sells_and_cancels_as_the_page_says(tmp_path: Path) -> None:
    """Its order is taken, followed and stopped; what it gave back itself is entered, and the order ends."""
    walk = [block for block in blocks(CHANNELS) if block.runnable]
    assert len(walk) == 7
    async with open_shell(tmp_path / "state") as shell:
        await shell.walk(walk)

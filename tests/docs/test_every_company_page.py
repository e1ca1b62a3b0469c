"""The tutorial with every company, and the page of the emulators: their commands do what they say, in one shell."""

from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest

from tests.docs.pages import ROOT, blocks
from tests.docs.shell import open_shell

PAGES: Final = (ROOT / "docs" / "tutorial" / "every-company.md", ROOT / "docs" / "emulators.md")
COMPANIES: Final = {"all_companies": True, "time_scale": 20_000, "channel_seller": "sunny-socks"}


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_an_order_goes_by_every_company(tmp_path: Path) -> None:
    """Each block marked to run prints its `#>` lines, in order, on the stack that the page starts."""
    walk = [block for page in PAGES for block in blocks(page) if block.runnable]
    assert len(walk) > 30
    async with open_shell(tmp_path / "state", {"poll_interval": timedelta(seconds=2)}, COMPANIES) as shell:
        await shell.walk(walk)


def test_the_stack_of_the_test_is_the_one_of_the_page() -> None:
    """The page's own command asks for the same."""
    said = PAGES[0].read_text(encoding="utf-8")
    assert 'make up UP_ARGS="--all-companies --time-scale 20000"' in said
    assert "export ORDERSAGA_CHANNEL_SELLER=sunny-socks ORDERSAGA_POLL_INTERVAL=PT2S" in said

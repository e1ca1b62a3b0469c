"""The whole runbook, as printed, on one stack."""

from pathlib import Path
from typing import Final

import pytest

from ordersaga.demo.run import PACE
from tests.docs.pages import ROOT, blocks
from tests.docs.shell import open_shell

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

RUNBOOK: Final = ROOT / "docs" / "runbook.md"


async def test_every_situation_is_repaired_as_the_runbook_says(tmp_path: Path) -> None:
    """Each ends with its proof, and in the end nobody is asked anything; pollers ask often, nothing else is hurried."""
    walk = [block for block in blocks(RUNBOOK) if block.runnable]
    async with open_shell(tmp_path / "state", {"poll_interval": PACE["poll_interval"]}) as shell:
        await shell.walk(walk)

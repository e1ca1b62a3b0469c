"""The whole runbook, as printed, on one stack."""

from pathlib import Path

import pytest

from ordersaga.demo.run import PACE
from tests.docs.pages import blocks
from tests.docs.shell import open_shell
from tests.docs.test_runbook import RUNBOOK

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


async def test_every_situation_is_repaired_as_the_runbook_says(tmp_path: Path) -> None:
    """Each ends with its proof, and in the end nobody is asked anything; pollers ask often, nothing else is hurried."""
    walk = [block for block in blocks(RUNBOOK) if block.runnable]
    async with open_shell(tmp_path / "state", {"poll_interval": PACE["poll_interval"]}) as shell:
        await shell.walk(walk)

"""The core of the runbook, a question parked and repaired, does what it says; `tests/end_to_end` runs all of it."""

from pathlib import Path
from typing import Final

from tests.docs.pages import ROOT, blocks_of
from tests.docs.shell import open_shell

RUNBOOK: Final = ROOT / "docs" / "runbook.md"
AFTER_THE_CORE: Final = "\n## A label was refused\n"


async def test_questions_are_parked_and_repaired_as_the_runbook_says(tmp_path: Path) -> None:
    """Refused captures and a provider that refuses us: paid, written off or handed off, with the books balanced."""
    core, found, _ = RUNBOOK.read_text(encoding="utf-8").partition(AFTER_THE_CORE)
    walk = [block for block in blocks_of(core) if block.runnable]
    assert found
    assert len(walk) >= 12
    async with open_shell(tmp_path / "state") as shell:
        await shell.walk(walk)

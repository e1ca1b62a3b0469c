"""Reconciliation's page: its commands do what it says, and it knows every kind."""

from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest

from ordersaga.domain.reconciliation import FindingKind, Repair
from tests.docs.pages import ROOT, blocks
from tests.docs.shell import open_shell

PAGE: Final = ROOT / "docs" / "reconciliation.md"


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_a_drift_is_found_and_repaired_as_the_page_says(tmp_path: Path) -> None:
    """Clean, then found, then foretold, then repaired, then clean."""
    walk = [block for block in blocks(PAGE) if block.runnable]
    assert len(walk) == 3
    async with open_shell(tmp_path / "state", {"reconcile_grace": timedelta(seconds=1)}) as shell:
        await shell.walk(walk)


def test_the_page_knows_every_kind_and_every_repair() -> None:
    """One row for each kind, and no repair that nobody explains."""
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    kinds = {kind.value for kind in FindingKind}
    assert {row.split("`")[1] for row in rows} >= kinds
    explained = {row.split("|")[3].split("`")[1] for row in rows if row.split("`")[1] in kinds}
    assert explained == {repair.value for repair in Repair}

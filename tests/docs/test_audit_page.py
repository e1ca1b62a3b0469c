"""The audit trail's page: its commands do what it says, and its tables are what the program hashes."""

from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest

from ordersaga.domain.audit_chain import FIELDS, WORDS
from tests.docs.pages import ROOT, blocks
from tests.docs.shell import open_shell

AUDIT: Final = ROOT / "docs" / "audit.md"


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_the_trail_is_verified_noted_and_exported_as_the_page_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A placed order verifies, its seal stands, its file verifies without a database, a changed one does not."""
    walk = [block for block in blocks(AUDIT) if block.runnable]
    assert len(walk) == 3
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    async with open_shell(tmp_path / "state", {"poll_interval": timedelta(seconds=1)}) as shell:
        await shell.walk(walk)


def test_the_page_names_everything_that_is_hashed() -> None:
    """Each source's fields and words stand on the page, in the order of the encoding."""
    text = AUDIT.read_text(encoding="utf-8").replace(" (a list: account, amount, account, ...)", "")

    for source in FIELDS:
        cells = (", ".join(f"`{name}`" for name in names) for names in (FIELDS[source], WORDS[source]))
        assert "| `{}` | {} | {}".format(source, *cells).rstrip() in text

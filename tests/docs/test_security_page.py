"""The page on security names tests, tables and limits, and they are so."""

import re

import pytest

from ordersaga.api import limits
from ordersaga.catalog_csv import MAX_ROWS
from ordersaga.settings import Settings
from tests.docs.pages import ROOT
from tests.docs.test_failure_matrix import functions_of

PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
_NAMED = re.compile(r"`(tests/[\w/]+(?:\.py)?)(?:::(\w+))?`|`::(\w+)`")


def proofs() -> list[tuple[str, str]]:
    """File and test of every proof, as in the failure matrix; a folder stands for all in it."""
    found: list[tuple[str, str]] = []
    for line in PAGE.splitlines():
        file = ""
        for match in _NAMED.finditer(line):
            file = match[1] or file
            found.append((file, match[2] or match[3] or ""))
    return sorted(set(found))


@pytest.mark.parametrize(("file", "name"), proofs())
def test_every_proof_exists(file: str, name: str) -> None:
    """A renamed or deleted test must not leave its promise standing."""
    assert (ROOT / file).exists()
    assert not name or name in functions_of(ROOT / file)


def test_every_threat_has_a_proof() -> None:
    """A control that nothing proves is not listed."""
    rows = [line for line in PAGE.splitlines() if re.match(r"\| [STRIDE]? \|", line)]
    assert [row for row in rows if not _NAMED.search(row)] == []
    assert len(rows) > 30


def test_limits_are_as_told() -> None:
    """The page's numbers are the code's."""
    fields = Settings.model_fields
    assert (limits.MAX_BODY, limits.BODY_WITHIN, limits.MAX_DEPTH) == (1_000_000, 30, 64)
    assert (limits.MAX_HEADERS, limits.MAX_HEAD, limits.MAX_TARGET, MAX_ROWS) == (100, 32 * 1024, 8 * 1024, 10_000)
    assert (fields["calls_per_second"].default, fields["calls_burst"].default) == (1000, 2000)
    for told in ("1 MB, within 30 s", "| 64 |", "100, 32 KB together", "8 KB", "10,000", "(1000)", "(2000)"):
        assert told in PAGE

"""The failure matrix names tests, and they exist."""

import ast
import re
from functools import cache
from pathlib import Path

from tests.docs.pages import ROOT

MATRIX = ROOT / "docs" / "failure-matrix.md"
_NAMED = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`|`::(\w+)`")


def proofs() -> list[tuple[str, str]]:
    """File and test of every proof; `::name` alone means the same file as the proof before it in its row."""
    found: list[tuple[str, str]] = []
    for line in MATRIX.read_text(encoding="utf-8").splitlines():
        file = ""
        for match in _NAMED.finditer(line):
            file = match[1] or file
            found.append((file, match[2] or match[3] or ""))
    return found


def test_every_proof_exists() -> None:
    """A renamed or deleted test must not leave its promise standing."""
    named = proofs()
    assert len(named) > 1000
    assert [f"{file}::{name}" for file, name in named if not exists(ROOT / file, name)] == []


def exists(file: Path, name: str) -> bool:
    """Whether there is the file and, in it, the test; any where none is named."""
    return file.is_file() and (not name or name in functions_of(file))


def test_every_row_has_a_proof() -> None:
    """A fault without a test is not listed."""
    rows = [line for line in MATRIX.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    faults = [row for row in rows if not row.startswith(("| fault", "| --"))]
    assert [row for row in faults if not _NAMED.search(row)] == []
    assert len(faults) > 30


@cache
def functions_of(file: Path) -> frozenset[str]:
    """Names of the functions a module defines."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))

"""The doctor's page has a row for every line that the doctor's code can print, and no other."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from typing import Final

from tests.docs.pages import ROOT

PAGE: Final = ROOT / "docs" / "doctor.md"
CODE: Final = ROOT / "ordersaga" / "doctor"
VERDICTS: Final = frozenset({"ok", "warn", "fail"})
COMPANIES: Final = "payments, provider NAME, carrier NAME, channel NAME"
_ROW: Final = re.compile(r"^\| (?P<check>`[^|]+`) \| (?P<verdict>ok|warn|fail) \| ", re.MULTILINE)


def called(tree: ast.AST) -> Iterator[tuple[str, str, ast.expr]]:
    """Calls by name: the function around, the function called, its first argument."""
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            for call in ast.walk(function):
                if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.args:
                    yield function.name, call.func.id, call.args[0]


def told_lines() -> Counter[tuple[str, str]]:
    """How many lines of a check and a verdict the code makes; one that is handed on counts for each who hands it."""
    found = [each for file in sorted(CODE.glob("*.py")) for each in called(ast.parse(file.read_text()))]
    handed: dict[str, list[str]] = {"clock": [], "_or_fail": [], "_line": [COMPANIES]}
    for _, name, given in found:
        if name in handed and isinstance(given, ast.Constant):
            handed[name].append(str(given.value))
    lines: Counter[tuple[str, str]] = Counter()
    for inside, verdict, given in found:
        if verdict in VERDICTS:
            checks = [str(given.value)] if isinstance(given, ast.Constant) else handed[inside]
            lines.update((check, verdict) for check in checks)
    return lines


def rows(page: str) -> Counter[tuple[str, str]]:
    """The same of the page."""
    return Counter((row["check"].replace("`", ""), row["verdict"]) for row in _ROW.finditer(page))


def test_every_line_of_the_doctor_has_a_row() -> None:
    """By check and verdict, as many rows as the code has lines; none for a line that there is not."""
    lines = told_lines()
    assert len(lines) > 25
    assert rows(PAGE.read_text(encoding="utf-8")) == lines


def test_every_row_that_is_not_well_says_what_to_do() -> None:
    """No warning without a remedy on the page."""
    unhelpful = [
        line
        for line in PAGE.read_text(encoding="utf-8").splitlines()
        if re.match(r"^\| `.+ \| (warn|fail) \| ", line) and not line.rstrip(" |").split(" | ")[4:]
    ]
    assert unhelpful == []


def test_a_row_that_is_missing_is_seen() -> None:
    """The comparison finds what it is for."""
    page = PAGE.read_text(encoding="utf-8")
    without = "\n".join(line for line in page.splitlines() if not line.startswith("| `durability` |"))
    assert rows(without) != told_lines()

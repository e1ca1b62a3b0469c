"""The size budget: small functions, small files. `python -m tests.architecture.size_budget` is part of `make check`.

A function's size is its lines from `def` to the end, not counting docstring and blank lines. Functions without
a body of their own (protocols) are left out, or they would hide large ones.
"""

import ast
import math
import statistics
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PACKAGES: Final = ("ordersaga", "workflows", "activities", "workers", "emulators")
MEDIAN: Final = 10
NINETIETH: Final = 25
FILE: Final = 400
SHOWN: Final = 10


@dataclass(frozen=True, order=True)
class Sized:
    """Something with a size, and where it stands."""

    size: int
    where: str


@dataclass(frozen=True)
class Sizes:
    """All functions and files measured."""

    functions: list[Sized]
    files: list[Sized]

    @property
    def median(self) -> float:
        """Half of all functions are at most this long."""
        return statistics.median(function.size for function in self.functions) if self.functions else 0

    @property
    def ninetieth(self) -> int:
        """Nine in ten functions are at most this long."""
        ordered = sorted(function.size for function in self.functions)
        return ordered[math.ceil(0.9 * len(ordered)) - 1] if ordered else 0


def measure(root: Path) -> Sizes:
    """Measure the product's packages under `root`."""
    functions: list[Sized] = []
    files: list[Sized] = []
    for path in (path for package in PACKAGES for path in sorted((root / package).rglob("*.py"))):
        text = path.read_text(encoding="utf-8")
        name = path.relative_to(root).as_posix()
        files.append(Sized(len(text.splitlines()), name))
        functions.extend(_functions(text, name))
    return Sizes(functions, files)


def _functions(text: str, name: str) -> Iterator[Sized]:
    lines = text.splitlines()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and _has_body(node):
            yield Sized(_size(node, lines), f"{name}:{node.lineno} {node.name}")


def _has_body(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return not all(
        isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant) for statement in node.body
    )


def _size(node: ast.FunctionDef | ast.AsyncFunctionDef, lines: list[str]) -> int:
    first = node.body[0]
    docstring = range(0)
    if ast.get_docstring(node, clean=False) is not None:
        docstring = range(first.lineno, (first.end_lineno or first.lineno) + 1)
    numbers = range(node.lineno, (node.end_lineno or node.lineno) + 1)
    return sum(1 for number in numbers if number not in docstring and lines[number - 1].strip())


def complaints(sizes: Sizes) -> list[str]:
    """What is over budget and what to do about it; empty when all is well."""
    large = [file for file in sizes.files if file.size > FILE]
    found = [f"{file.where} has {file.size} lines (at most {FILE}): move one topic out" for file in large]
    if sizes.median > MEDIAN:
        found.append(f"the median function has {sizes.median:g} lines (at most {MEDIAN})")
    if sizes.ninetieth > NINETIETH:
        found.append(f"one function in ten has {sizes.ninetieth} lines or more (at most {NINETIETH})")
    return [*found, *_advice(sizes)] if found else []


def _advice(sizes: Sizes) -> list[str]:
    largest = sorted(sizes.functions, reverse=True)[:SHOWN]
    return [
        "the largest functions; name each step of one and let it call the steps:",
        *(f"  {function.size:4} lines  {function.where}" for function in largest),
    ]


def main(root: Path = Path()) -> int:
    """Print the budget's state; 1 if it is exceeded."""
    sizes = measure(root)
    found = complaints(sizes)
    print(
        f"size budget: {len(sizes.functions)} functions, median {sizes.median:g} (at most {MEDIAN}), "
        f"90th percentile {sizes.ninetieth} (at most {NINETIETH}); "
        f"largest file {max(sizes.files).size if sizes.files else 0} lines (at most {FILE})"
    )
    for line in found:
        print(line, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

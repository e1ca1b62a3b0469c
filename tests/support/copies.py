"""Copies of the product with something changed: another build of the workers, a seeded bug."""

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.support.emulators import ROOT

PRODUCT: Final = ("activities", "ordersaga", "workers", "workflows")


@dataclass(frozen=True)
class Change:
    """A piece of one file of the product, which stands there once, and what it becomes."""

    file: str
    old: str
    new: str

    def applied(self, text: str) -> str:
        """The file's text with the change. Raises ValueError when the piece is no longer there, or there twice."""
        if text.count(self.old) != 1:
            raise ValueError(f"{self.file} does not have this once: {self.old.strip()}")
        return text.replace(self.old, self.new)


def copy_product(folder: Path, changes: Iterable[Change] = ()) -> Path:
    """The product in `folder`, with the changes. Raises ValueError when the code no longer has a place."""
    for package in PRODUCT:
        copy_package(package, folder / package)
    for change in changes:
        file = folder / change.file
        file.write_text(change.applied(file.read_text(encoding="utf-8")), encoding="utf-8")
    return folder


def copy_package(package: str, folder: Path) -> None:
    """The sources of one package, in `folder`."""
    shutil.copytree(ROOT / package, folder, ignore=shutil.ignore_patterns("__pycache__"))

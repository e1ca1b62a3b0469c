"""Stage, write the reference, build strictly, and look whether the result stands on its own."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import yaml

from docs_site.command_page import command_page
from docs_site.http_page import document, http_page
from docs_site.message_page import message_page
from docs_site.metric_page import metric_page
from docs_site.setting_page import setting_page
from docs_site.staging import ROOT, Staging, fresh

CONFIGURATION: Final = "mkdocs.yml"
_DECISIONS: Final = "adr/0"
_LOADED: Final = re.compile(r"<(?:script|link|img|iframe|source)\b[^>]*?\b(?:src|href)=[\"']?(?:https?:)?//[^\"'\s>]+")
_IMPORTED: Final = re.compile(r"(?:@import\s+|url\()[\"']?(?:https?:)?//[^\"')\s]+")


class SiteError(Exception):
    """The site is not as it must be; the text says what to mend."""


def build(out: Path) -> Path:
    """Build the site below `out`. Returns its folder.

    Raises:
        SiteError: a page that no menu leads to, a broken link or heading, or something that is loaded from elsewhere.
    """
    staged = fresh(out)
    pages = Staging(ROOT, staged / "docs").run()
    shutil.copy(ROOT / CONFIGURATION, staged)
    write_reference(staged / "docs" / "reference")
    unlisted = not_listed(pages, yaml.safe_load((ROOT / CONFIGURATION).read_text(encoding="utf-8"))["nav"])
    if unlisted:
        raise SiteError(f"no menu leads to {', '.join(unlisted)}: add it to nav in {CONFIGURATION}")
    generate(staged)
    outside = list(loaded_from_outside(staged / "site"))
    if outside:
        raise SiteError(f"loaded from elsewhere: {'; '.join(outside)}")
    return staged / "site"


def write_reference(folder: Path) -> None:
    """The pages that are written from the code."""
    folder.mkdir(parents=True, exist_ok=True)
    described = document()
    pages = {
        "openapi.json": json.dumps(described, indent=1),
        "http.md": http_page(described),
        "commands.md": command_page(),
        "messages.md": message_page(),
        "settings.md": setting_page(),
        "metrics.md": metric_page(),
    }
    for name, text in pages.items():
        (folder / name).write_text(text, encoding="utf-8")


def not_listed(pages: Iterable[str], nav: Any) -> list[str]:
    """Pages that the navigation leaves out; single decisions are reached from their list."""
    listed = set(_leaves(nav))
    return [name for name in pages if name not in listed and not name.startswith(_DECISIONS)]


def generate(project: Path) -> None:
    """Build the project in a folder. Raises SiteError with what the generator says of links that lead nowhere."""
    command = [sys.executable, "-m", "zensical", "build", "--strict", "--clean"]
    done = subprocess.run(command, cwd=project, check=False, capture_output=True, text=True)  # noqa: S603
    if done.returncode:
        told = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout + done.stderr).partition("Traceback")[0]
        raise SiteError(told.strip())


def loaded_from_outside(site: Path) -> Iterator[str]:
    """What a reader's browser would fetch from elsewhere, by file."""
    for file in sorted(site.rglob("*")):
        patterns = {".html": (_LOADED, _IMPORTED), ".css": (_IMPORTED,)}.get(file.suffix, ())
        text = file.read_text(encoding="utf-8") if patterns else ""
        for pattern in patterns:
            yield from (f"{file.relative_to(site)}: {found[0]}" for found in pattern.finditer(text))


def _leaves(nav: Any) -> Iterator[str]:
    if isinstance(nav, str):
        yield nav
    for below in nav.values() if isinstance(nav, dict) else nav if isinstance(nav, list) else ():
        yield from _leaves(below)

"""The documents as data: their code blocks, links and headings."""

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
_FENCE: Final = re.compile(
    r"^(?:<!-- (?P<marker>.*?) -->\n)?```(?P<language>\w*)\n(?P<code>.*?)^```$", re.DOTALL | re.MULTILINE
)
_LINK: Final = re.compile(r"(?<!!)\[[^\]]*\]\((?P<target>[^)\s]+)\)")
_HEADING: Final = re.compile(r"^#+ (?P<text>.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its code, and the comment right before it."""

    language: str
    code: str
    marker: str

    @property
    def runnable(self) -> bool:
        return self.marker.startswith("run")

    @property
    def patient(self) -> bool:
        """To be repeated until it says what is expected: something else must happen first."""
        return self.marker == "run until it says so"

    @property
    def expected(self) -> list[str]:
        """What the block is said to print, in this order."""
        return [line[3:].strip() for line in self.code.splitlines() if line.startswith("#> ")]


def documents() -> list[Path]:
    """Every Markdown file of the repository."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).exists()]


def blocks(document: Path) -> list[Block]:
    """Its fenced blocks."""
    return blocks_of(document.read_text(encoding="utf-8"))


def blocks_of(text: str) -> list[Block]:
    """The fenced blocks of a text, such as a part of a document."""
    return [Block(match["language"], match["code"], match["marker"] or "") for match in _FENCE.finditer(text)]


def links(document: Path) -> Iterator[str]:
    """Targets of its relative links."""
    prose = _FENCE.sub("", document.read_text(encoding="utf-8"))
    for match in _LINK.finditer(prose):
        if "://" not in match["target"] and not match["target"].startswith("mailto:"):
            yield match["target"]


def anchors(document: Path) -> set[str]:
    """The anchors of its headings, as GitHub makes them."""
    prose = _FENCE.sub("", document.read_text(encoding="utf-8"))
    return {_anchor(match["text"]) for match in _HEADING.finditer(prose)}


def _anchor(heading: str) -> str:
    words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").lower()
    return re.sub(r"[^\w\- ]", "", words).replace(" ", "-")

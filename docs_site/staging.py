"""The pages as the site shows them: docs/ and what they lead to, with links that stay within the site.

What a page links to outside docs/, such as a module, becomes a page of its own that shows the file. Diagrams are drawn.
"""

import os
import re
import shutil
from pathlib import Path
from typing import Final

import mermaidx

ROOT: Final = Path(__file__).resolve().parents[1]
BESIDE: Final = {"README.md": "overview.md", "CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
"""Pages that do not stand in docs/, and what the site calls them."""

_FENCE: Final = re.compile(
    r"^(?P<indent> *)```(?P<language>\w*)[^\n]*\n(?P<code>.*?)^(?P=indent)```$", re.DOTALL | re.MULTILINE
)
_MARKER: Final = re.compile(r"^<!-- run.*? -->\n", re.MULTILINE)
_LINK: Final = re.compile(r"(?P<text>\[[^\]]*\]\(\s*)(?P<target>[^)\s]+)\)")
_LANGUAGES: Final = {".py": "python", ".yaml": "yaml", ".yml": "yaml", ".sql": "sql", ".toml": "toml", ".json": "json"}


class Staging:
    """Copies the pages below `root` into `into`, and everything they show."""

    def __init__(self, root: Path, into: Path) -> None:
        self._root, self._into = root, into
        self._shown: set[Path] = set()

    def run(self) -> list[str]:
        """Do it. Returns the names of the pages, as navigation calls them."""
        names = []
        for page in sorted([*(self._root / "docs").rglob("*.md"), *map(self._root.joinpath, BESIDE)]):
            name = self._name(page)
            self._write(name, self._rewritten(page, name))
            names.append(name)
        for file in (self._root / "docs").rglob("*"):
            if file.is_file() and file.suffix != ".md":
                self._write_bytes(self._name(file), file.read_bytes())
        for source in sorted(self._shown):
            self._write(self._name(source), _source_page(source.relative_to(self._root), source))
        return names

    def _name(self, file: Path) -> str:
        """What a file is called in the site."""
        if file.is_relative_to(self._root / "docs"):
            return file.relative_to(self._root / "docs").as_posix()
        name = file.relative_to(self._root).as_posix()
        return BESIDE.get(name, f"source/{name}.md")

    def _rewritten(self, page: Path, name: str) -> str:
        text, parts, end = page.read_text(encoding="utf-8"), [], 0
        for number, fence in enumerate(_FENCE.finditer(text)):
            parts.append(self._prose(text[end : fence.start()], page, name))
            drawn = fence["language"] == "mermaid"
            parts.append(self._drawing(fence["code"], name, number) if drawn else fence[0])
            end = fence.end()
        return "".join([*parts, self._prose(text[end:], page, name)])

    def _prose(self, text: str, page: Path, name: str) -> str:
        def led(link: re.Match[str]) -> str:
            return f"{link['text']}{self._target(link['target'], page, name)})"

        return _LINK.sub(led, _MARKER.sub("", text))

    def _target(self, target: str, page: Path, name: str) -> str:
        path, mark, anchor = target.partition("#")
        if "://" in target or target.startswith("mailto:") or not path:
            return target
        file = (page.parent / path).resolve()
        if not file.exists():
            return target
        there = self._name(file)
        if there.startswith("source/"):
            self._shown.add(file)
        return f"{os.path.relpath(there, Path(name).parent)}{mark}{anchor}"

    def _drawing(self, code: str, name: str, number: int) -> str:
        drawing = f"{Path(name).stem}-{number}.svg"
        (self._into / Path(name).parent).mkdir(parents=True, exist_ok=True)
        mermaidx.render(code).save(str(self._into / Path(name).parent / drawing))
        return f"![Diagram]({drawing})"

    def _write(self, name: str, text: str) -> None:
        self._write_bytes(name, text.encode())

    def _write_bytes(self, name: str, content: bytes) -> None:
        file = self._into / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)


def fresh(folder: Path) -> Path:
    """An empty folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _source_page(name: Path, file: Path) -> str:
    """A file, or the names in a folder, as a page that search leaves out."""
    names = sorted(each.name for each in file.iterdir()) if file.is_dir() else []
    text = "\n".join(names) if names else file.read_text(encoding="utf-8")
    return (
        f"---\nsearch:\n  exclude: true\n---\n\n# {name}\n\n`````{_LANGUAGES.get(file.suffix, 'text')}\n{text}\n`````\n"
    )

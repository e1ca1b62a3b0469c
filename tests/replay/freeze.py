"""Keep a release, so that later code is held to its orders: its histories, and the code they need.

    python -m tests.replay.freeze 0.2.0                     # as committed now
    python -m tests.replay.freeze 0.1.0 --commit 4fde79d    # as committed then

Run it when a version is released, then `python -m tests.replay.releases`, and commit both. The archive is the same,
byte for byte, whoever makes it: nothing is compressed, every file carries the same date.
"""

import argparse
import io
import json
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tests.replay.own_build import OURS
from tests.replay.releases import OWN_BUILD, RELEASES

HISTORIES: Final = "tests/replay/histories"
FIRST_DAY: Final = (1980, 1, 1, 0, 0, 0)


def freeze(version: str, commit: str) -> Path:
    """Write the release's folder."""
    folder = RELEASES / version
    with tempfile.TemporaryDirectory() as scratch:
        checked_out(commit, Path(scratch))
        (folder / "histories").mkdir(parents=True)
        for history in sorted((Path(scratch) / HISTORIES).glob("*.json")):
            (folder / "histories" / history.name).write_bytes(history.read_bytes())
        contents = {name: (Path(scratch) / name).read_bytes() for name in needed(Path(scratch))}
        (folder / "build.zip").write_bytes(packed(contents))
    return folder


def checked_out(commit: str, folder: Path) -> None:
    """Put the packages and histories of a commit into a folder."""
    argv = ["git", "archive", commit, "--", *OURS, HISTORIES]
    archive = subprocess.run(argv, capture_output=True, check=True, cwd=RELEASES.parents[2]).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(folder, filter="data")


def needed(folder: Path) -> list[str]:
    """The files that replay needs."""
    argv = [sys.executable, "-P", str(OWN_BUILD), str(folder)]
    found: list[str] = json.loads(subprocess.run(argv, capture_output=True, check=True, cwd=folder).stdout)
    return found


def packed(contents: Mapping[str, bytes]) -> bytes:
    """An archive of files by name."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as file:
        for name, content in sorted(contents.items()):
            entry = zipfile.ZipInfo(name, FIRST_DAY)
            entry.create_system, entry.external_attr = 3, 0o644 << 16
            file.writestr(entry, content)
    return archive.getvalue()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.replay.freeze", description="Keep a release for replay")
    parser.add_argument("version", help="as in the changelog: 0.1.0")
    parser.add_argument("--commit", default="HEAD", help="what was released; default: HEAD")
    asked = parser.parse_args()
    print(freeze(asked.version, asked.commit))

"""The releases that are kept: their histories, the build their orders began on, and whether today's code carries them.

python -m tests.replay.releases    # writes the table anew: releases/carried.json
"""

import asyncio
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.replay.own_build import replayed, workflows
from workers import sandbox

RELEASES: Final = Path(__file__).parent / "releases"
TABLE: Final = RELEASES / "carried.json"
OWN_BUILD: Final = Path(__file__).parent / "own_build.py"
CARRIED: Final = "carried by this build"
OWN: Final = "needs its own build until drained"


@dataclass(frozen=True)
class Release:
    """A released version: `histories/*.json` and `build.zip` in a folder of its own."""

    version: str

    @property
    def build(self) -> Path:
        """The code its orders need, importable from the archive."""
        return RELEASES / self.version / "build.zip"

    @property
    def histories(self) -> list[Path]:
        """What its orders and returns left."""
        return sorted((RELEASES / self.version / "histories").glob("*.json"))


def releases() -> list[Release]:
    """Every one that is kept, oldest first."""
    versions = [path.parent.name for path in RELEASES.glob("*/build.zip")]
    return [Release(version) for version in sorted(versions, key=lambda text: [int(n) for n in text.split(".")])]


def on_its_own_build(release: Release) -> dict[str, str | None]:
    """Why each of its histories does not replay on the release's own code with today's libraries; None: it does."""
    argv = [sys.executable, "-P", str(OWN_BUILD), str(release.build), *map(str, release.histories)]
    run = subprocess.run(argv, cwd=release.build.parent, capture_output=True, text=True, check=False, timeout=100)
    assert run.returncode == 0, run.stderr
    said: dict[str, str | None] = json.loads(run.stdout)
    return said


async def on_this_build(release: Release) -> dict[str, str | None]:
    """The same on the code as it is here."""
    return await replayed(workflows(), sandbox, tuple(map(str, release.histories)))


def table() -> dict[str, str]:
    """The committed verdict on each release."""
    found: dict[str, str] = json.loads(TABLE.read_text(encoding="utf-8"))
    return found


async def verdicts() -> dict[str, str]:
    """Each release's verdict now: carried only if all of its orders could continue here."""
    return {one.version: verdict(await on_this_build(one)) for one in releases()}


def verdict(replayed: dict[str, str | None]) -> str:
    """In words."""
    return OWN if any(replayed.values()) else CARRIED


if __name__ == "__main__":
    TABLE.write_text(json.dumps(asyncio.run(verdicts()), indent=1) + "\n", encoding="utf-8")

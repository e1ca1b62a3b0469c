"""Orders of every release so far live on: on their own build with today's libraries, and where told, on this code."""

import re
import zipfile
from pathlib import Path

import pytest

from tests.replay.freeze import packed
from tests.replay.releases import Release, on_its_own_build, on_this_build, releases, table, verdict

CHANGELOG = Path(__file__).parents[2] / "CHANGELOG.md"
RELEASES = releases()
NAMES = [release.version for release in RELEASES]
CHANGED = """
{version} was: {before}
      is now: {now}

Orders of that release {meaning}. If that is meant, record it and say so in the changelog:
python -m tests.replay.releases
"""
MEANING = {True: "can be carried on by this code now", False: "must drain on their own build: this code wedges them"}


def test_every_release_in_the_changelog_is_kept() -> None:
    """A version without its build and histories could not be held to anything."""
    released = re.findall(r"^## \[(\d+\.\d+\.\d+)\]", CHANGELOG.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(released) == sorted(NAMES)
    assert sorted(table()) == sorted(NAMES)


@pytest.mark.parametrize("release", RELEASES, ids=NAMES)
def test_its_orders_continue_on_their_own_build(release: Release) -> None:
    """A newer library still replays what the release's own code did: pinned orders can drain."""
    replayed = on_its_own_build(release)
    assert sorted(replayed) == [path.stem for path in release.histories]
    assert len(replayed) >= 10
    assert {name: why for name, why in replayed.items() if why} == {}


@pytest.mark.parametrize("release", RELEASES, ids=NAMES)
async def test_whether_this_build_carries_them_is_as_the_table_says(release: Release) -> None:
    """Losing, or winning, the orders of an earlier release never happens unnoticed."""
    before, now = table()[release.version], verdict(await on_this_build(release))
    if now != before:
        meaning = MEANING[now.startswith("carried")]
        pytest.fail(CHANGED.format(version=release.version, before=before, now=now, meaning=meaning), pytrace=False)


@pytest.mark.parametrize("release", RELEASES, ids=NAMES)
def test_the_archive_is_what_freezing_makes(release: Release) -> None:
    """Plain source and nothing else: packing its files again gives the same bytes."""
    with zipfile.ZipFile(release.build) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    assert packed(contents) == release.build.read_bytes()
    assert {Path(name).suffix for name in contents} == {".py"}
    assert release.build.stat().st_size < 500_000

"""The folder of histories: whole files or none, listed once they are there, and nothing is missed in silence."""

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ordersaga.archive import Folder, Kept
from ordersaga.domain.errors import OperatorError

MARCH = datetime(2026, 3, 31, 23, 59, tzinfo=UTC)
ONE = Kept.closed("order-ord_1", "r1", MARCH)
BACK = Kept.closed("return-ord_1-1", "r2", MARCH.replace(month=5, day=1))
RUN = Kept.closed("reconcile-2026-03-31T23:00:00Z", "r3", MARCH)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """A saga, its return two months later, and a run of reconciliation."""
    made = Folder(tmp_path)
    made.keep(ONE, '{"events": [1]}', "trail\n")
    made.keep(BACK, '{"events": [2]}', "trail, longer\n")
    made.keep(RUN, '{"events": [3]}', None)
    return made


def test_what_is_kept_is_read_again(folder: Folder, tmp_path: Path) -> None:
    """By another process too; an order's histories are found in every month, and those of another order are not."""
    again = Folder(tmp_path)
    assert again.holds(ONE)
    assert again.runs("ord_1") == [ONE, BACK]
    assert again.runs("ord_") == []
    assert again.read(BACK) == '{"events": [2]}'
    assert again.verify().files == 5
    assert (again.verify().damage, again.verify().unlisted) == ((), ())


def test_the_lists_are_those_of_sha256sum(folder: Folder, tmp_path: Path) -> None:
    """Who has none of our programs verifies a month all the same."""
    said = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=tmp_path / "2026-03", capture_output=True, check=False)
    assert (said.returncode, said.stdout.count(b": OK")) == (0, 3)


def test_a_damaged_or_missing_file_is_told(folder: Folder, tmp_path: Path) -> None:
    """Each by its name; a damaged one is not shown as if it were what happened."""
    history = tmp_path / "2026-03" / ONE.history
    history.write_bytes(history.read_bytes()[:-1] + b"x")
    (tmp_path / "2026-05" / BACK.trail).unlink()
    found = Folder(tmp_path).verify()
    assert {(each.file, each.what) for each in found.damage} == {
        (f"2026-03/{ONE.history}", "damaged"),
        (f"2026-05/{BACK.trail}", "missing"),
    }
    with pytest.raises(OperatorError, match="archive_damaged"):
        Folder(tmp_path).read(ONE)


def test_a_history_that_is_missing_is_written_again(folder: Folder, tmp_path: Path) -> None:
    """And listed once."""
    (tmp_path / "2026-03" / ONE.history).unlink()
    again = Folder(tmp_path)
    assert not again.holds(ONE)
    again.keep(ONE, '{"events": [1]}', "trail, longer\n")
    assert Folder(tmp_path).verify().damage == ()
    assert (tmp_path / "2026-03" / "SHA256SUMS").read_text().count(ONE.history) == 1


def test_whoever_is_broken_off_leaves_nothing_that_is_relied_on(folder: Folder, tmp_path: Path) -> None:
    """A file without its line is written again; half a line is no line, and the next run mends it."""
    sums = tmp_path / "2026-03" / "SHA256SUMS"
    whole = sums.read_text()
    lines = whole.splitlines(keepends=True)
    sums.write_text("".join(lines[:-1]) + lines[-1][:20])
    again = Folder(tmp_path)
    assert again.holds(ONE)
    assert not again.holds(RUN)
    assert again.verify().unlisted == (f"2026-03/{RUN.history}",)
    assert again.verify().damage == ()
    again.keep(RUN, '{"events": [3]}', None)
    assert sums.read_text() == whole


def test_a_list_that_was_written_over_is_told(folder: Folder, tmp_path: Path) -> None:
    """A line that is none of ours hides what stood there."""
    sums = tmp_path / "2026-03" / "SHA256SUMS"
    sums.write_text(sums.read_text().replace("  ", " ? ", 1))
    found = Folder(tmp_path).verify()
    assert [(each.file, each.what) for each in found.damage] == [("2026-03/SHA256SUMS", "unreadable")]
    assert len(found.unlisted) == 1


def test_an_order_is_dropped_and_not_missed(folder: Folder, tmp_path: Path) -> None:
    """All of its files in every month, and nobody else's."""
    assert Folder(tmp_path).drop("ord_1") == 4
    again = Folder(tmp_path)
    assert again.runs("ord_1") == []
    assert (again.verify().files, again.verify().damage, again.verify().unlisted) == (1, (), ())


def test_what_is_kept_is_its_users_alone(folder: Folder, tmp_path: Path) -> None:
    """Histories name people where nothing is encrypted: no other user of the machine reads them."""
    kept = list(tmp_path.rglob("*"))
    assert len(kept) == 12
    assert {each.stat().st_mode & 0o077 for each in kept} == {0}


def test_a_folder_that_is_not_mounted_is_not_made(tmp_path: Path) -> None:
    """Its files would fill the disk below, and be hidden once it is mounted."""
    with pytest.raises(OperatorError, match="archive_missing"):
        Folder(tmp_path / "none").require()
    assert not (tmp_path / "none").exists()

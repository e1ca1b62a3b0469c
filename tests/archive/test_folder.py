"""The folder of histories: whole files or none, listed once they are there, and nothing is missed in silence."""

import asyncio
import fcntl
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ordersaga.archive import Folder, Kept
from ordersaga.commands.archive import drop
from ordersaga.commands.errors import CommandError
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


def test_what_was_dropped_is_never_kept_again(folder: Folder, tmp_path: Path) -> None:
    """Whoever still has it, and whoever was about to write it: nothing of it appears, in no month."""
    Folder(tmp_path).drop("ord_1")
    assert not folder.keep(ONE, "{}", "trail\n")
    assert not Folder(tmp_path).keep(BACK, "{}", "trail\n")
    assert Folder(tmp_path).dropped() == {"ord_1"}
    assert list(tmp_path.rglob("*ord_1*")) == []
    assert folder.keep(Kept.closed("order-ord_11", "r5", MARCH), "{}", None)


NOBODY = 65534


@contextmanager
def anothers(folder: Path, root: Path) -> Iterator[None]:
    """A folder in `root` is another user's for a while. Root, to whom nothing is closed, is nobody meanwhile."""
    if os.geteuid():
        folder.chmod(0o500)
    else:
        for each in (root, *root.rglob("*")):
            if folder not in (each, *each.parents):
                os.chown(each, NOBODY, NOBODY)
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(os.getuid())
        folder.chmod(0o700)


def test_what_cannot_be_deleted_is_told_and_stays_listed() -> None:
    """Personal data that stays is named with its path, and only what is gone is counted, and not missed."""
    with tempfile.TemporaryDirectory() as made:
        root = Path(made)
        folder = Folder(root)
        folder.keep(ONE, "{}", "trail\n")
        folder.keep(BACK, "{}", "trail\n")
        closed = root / "2026-03" / "ord_1"
        with anothers(closed, root), pytest.raises(CommandError) as told:
            drop("ord_1", root)
        assert (told.value.exit_code, str(closed) in str(told.value)) == (1, True)
        assert "2 files of ord_1 are deleted" in str(told.value)
        assert "as the user" in str(told.value)
        again = Folder(root)
        assert again.runs("ord_1") == [ONE]
        assert (again.verify().files, again.verify().damage, again.verify().unlisted) == (2, (), ())
        assert Folder(root).drop("ord_1") == 2
        assert Folder(root).verify().files == 0


def test_a_relay_that_was_there_before_does_not_bring_back_what_is_dropped(folder: Folder, tmp_path: Path) -> None:
    """What it had read of a list is read anew: also where a broken-off line makes it write the list again."""
    assert folder.holds(ONE)
    Folder(tmp_path).drop("ord_1")
    with (tmp_path / "2026-03" / "SHA256SUMS").open("a") as sums:
        sums.write("0123")
    later = Kept.closed("order-ord_2", "r4", MARCH)
    folder.keep(later, "{}", None)
    found = Folder(tmp_path).verify()
    assert (found.files, found.damage, found.unlisted) == (2, (), ())
    assert folder.holds(later)
    assert not folder.holds(ONE)


async def test_whoever_drops_waits_for_whoever_writes(folder: Folder, tmp_path: Path) -> None:
    """What is listed meanwhile stays listed."""
    sums = tmp_path / "2026-03" / "SHA256SUMS"
    with (tmp_path / ".lock").open("ab") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        dropping = asyncio.create_task(asyncio.to_thread(Folder(tmp_path).drop, "ord_1"))
        await asyncio.sleep(0.3)
        assert not dropping.done()
        sums.write_text(sums.read_text() + f"{'0' * 64}  ord_2/order-ord_2.r4.history.json.gz\n")
    assert await dropping == 4
    assert "ord_2/order-ord_2.r4" in sums.read_text()
    assert "ord_1" not in sums.read_text()


def test_a_list_that_is_lost_is_told(folder: Folder, tmp_path: Path) -> None:
    """Its files are not shown as if they were verified, nor called damaged: nobody can tell."""
    (tmp_path / "2026-03" / "SHA256SUMS").unlink()
    again = Folder(tmp_path)
    assert [(each.file, each.what) for each in again.verify().damage] == [("2026-03/SHA256SUMS", "missing")]
    assert len(again.verify().unlisted) == 3
    with pytest.raises(OperatorError, match=r"archive_unlisted.*sha256sum ord_1/order-ord_1\.r1\.history\.json\.gz"):
        again.read(ONE)
    assert again.read(BACK) == '{"events": [2]}'


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_what_root_writes_belongs_to_the_folders_user() -> None:
    """An order that root drops leaves no list, and no lock, that the relay could not write again."""
    with tempfile.TemporaryDirectory() as made:
        root = Path(made)
        os.chown(root, NOBODY, NOBODY)
        folder = Folder(root)
        folder.keep(ONE, "{}", "trail\n")
        folder.keep(RUN, "{}", None)
        folder.drop("ord_1")
        assert {(each.stat().st_uid, each.stat().st_gid) for each in root.rglob("*")} == {(NOBODY, NOBODY)}


def test_what_is_kept_is_its_users_alone(folder: Folder, tmp_path: Path) -> None:
    """Histories name people where nothing is encrypted: no other user of the machine reads them."""
    kept = list(tmp_path.rglob("*"))
    assert len(kept) == 13
    assert {each.stat().st_mode & 0o077 for each in kept} == {0}


def test_a_folder_that_is_not_mounted_is_not_made(tmp_path: Path) -> None:
    """Its files would fill the disk below, and be hidden once it is mounted."""
    with pytest.raises(OperatorError, match="archive_missing"):
        Folder(tmp_path / "none").require()
    assert not (tmp_path / "none").exists()

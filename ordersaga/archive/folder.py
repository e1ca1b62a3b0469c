"""The folder: a month in which workflows ended, an order, a file for each history; and what must be there, as SHA-256.

    2026-11/SHA256SUMS                                  for `sha256sum -c`, and for `ordersaga archive verify`
    2026-11/ord_1/order-ord_1.RUN.history.json.gz       for Temporal's UI and for a Replayer
    2026-11/ord_1/order-ord_1.RUN.trail.jsonl.gz        for `ordersaga audit verify --file`
    2026-11/@deployment/...                             of no order: stops, runs of reconciliation
    DROPPED                                             orders that were dropped, of which nothing is kept again

A file is there whole or not at all, and is listed once it is. Whoever is broken off between the two writes it again.
One process writes at a time, by a lock on `.lock`.
"""

import fcntl
import gzip
import hashlib
import os
import re
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal
from urllib.parse import quote, unquote

from ordersaga.domain.errors import OperatorError
from ordersaga.domain.values import Message
from ordersaga.privacy.codec import subject_of

LIST: Final = "SHA256SUMS"
LOCK: Final = ".lock"
DROPPED: Final = "DROPPED"
"""The ids of orders that were dropped, one to a line."""
_MONTH: Final = "[0-9][0-9][0-9][0-9]-[0-9][0-9]"
_LINE: Final = re.compile(r"([0-9a-f]{64})  (\S+)")
_HISTORY: Final = ".history.json.gz"
_TRAIL: Final = ".trail.jsonl.gz"
_Version = tuple[int, int, int] | None


@dataclass(frozen=True)
class Kept:
    """One run of a workflow, and where in the folder it stands."""

    workflow_id: str
    run_id: str
    month: str

    @classmethod
    def closed(cls, workflow_id: str, run_id: str, at: datetime) -> "Kept":
        """Where a run belongs that ended then."""
        return cls(workflow_id, run_id, f"{at.astimezone(UTC):%Y-%m}")

    @property
    def history(self) -> str:
        """Its history's file, within the month."""
        return self._stem + _HISTORY

    @property
    def trail(self) -> str:
        """The file of its order's trail, within the month."""
        return self._stem + _TRAIL

    @property
    def _stem(self) -> str:
        return f"{subject_of(self.workflow_id)}/{quote(self.workflow_id, safe='@')}.{self.run_id}"


class Damage(Message):
    """A file that is not as it was written. `unreadable`: a list, of which a line is none of ours."""

    file: str
    what: Literal["missing", "damaged", "unreadable"]


class Verified(Message):
    """What a look at every file came to. `unlisted`: written by a run that was broken off, before it was listed."""

    files: int
    damage: tuple[Damage, ...]
    unlisted: tuple[str, ...] = ()


class Folder:
    """Histories in a folder that is there."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._lists: dict[str, tuple[_Version, dict[str, str]]] = {}

    def require(self, *, writes: bool = True) -> None:
        """Raises OperatorError `archive_missing` for a folder that is not there, `archive_closed` for a closed one.

        It is never made: what is not mounted would be written to the disk below.
        """
        if not self.root.is_dir():
            raise OperatorError("archive_missing", f"{self.root} is no folder: mount or make it")
        if not os.access(self.root, os.R_OK | os.X_OK | (os.W_OK if writes else 0)):
            raise OperatorError("archive_closed", f"{self.root} is closed to this process's user: open it")

    def holds(self, run: Kept) -> bool:
        """Whether it was written and is still there."""
        return run.history in self.listed(run.month) and (self.root / run.month / run.history).exists()

    def listed(self, month: str) -> dict[str, str]:
        """The SHA-256 of every file of a month, by its name: as the list stands now, whoever wrote it."""
        version = _version(self._list(month))
        if month not in self._lists or self._lists[month][0] != version:
            self._lists[month] = (version, dict(_lines(self._list(month))))
        return self._lists[month][1]

    def keep(self, run: Kept, history: str, trail: str | None) -> bool:
        """Write a run's history, and its order's trail where there is one; then list them. False: it was dropped."""
        contents = {run.history: history} | ({run.trail: trail} if trail is not None else {})
        packed = {name: gzip.compress(text.encode(), mtime=0) for name, text in contents.items()}
        with self._alone():
            if subject_of(run.workflow_id) in self.dropped():
                return False
            for name, content in packed.items():
                _write(self.root / run.month / name, content)
            self._note(run.month, {name: hashlib.sha256(content).hexdigest() for name, content in packed.items()})
        return True

    def dropped(self) -> set[str]:
        """The orders that were dropped."""
        file = self.root / DROPPED
        return set(file.read_text(encoding="utf-8").split()) if file.exists() else set()

    def runs(self, order_id: str) -> list[Kept]:
        """Of the order's saga and of its returns, as they ended. Raises OSError for what may not be looked at."""
        found = (month / order_id / name for month in self._months() for name in sorted(_names(month / order_id)))
        return [_run(file) for file in found if file.name.endswith(_HISTORY) and file.name[0] != "."]

    def read(self, run: Kept) -> str:
        """A history. Raises OperatorError `archive_damaged`, `archive_unlisted`."""
        file = self.root / run.month / run.history
        packed, listed = file.read_bytes(), self.listed(run.month).get(run.history)
        if listed is None:
            remedy = f"`ordersaga archive` lists it while Temporal has it, or you do: {_by_hand(self.root, run)}"
            raise OperatorError("archive_unlisted", f"{file} is in no list, so nothing tells what it was; {remedy}")
        if listed != hashlib.sha256(packed).hexdigest():
            raise OperatorError("archive_damaged", f"{file} is not as it was written: restore it from a copy")
        return gzip.decompress(packed).decode()

    def drop(self, order_id: str) -> int:
        """Delete all there is of an order, and take what is gone off the lists; returns how many files.

        Noted first: from then on nothing of it is kept, though Temporal may have it still.
        Raises OperatorError `archive_missing`, `archive_closed`: the latter also where some of it could not be deleted.
        """
        self.require()
        with self._alone():
            if order_id not in self.dropped():
                _append(self.root / DROPPED, f"{order_id}\n".encode())
            done = [self._drop(month, order_id) for month in self._months()]
        gone = sum(files for files, _ in done)
        for error in (error for _, error in done if error is not None):
            told = f"{error.filename} could not be deleted ({error.strerror}), {gone} files of {order_id} are deleted"
            raise OperatorError("archive_closed", f"{told}; drop it again, as the user whom the files belong to")
        return gone

    def _drop(self, month: Path, order_id: str) -> tuple[int, OSError | None]:
        gone, error = _emptied(month / order_id)
        listed = self.listed(month.name)
        of_it = {name for name in listed if name.startswith(f"{order_id}/") and (error is None or name in gone)}
        if of_it:
            self._rewrite(month.name, {name: digest for name, digest in listed.items() if name not in of_it})
        return len(gone), error

    def verify(self) -> Verified:
        """Read everything."""
        damage: list[Damage] = []
        unlisted: list[str] = []
        files = 0
        for month in self._months():
            listed = dict(_lines(self._list(month.name)))
            files += len(listed)
            if any(_unreadable(self._list(month.name))):
                damage.append(Damage(file=f"{month.name}/{LIST}", what="unreadable"))
            damage += [found for name, wanted in listed.items() if (found := _damage(month, name, wanted))]
            there = [file.relative_to(month).as_posix() for file in month.glob("*/*.gz") if file.name[0] != "."]
            if there and not self._list(month.name).exists():
                damage.append(Damage(file=f"{month.name}/{LIST}", what="missing"))
            unlisted += [f"{month.name}/{name}" for name in sorted(there) if name not in listed]
        return Verified(files=files, damage=tuple(damage), unlisted=tuple(unlisted))

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Until the block ends no other process writes here."""
        with open(self.root / LOCK, "ab", opener=_private) as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            yield

    def _months(self) -> list[Path]:
        return sorted(self.root.glob(_MONTH))

    def _list(self, month: str) -> Path:
        return self.root / month / LIST

    def _note(self, month: str, sums: Mapping[str, str]) -> None:
        """Add to a month's list. Anew where a name stands there already, or the last line was broken off."""
        known, file = self.listed(month), self._list(month)
        if known.keys() & sums.keys() or _torn(file):
            self._rewrite(month, {**known, **sums})
            return
        _append(file, _text(sums))
        known.update(sums)
        self._lists[month] = (_version(file), known)

    def _rewrite(self, month: str, sums: Mapping[str, str]) -> None:
        _write(self._list(month), _text(sums))


def _version(file: Path) -> _Version:
    """What tells a file from what was read of it before; None where there is none."""
    try:
        stat = file.stat()
    except FileNotFoundError:
        return None
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except FileNotFoundError:
        return []


def _emptied(folder: Path) -> tuple[set[str], OSError | None]:
    """Delete an order's folder, as far as that can be done: the files that are gone, and what kept the others."""
    gone: set[str] = set()
    try:
        for name in _names(folder):
            (folder / name).unlink(missing_ok=True)
            gone.add(f"{folder.name}/{name}")
        folder.rmdir()
    except FileNotFoundError:
        return gone, None
    except OSError as error:
        return gone, error
    return gone, None


def _text(sums: Mapping[str, str]) -> bytes:
    return "".join(f"{digest}  {name}\n" for name, digest in sums.items()).encode()


def _lines(file: Path) -> Iterator[tuple[str, str]]:
    """Names and sums; what is no line of ours is passed over."""
    if file.exists():
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True):
            if (found := _LINE.fullmatch(line.removesuffix("\n"))) and line.endswith("\n"):
                yield found[2], found[1]


def _unreadable(file: Path) -> Iterator[str]:
    """Lines that are none of ours; one that was broken off at the end is none that was ever relied on."""
    if file.exists():
        *whole, _ = file.read_text(encoding="utf-8", errors="replace").split("\n")
        yield from (line for line in whole if not _LINE.fullmatch(line))


def _torn(file: Path) -> bool:
    if not file.exists() or not file.stat().st_size:
        return False
    with file.open("rb") as read:
        read.seek(-1, os.SEEK_END)
        return read.read(1) != b"\n"


def _damage(month: Path, name: str, wanted: str) -> Damage | None:
    file = month / name
    if not file.is_file():
        return Damage(file=f"{month.name}/{name}", what="missing")
    with file.open("rb") as read:
        same = hashlib.file_digest(read, "sha256").hexdigest() == wanted
    return None if same else Damage(file=f"{month.name}/{name}", what="damaged")


def _by_hand(root: Path, run: Kept) -> str:
    """How a file is listed as it is."""
    return f"cd {shlex.quote(str(root / run.month))} && sha256sum {run.history} >>{LIST}"


def _run(file: Path) -> Kept:
    workflow_id, _, run_id = file.name.removesuffix(_HISTORY).rpartition(".")
    return Kept(unquote(workflow_id), run_id, file.parent.parent.name)


def _write(file: Path, content: bytes) -> None:
    """Whole or not at all, on the disk, and for this user alone."""
    for folder in (file.parent.parent, file.parent):
        if not folder.exists():
            folder.mkdir(mode=0o700)
            _give(folder)
    beside = file.parent / f".{file.name}"
    with open(beside, "wb", opener=_private) as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    beside.replace(file)
    for folder in (file.parent, file.parent.parent):
        _sync(folder)


def _append(file: Path, content: bytes) -> None:
    with open(file, "ab", opener=_private) as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())


def _private(path: str, flags: int) -> int:
    opened = os.open(path, flags, 0o600)
    _give(Path(path))
    return opened


def _give(made: Path) -> None:
    """What root writes belongs to the user of the folder around it, who would not be let in otherwise."""
    owner = made.parent.stat()
    if os.geteuid() == 0 and made.stat().st_uid != owner.st_uid:
        os.chown(made, owner.st_uid, owner.st_gid)


def _sync(folder: Path) -> None:
    """The names in a folder, too."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)

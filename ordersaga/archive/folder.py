"""The folder: a month in which workflows ended, an order, a file for each history; and what must be there, as SHA-256.

    2026-11/SHA256SUMS                                  for `sha256sum -c`, and for `ordersaga archive verify`
    2026-11/ord_1/order-ord_1.RUN.history.json.gz       for Temporal's UI and for a Replayer
    2026-11/ord_1/order-ord_1.RUN.trail.jsonl.gz        for `ordersaga audit verify --file`
    2026-11/@deployment/...                             of no order: stops, runs of reconciliation

A file is there whole or not at all, and is listed once it is. Whoever is broken off between the two writes it again.
One process writes at a time.
"""

import gzip
import hashlib
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal
from urllib.parse import quote, unquote

from ordersaga.domain.errors import OperatorError
from ordersaga.domain.values import Message
from ordersaga.privacy.codec import subject_of

LIST: Final = "SHA256SUMS"
_MONTH: Final = "[0-9][0-9][0-9][0-9]-[0-9][0-9]"
_LINE: Final = re.compile(r"([0-9a-f]{64})  (\S+)")
_HISTORY: Final = ".history.json.gz"
_TRAIL: Final = ".trail.jsonl.gz"


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
        self._lists: dict[str, dict[str, str]] = {}

    def require(self, *, writes: bool = True) -> None:
        """Raises OperatorError `archive_missing` for a folder that is not there, `archive_closed` for a closed one.

        It is never made: what is not mounted would be written to the disk below. Lists are read anew from here on.
        """
        self._lists = {}
        if not self.root.is_dir():
            raise OperatorError("archive_missing", f"{self.root} is no folder: mount or make it")
        if not os.access(self.root, os.R_OK | os.X_OK | (os.W_OK if writes else 0)):
            raise OperatorError("archive_closed", f"{self.root} is closed to this process's user: open it")

    def holds(self, run: Kept) -> bool:
        """Whether it was written and is still there."""
        return run.history in self.listed(run.month) and (self.root / run.month / run.history).exists()

    def listed(self, month: str) -> Mapping[str, str]:
        """The SHA-256 of every file of a month, by its name."""
        if month not in self._lists:
            self._lists[month] = dict(_lines(self._list(month)))
        return self._lists[month]

    def keep(self, run: Kept, history: str, trail: str | None) -> None:
        """Write a run's history, and its order's trail where there is one; then list them."""
        contents = {run.history: history} | ({run.trail: trail} if trail is not None else {})
        sums: dict[str, str] = {}
        for name, text in contents.items():
            packed = gzip.compress(text.encode(), mtime=0)
            _write(self.root / run.month / name, packed)
            sums[name] = hashlib.sha256(packed).hexdigest()
        self._note(run.month, sums)

    def runs(self, order_id: str) -> list[Kept]:
        """Of the order's saga and of its returns, as they ended."""
        found = (file for month in self._months() for file in sorted((month / order_id).glob(f"*{_HISTORY}")))
        return [_run(file) for file in found]

    def read(self, run: Kept) -> str:
        """A history. Raises OperatorError `archive_damaged`."""
        file = self.root / run.month / run.history
        packed = file.read_bytes()
        if self.listed(run.month).get(run.history) != hashlib.sha256(packed).hexdigest():
            raise OperatorError("archive_damaged", f"{file} is not as it was written: restore it from a copy")
        return gzip.decompress(packed).decode()

    def drop(self, order_id: str) -> int:
        """Delete all there is of an order; returns how many files. Unlisted first: nothing is missed afterwards."""
        gone = 0
        for month in self._months():
            of_it = {name for name in self.listed(month.name) if name.startswith(f"{order_id}/")}
            if of_it:
                self._rewrite(month.name, {n: s for n, s in self.listed(month.name).items() if n not in of_it})
                gone += len(of_it)
            shutil.rmtree(month / order_id, ignore_errors=True)
        return gone

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
            there = (file.relative_to(month).as_posix() for file in month.glob("*/*.gz") if file.name[0] != ".")
            unlisted += [f"{month.name}/{name}" for name in sorted(there) if name not in listed]
        return Verified(files=files, damage=tuple(damage), unlisted=tuple(unlisted))

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
        with open(file, "ab", opener=_private) as out:
            out.write(_text(sums))
            out.flush()
            os.fsync(out.fileno())
        self._lists[month].update(sums)

    def _rewrite(self, month: str, sums: Mapping[str, str]) -> None:
        _write(self._list(month), _text(sums))
        self._lists[month] = dict(sums)


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


def _run(file: Path) -> Kept:
    workflow_id, _, run_id = file.name.removesuffix(_HISTORY).rpartition(".")
    return Kept(unquote(workflow_id), run_id, file.parent.parent.name)


def _write(file: Path, content: bytes) -> None:
    """Whole or not at all, on the disk, and for this user alone."""
    for folder in (file.parent.parent, file.parent):
        folder.mkdir(mode=0o700, exist_ok=True)
    beside = file.parent / f".{file.name}"
    with open(beside, "wb", opener=_private) as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    beside.replace(file)
    for folder in (file.parent, file.parent.parent):
        _sync(folder)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _sync(folder: Path) -> None:
    """The names in a folder, too."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)

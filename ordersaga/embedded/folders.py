"""The state folder: who holds it, what is written there, and what a supervisor that died left behind."""

import fcntl
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

from ordersaga.embedded.errors import FolderInUseError, StackError

STACK_FILE = "stack.json"
LOCK_FILE = "supervisor.lock"
STOP_PATIENCE = 5.0
STORED = (
    "temporal.db*",
    "emulators",
    "logs",
    "postgres-password",
    "demo-keys.json",
    "demo-credentials.json",
    "network.toml",
    "network-secrets",
    STACK_FILE,
    LOCK_FILE,
)


class FolderLock:
    """One supervisor per folder. The kernel drops the lock when its holder dies, however it dies."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock or raise `FolderInUseError`; `StackError` for a folder that cannot be written to."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._folder / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            told = f"{self._folder} cannot be used: {error.strerror}; choose another folder with --data"
            raise StackError(told) from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise FolderInUseError(self._folder, self._owner()) from None
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        self._descriptor = descriptor

    def release(self) -> None:
        """Let another supervisor have the folder."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _owner(self) -> str:
        pid = (self._folder / LOCK_FILE).read_text().strip()
        return f"another supervisor (process {pid})" if pid else "another supervisor"


def write_private(path: Path, text: str) -> None:
    """Replace `path` by `text` in one step, readable by its owner only."""
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    draft.replace(path)


def write_stack_file(folder: Path, content: Mapping[str, Any]) -> None:
    """Publish where the stack's parts are. Holds the database password, hence private."""
    write_private(folder / STACK_FILE, json.dumps(content, indent=2) + "\n")


def read_stack_file(folder: Path) -> dict[str, Any] | None:
    """What the running stack on `folder` published, or None if none runs (or it left a torn file).

    Raises StackError when it is another user's.
    """
    try:
        content = json.loads((folder / STACK_FILE).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    except OSError as error:
        told = f"{folder / STACK_FILE} cannot be read: {error.strerror}; ask as the user who started that stack"
        raise StackError(told) from None
    return content if isinstance(content, dict) else None


def birth_of(pid: int) -> float | None:
    """When process `pid` started: with the pid it names one process for good, though pids come round again."""
    try:
        return psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        return None


def clear_leftovers(folder: Path) -> list[str]:
    """Stop parts that outlived a supervisor that died hard. Call with the lock held. Returns their names."""
    parts = (read_stack_file(folder) or {}).get("parts", {})
    survivors = {name: process for name, entry in parts.items() if (process := _survivor(entry))}
    for process in survivors.values():
        process.terminate()
    _, stubborn = psutil.wait_procs(list(survivors.values()), timeout=STOP_PATIENCE)
    for process in stubborn:
        process.kill()
    (folder / STACK_FILE).unlink(missing_ok=True)
    return list(survivors)


def remove_stored(folder: Path) -> None:
    """Delete what parts and supervisor wrote to the folder: what is not ours stays."""
    for pattern in STORED:
        for path in folder.glob(pattern):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()


def _survivor(entry: Mapping[str, Any]) -> psutil.Process | None:
    pid, born = entry.get("pid"), entry.get("born")
    if not pid or not born or birth_of(pid) != born:
        return None
    process = psutil.Process(pid)
    return None if process.status() == psutil.STATUS_ZOMBIE else process

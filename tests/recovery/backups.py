"""Backups of an embedded stack's two databases, taken while it runs, and their restore."""

import asyncio
import contextlib
import shutil
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ordersaga.embedded import Stack
from ordersaga.embedded.postgres import ENVIRONMENT, USER, password
from ordersaga.embedded.postgres_home import prepare_home
from ordersaga.embedded.sockets import HOST

PROCESSES: Final = ("worker", "api")
_BESIDE: Final = ("", "-wal", "-shm")


@dataclass(frozen=True)
class Backups:
    """Of one stack, in a folder beside it."""

    stack: Stack
    folder: Path

    async def of_postgres(self) -> Path:
        """`pg_basebackup`: what PostgreSQL holds at this moment, with the WAL that makes it whole."""
        home = prepare_home(self.stack.data)
        target = home.folder / "backup"
        process = await asyncio.create_subprocess_exec(
            home.program("pg_basebackup"),
            *("-h", HOST, "-p", str(self.stack.options.port("postgres")), "-U", USER, "-D", str(target)),
            *("-X", "stream", "--checkpoint", "fast"),
            env={**ENVIRONMENT, "PGPASSWORD": password(self.stack.data)},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await process.communicate()
        assert process.returncode == 0, said.decode()
        return target

    async def of_temporal(self) -> Path:
        """SQLite's own copy of a database in use."""
        target = self.folder / "temporal.backup"
        await asyncio.to_thread(_copied, self._temporal, target)
        return target

    @contextlib.asynccontextmanager
    async def restoring(self, name: str) -> AsyncIterator[None]:
        """The stack without our processes; the database `name` is away while the block runs, and back at its end."""
        for part in (*PROCESSES, name):
            await self.stack.halt(part)
        yield
        await self.stack.resume(name)
        await self.stack.wait_ready(name)

    def put_back_postgres(self, backup: Path) -> None:
        """The restored databases in the place of those there are."""
        home = prepare_home(self.stack.data)
        shutil.rmtree(home.cluster)
        backup.rename(home.cluster)
        for path in (home.cluster, *home.cluster.rglob("*")):
            home.give(path)
        home.cluster.chmod(0o700)

    def put_back_temporal(self, backup: Path | None) -> None:
        """The restored file in the place of the one there is; None: Temporal lost everything."""
        for end in _BESIDE:
            self._temporal.with_name(self._temporal.name + end).unlink(missing_ok=True)
        if backup is not None:
            backup.rename(self._temporal)

    async def go_on(self) -> None:
        """Start our processes again."""
        for name in reversed(PROCESSES):
            await self.stack.resume(name)
        for name in PROCESSES:
            await self.stack.wait_ready(name)

    @property
    def _temporal(self) -> Path:
        return self.stack.data / "temporal.db"


def _copied(database: Path, target: Path) -> None:
    with contextlib.closing(sqlite3.connect(database)) as source, contextlib.closing(sqlite3.connect(target)) as copy:
        source.backup(copy)

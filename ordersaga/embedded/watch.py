"""Keeping one part alive: start it, wait until it answers, restart it when it dies."""

import asyncio
import contextlib
import signal
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from ordersaga.embedded import process as processes
from ordersaga.embedded.errors import PartFailedError
from ordersaga.embedded.folders import birth_of
from ordersaga.embedded.parts import Part, Reporter

POLL = 0.05
DELAYS = (0.0, 0.3, 0.6, 1.0, 2.0, 3.0)
STEADY_AFTER = 20.0
TELL_EVERY = 15.0
"""Seconds after which a part that does not answer is told of, again and again."""
LAST_LINES = 8
_TRIES, _PAUSE = 4, 0.5
"""How often a part is started that fails for something that passes, and the seconds between."""


class WatchedPart:
    """A part, its current process and its restarts."""

    def __init__(self, part: Part, log: Path, report: Reporter, changed: Callable[[], None]) -> None:
        self.part = part
        self.log = log
        self.restarts = 0
        self.ready = asyncio.Event()
        self.born: float | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._frozen: list[psutil.Process] = []
        self._watch: asyncio.Task[None] | None = None
        self._report = report
        self._changed = changed

    @property
    def pid(self) -> int | None:
        """The running process, if one runs."""
        return self._process.pid if self._process and self._process.returncode is None else None

    async def start(self) -> None:
        """Start the part and return when it answers; `PartFailedError` if it does not."""
        began = time.monotonic()
        self._report.starting(self.part.name)
        try:
            await self.part.prepare()
            process = await self._first_process()
        except OSError as error:
            why = f"cannot be started: {error or type(error).__name__}"
            raise PartFailedError(self.part.name, why, self.log) from error
        self._report.ready(self.part.name, self.part.detail, time.monotonic() - began)
        self._watch = asyncio.create_task(self._keep_alive(process), name=f"watch {self.part.name}")

    async def stop(self) -> None:
        """Stop the part and stop watching it."""
        watch, self._watch = self._watch, None
        if watch:
            watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watch
        self.ready.clear()
        self.thaw()
        if self._process:
            await processes.stop(self._process, self.part.command)
            self._process = None
            self._changed()
            self._report.stopped(self.part.name)

    def kill(self, with_signal: signal.Signals) -> None:
        """Send a signal to the process, as a crash or an outsider would; the watch then restarts the part."""
        if self._process is None or self._process.returncode is not None:
            raise PartFailedError(self.part.name, "is not running, so it cannot be killed", self.log)
        self.ready.clear()
        self._process.send_signal(with_signal)

    def freeze(self) -> None:
        """Stop the part's processes in their tracks (SIGSTOP), as a machine under load or a paused one does."""
        if self.pid is None:
            raise PartFailedError(self.part.name, "is not running, so it cannot be frozen", self.log)
        self._frozen += processes.freeze(self.pid)

    def thaw(self) -> None:
        """Let frozen processes go on, those of a part that was killed meanwhile too."""
        frozen, self._frozen = self._frozen, []
        processes.thaw(frozen)

    async def wait_ready(self, within: float) -> None:
        """Return when the part answers (again); `PartFailedError` if it does not."""
        try:
            await asyncio.wait_for(self.ready.wait(), within)
        except TimeoutError:
            raise self._failure(None, within) from None

    async def _first_process(self) -> asyncio.subprocess.Process:
        tries = 0
        while True:
            tries += 1
            process = await self._spawn()
            if await self._until_ready(process):
                return process
            failure = self._failure(process.returncode)
            await processes.stop(process, self.part.command)
            if tries == _TRIES or not self.part.passes or self.part.passes not in str(failure):
                raise failure
            await asyncio.sleep(_PAUSE)

    async def _spawn(self) -> asyncio.subprocess.Process:
        self._process = await processes.spawn(self.part.command, self.log)
        self.born = birth_of(self._process.pid)
        self._changed()
        return self._process

    async def _keep_alive(self, process: asyncio.subprocess.Process) -> None:
        failures = 0
        while True:
            steady = await self._until_death(process)
            failures = 1 if steady else failures + 1
            delay = DELAYS[min(failures, len(DELAYS)) - 1]
            self._report.died(self.part.name, processes.describe_exit(process.returncode or 0), delay)
            await asyncio.sleep(delay)
            process = await self._restart()

    async def _until_death(self, process: asyncio.subprocess.Process) -> bool:
        began = time.monotonic()
        await process.wait()
        self.ready.clear()
        self.thaw()
        processes.kill_group(process.pid)
        return time.monotonic() - began > STEADY_AFTER

    async def _restart(self) -> asyncio.subprocess.Process:
        self.restarts += 1
        began = time.monotonic()
        process = await self._spawn_again()
        if await self._until_ready(process):
            self._report.ready(self.part.name, "again", time.monotonic() - began)
        elif process.returncode is None:
            await processes.stop(process, self.part.command)
        return process

    async def _spawn_again(self) -> asyncio.subprocess.Process:
        while True:
            try:
                return await self._spawn()
            except OSError as error:
                self._report.died(self.part.name, f"cannot be started ({error})", DELAYS[-1])
                await asyncio.sleep(DELAYS[-1])

    async def _until_ready(self, process: asyncio.subprocess.Process) -> bool:
        """True when the part answers; False when it died or ran out of time."""
        began, told = time.monotonic(), 0.0
        while process.returncode is None and (waited := time.monotonic() - began) < self.part.ready_timeout:
            if await self.part.ready(process.pid) and process.returncode is None:
                self.ready.set()
                return True
            if waited // TELL_EVERY > told:
                told = waited // TELL_EVERY
                self._report.noticed(f"{self.part.name} does not answer after {waited:.0f} s; its log is {self.log}")
            await asyncio.sleep(POLL)
        return False

    def _failure(self, returncode: int | None, within: float | None = None) -> PartFailedError:
        reason = (
            f"did not answer within {within or self.part.ready_timeout:g} s"
            if returncode is None
            else f"{processes.describe_exit(returncode)} before it was ready"
        )
        said = processes.last_words(self.log, LAST_LINES)
        told = f"{reason}, saying {processes.in_words(said[-1])!r}" if said else reason
        return PartFailedError(self.part.name, told, self.log, said)

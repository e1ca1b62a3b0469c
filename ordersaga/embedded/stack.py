"""The embedded stack as an object: start it, look at it, break it, stop it.

async with Stack(StackOptions(data=tmp_path, free_ports=True)) as stack:
    stack.kill("worker")                     # it is restarted
    await stack.wait_ready("worker")
    print(stack.urls["api"], stack.keys["checkout"])
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ordersaga.embedded.database import prepare_database, read_demo_keys
from ordersaga.embedded.environment import as_environment
from ordersaga.embedded.errors import StackError
from ordersaga.embedded.folders import (
    LOCK_FILE,
    STACK_FILE,
    FolderLock,
    birth_of,
    clear_leftovers,
    remove_stored,
    write_stack_file,
)
from ordersaga.embedded.options import StackOptions, read_options
from ordersaga.embedded.parts import PATIENCE, Part, Reporter, SilentReporter, Step, choose
from ordersaga.embedded.plan import (
    build_plan,
    known_parts,
    more_api_urls,
    network_urls,
    refuse_taken_ports,
    stack_settings,
    stack_urls,
)
from ordersaga.embedded.postgres_home import forget_home
from ordersaga.embedded.sockets import free_ports
from ordersaga.embedded.supervisor import Supervisor
from ordersaga.settings import Settings, read_settings

PlanMaker = Callable[[StackOptions, Settings, set[str]], list[Part | Step]]


def _product_plan(options: StackOptions, settings: Settings, chosen: set[str]) -> list[Part | Step]:
    return build_plan(options, settings, chosen, prepare_database)


class Stack:
    """Every part of ordersaga as watched child processes of this process."""

    def __init__(
        self,
        options: StackOptions | None = None,
        settings: Settings | None = None,
        report: Reporter | None = None,
        plan: PlanMaker = _product_plan,
    ) -> None:
        self.options = _resolved(options or read_options())
        self.chosen = choose(known_parts(self.options), self.options.only, self.options.without)
        self._base = settings or read_settings()
        self._report = report or SilentReporter()
        self._make_plan = plan
        self._lock = FolderLock(self.data)
        self._supervisor: Supervisor | None = None
        self._settings: Settings | None = None

    @property
    def data(self) -> Path:
        """The state folder."""
        return self.options.data

    @property
    def settings(self) -> Settings:
        """The settings that all parts share; connect with these."""
        if self._settings is None:
            raise StackError("the stack is not started: call `await stack.start()` first")
        return self._settings

    @property
    def urls(self) -> dict[str, str]:
        """Where everything is: api (api-2, ...), temporal, temporal_ui, database, and the companies by their names."""
        return {
            **stack_urls(self.settings),
            **network_urls(self.options, self.chosen),
            **more_api_urls(self.options),
        }

    @property
    def api_urls(self) -> list[str]:
        """Every process that serves the API."""
        return [self.urls[name] for name in self.options.api_names]

    @property
    def keys(self) -> dict[str, str]:
        """The demo's API keys by role: checkout, support, operator."""
        return read_demo_keys(self.data)

    @property
    def pids(self) -> dict[str, int | None]:
        """The process of each part, None while it is down."""
        return {name: entry["pid"] for name, entry in self._running().describe().items()}

    @property
    def restarts(self) -> dict[str, int]:
        """How often each part was restarted."""
        return {name: entry["restarts"] for name, entry in self._running().describe().items()}

    async def start(self) -> None:
        """Start every chosen part and return when all answer. On failure nothing is left running."""
        self._lock.acquire()
        try:
            await self._start()
        except OSError as error:
            await self.stop()
            raise StackError(f"the stack cannot be started in {self.data}: {error or type(error).__name__}") from error
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop every part in reverse order. What they stored stays; starting again resumes."""
        supervisor, self._supervisor = self._supervisor, None
        if supervisor:
            await supervisor.stop()
            (self.data / STACK_FILE).unlink(missing_ok=True)
        self._lock.release()

    async def kill(self, name: str, with_signal: signal.Signals = signal.SIGKILL) -> None:
        """Kill a part as a crash would. It is restarted; await `wait_ready(name)`."""
        self._running().kill(name, with_signal)

    async def wait_ready(self, name: str, within: float = PATIENCE) -> None:
        """Return when the part answers (again); `PartFailedError` if it does not."""
        await self._running().wait_ready(name, within)

    async def freeze(self, name: str) -> None:
        """Suspend a part with all its processes (SIGSTOP): it neither answers nor dies, until `thaw(name)`."""
        self._running().freeze(name)

    async def thaw(self, name: str) -> None:
        """Let a frozen part go on; harmless for any other."""
        self._running().thaw(name)

    async def halt(self, name: str) -> None:
        """Stop one part and leave it stopped: an outage, until `resume(name)`."""
        await self._running().halt(name)

    async def resume(self, name: str) -> None:
        """End an outage begun by `halt`."""
        await self._running().resume(name)

    async def restart(self, name: str) -> None:
        """Stop a part cleanly and start it again; returns when it answers."""
        await self.halt(name)
        await self.resume(name)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def _start(self) -> None:
        for name in await asyncio.to_thread(clear_leftovers, self.data):
            self._report.noticed(f"stopped {name}, left over from a supervisor that died")
        if self.options.free_ports:
            self.options = self.options.with_ports(free_ports(self.options.port_names))
        refuse_taken_ports(self.options, self.chosen)
        self._settings = stack_settings(self.options, self.chosen, self._base)
        plan = self._make_plan(self.options, self._settings, self.chosen)
        self._supervisor = Supervisor(plan, self.data / "logs", self._report, self._publish)
        await self._supervisor.start()

    def _publish(self) -> None:
        if self._supervisor:
            write_stack_file(self.data, self._description(self._supervisor))

    def _description(self, supervisor: Supervisor) -> dict[str, Any]:
        return {
            "supervisor": {"pid": os.getpid(), "born": birth_of(os.getpid())},
            "data": str(self.data),
            "urls": self.urls,
            "ports": {name: self.options.port(name) for name in self.options.port_names},
            "parts": supervisor.describe(),
            "environment": as_environment(self.settings),
        }

    def _running(self) -> Supervisor:
        if self._supervisor is None:
            raise StackError("the stack is not started: call `await stack.start()` first")
        return self._supervisor


def _resolved(options: StackOptions) -> StackOptions:
    return options.model_copy(update={"data": options.data.expanduser().resolve()})


def forget(data: Path) -> None:
    """Delete what a stopped stack stored in `data`, and nothing else there. Refused while a stack runs on it."""
    data = data.expanduser().resolve()
    if not (data / LOCK_FILE).exists():
        return
    lock = FolderLock(data)
    lock.acquire()
    try:
        clear_leftovers(data)
        forget_home(data)
        remove_stored(data)
    finally:
        lock.release()
    with contextlib.suppress(OSError):
        data.rmdir()

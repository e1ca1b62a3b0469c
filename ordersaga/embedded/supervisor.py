"""One supervisor for all parts: start in dependency order, watch, stop in reverse.

Parts whose needs are met start together: PostgreSQL, Temporal and the emulators do not wait for one another.
"""

import asyncio
import signal
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from ordersaga.embedded.errors import StackError, UnknownPartError
from ordersaga.embedded.parts import PATIENCE, Part, Reporter, Step
from ordersaga.embedded.watch import WatchedPart


class Supervisor:
    """Starts and keeps alive a set of parts, and does the steps between them."""

    def __init__(
        self, plan: Sequence[Part | Step], logs: Path, report: Reporter, changed: Callable[[], None] = lambda: None
    ) -> None:
        self._plan = plan
        self._report = report
        self._done = {item.name: asyncio.Event() for item in plan}
        self._watched = {
            item.name: WatchedPart(item, logs / f"{item.name}.log", report, changed)
            for item in plan
            if isinstance(item, Part)
        }

    async def start(self) -> None:
        """Start everything. If one part fails, stop what runs and raise its error."""
        try:
            async with asyncio.TaskGroup() as group:
                for item in self._plan:
                    group.create_task(self._bring_up(item))
        except BaseException as failure:
            await self.stop()
            raise _told_simply(failure) from None

    async def stop(self) -> None:
        """Stop everything in reverse order; parts that need each other's absence wait for it."""
        for wave in reversed(list(self._waves())):
            await asyncio.gather(*(self._watched[name].stop() for name in wave if name in self._watched))

    def kill(self, name: str, with_signal: signal.Signals = signal.SIGKILL) -> None:
        """Kill a part; it is restarted as after any crash."""
        self._part(name).kill(with_signal)

    def freeze(self, name: str) -> None:
        """Suspend a part's processes until `thaw`; it is not restarted, since it lives."""
        self._part(name).freeze()

    def thaw(self, name: str) -> None:
        """Let a frozen part go on."""
        self._part(name).thaw()

    async def halt(self, name: str) -> None:
        """Stop one part and leave it stopped: an outage, until `resume`."""
        await self._part(name).stop()

    async def resume(self, name: str) -> None:
        """Start a halted part again."""
        await self._part(name).start()

    async def wait_ready(self, name: str, within: float = PATIENCE) -> None:
        """Return when the part answers (again); `PartFailedError` if it does not."""
        await self._part(name).wait_ready(within)

    def describe(self) -> dict[str, dict[str, Any]]:
        """Process, log and restarts of each part."""
        return {
            name: {"pid": part.pid, "born": part.born, "log": str(part.log), "restarts": part.restarts}
            for name, part in self._watched.items()
        }

    def _part(self, name: str) -> WatchedPart:
        if name not in self._watched:
            raise UnknownPartError(name, list(self._watched))
        return self._watched[name]

    async def _bring_up(self, item: Part | Step) -> None:
        for need in self._present_needs(item):
            await self._done[need].wait()
        if isinstance(item, Part):
            await self._watched[item.name].start()
        else:
            await self._do(item)
        self._done[item.name].set()

    async def _do(self, step: Step) -> None:
        self._report.starting(step.name)
        began = time.monotonic()
        detail = await step.run()
        self._report.ready(step.name, detail, time.monotonic() - began)

    def _present_needs(self, item: Part | Step) -> Iterable[str]:
        return (need for need in item.needs if need in self._done)

    def _waves(self) -> Iterable[list[str]]:
        """Names in groups such that each group needs only groups before it."""
        remaining = {item.name: set(self._present_needs(item)) for item in self._plan}
        while remaining:
            wave = [name for name, needs in remaining.items() if not needs & remaining.keys()]
            yield wave
            for name in wave:
                del remaining[name]


def _told_simply(failure: BaseException) -> BaseException:
    """The first failure of a group, a stack error if there is one: one line for a person, not a tree."""
    if not isinstance(failure, BaseExceptionGroup):
        return failure
    ours = failure.subgroup(StackError)
    return _told_simply((ours or failure).exceptions[0])

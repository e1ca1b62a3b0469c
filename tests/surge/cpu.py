"""CPU seconds by part of the stack, processes that were killed meanwhile included."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

import psutil

LOOK_EVERY: Final = 1.0


class CpuWatch:
    """Looks once a second. `pids`: the parts' processes now. `parts`: the part of every process ever seen there."""

    def __init__(self, pids: Callable[[], Mapping[str, int | None]]) -> None:
        self.parts: dict[int, str] = {}
        self._pids = pids
        self._used: dict[tuple[int, float], tuple[str, float]] = {}

    async def watch(self) -> None:
        """Look until canceled."""
        while True:
            self.look()
            await asyncio.sleep(LOOK_EVERY)

    def look(self) -> Counter[str]:
        """CPU seconds used until now, by part."""
        own = psutil.Process()
        for part, process in [*self._processes(), ("harness", own)]:
            with contextlib.suppress(psutil.Error):
                times = process.cpu_times()
                self._used[process.pid, process.create_time()] = (part, times.user + times.system)
        total: Counter[str] = Counter()
        for part, seconds in self._used.values():
            total[part] += seconds  # type: ignore[assignment]
        return total

    def _processes(self) -> Iterator[tuple[str, psutil.Process]]:
        for part, pid in self._pids().items():
            if pid is None:
                continue
            self.parts[pid] = part
            with contextlib.suppress(psutil.Error):
                leader = psutil.Process(pid)
                yield part, leader
                yield from ((part, child) for child in leader.children(recursive=True))


def by_kind(parts: Mapping[str, float]) -> dict[str, float]:
    """`api-2` counts as `api`."""
    found: dict[str, float] = {}
    for part, seconds in sorted(parts.items()):
        kind = part.partition("-")[0]
        found[kind] = round(found.get(kind, 0.0) + seconds, 1)
    return found


def used_between(
    before: Mapping[str, float], after: Mapping[str, float], kinds: Iterable[str] = ()
) -> dict[str, float]:
    """CPU seconds by kind of part between two looks."""
    spent = by_kind({part: seconds - before.get(part, 0.0) for part, seconds in after.items()})
    return {kind: spent.get(kind, 0.0) for kind in kinds} | spent

"""What the processes of a stack use: CPU seconds and memory."""

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import psutil

from benchmarks.figures import median
from ordersaga.embedded import Stack

MEGABYTE: Final = 1e6
US: Final = "this process"
LEAST: Final = 0.005
"""Milliseconds of one thing below which a part had no hand in it."""


def cpu_seconds(stack: Stack, *, with_us: bool = True) -> float:
    """CPU seconds used so far by all parts with their children, and by this process."""
    return sum(used for part, used in cpu_by_part(stack).items() if with_us or part != US)


def cpu_by_part(stack: Stack) -> dict[str, float]:
    """CPU seconds used so far by each part with its children, and by this process."""
    own = psutil.Process(os.getpid()).cpu_times()
    return {US: own.user + own.system} | {part: _used(pid) for part, pid in stack.pids.items() if pid is not None}


def spent_by_part(before: Mapping[str, float], after: Mapping[str, float], each: int) -> dict[str, float]:
    """CPU milliseconds of one of `each` things by part, of parts that did any of it."""
    spent = {part: (used - before.get(part, 0.0)) / each * 1000 for part, used in after.items()}
    return {part: milliseconds for part, milliseconds in spent.items() if milliseconds >= LEAST}


def in_words(rounds: Sequence[Mapping[str, float]]) -> str:
    """The medians over rounds, e.g. `temporal 42.1, this process 20.3 ms`; the most expensive part first."""
    parts = {part for spent in rounds for part in spent}
    medians = {part: median([spent.get(part, 0.0) for spent in rounds]) for part in parts}
    ordered = sorted(medians.items(), key=lambda item: -item[1])
    return ", ".join(f"{part} {milliseconds:.3g}" for part, milliseconds in ordered) + " ms"


def memory(stack: Stack, part: str) -> float:
    """Megabytes a part keeps in memory."""
    pid = stack.pids[part]
    assert pid is not None, f"{part} does not run"
    return psutil.Process(pid).memory_info().rss / MEGABYTE


def _used(pid: int) -> float:
    used = 0.0
    for process in _family(pid):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            used += times.user + times.system + times.children_user + times.children_system
    return used


def _family(pid: int) -> Iterator[psutil.Process]:
    with contextlib.suppress(psutil.NoSuchProcess):
        leader = psutil.Process(pid)
        yield leader
        yield from leader.children(recursive=True)

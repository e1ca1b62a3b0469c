"""What the processes of a stack use: CPU seconds and memory."""

import contextlib
import os
from collections.abc import Iterator

import psutil

from ordersaga.embedded import Stack

MEGABYTE = 1e6


def cpu_seconds(stack: Stack, *, with_us: bool = True) -> float:
    """CPU seconds used so far by all parts with their children, and by this process."""
    used = 0.0
    for process in _processes(stack):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            used += times.user + times.system + times.children_user + times.children_system
    own = psutil.Process(os.getpid()).cpu_times()
    return used + (own.user + own.system if with_us else 0.0)


def memory(stack: Stack, part: str) -> float:
    """Megabytes a part keeps in memory."""
    pid = stack.pids[part]
    assert pid is not None, f"{part} does not run"
    return psutil.Process(pid).memory_info().rss / MEGABYTE


def _processes(stack: Stack) -> Iterator[psutil.Process]:
    for pid in stack.pids.values():
        if pid is None:
            continue
        with contextlib.suppress(psutil.NoSuchProcess):
            leader = psutil.Process(pid)
            yield leader
            yield from leader.children(recursive=True)

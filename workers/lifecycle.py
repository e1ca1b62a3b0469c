"""How a worker process lives and ends."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack

from temporalio.worker import Worker

SETTLE = 0.2
"""Seconds between the end of the workers and the end of the process: without them the interpreter may crash while
the SDK's threads still finish (temporalio/sdk-python#300)."""


def stop_on_signals() -> asyncio.Event:
    """An event that is set by Ctrl-C or SIGTERM."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    return stop


@contextlib.asynccontextmanager
async def running(workers: Sequence[Worker], *, settle: float = SETTLE) -> AsyncIterator[None]:
    """Run workers side by side; on the way out none takes anything new, and each finishes what it has begun.

    `settle`: seconds to rest afterwards; none where the process goes on for longer than that.
    """
    try:
        async with AsyncExitStack() as stack:
            for worker in workers:
                await stack.enter_async_context(worker)
            stack.push_async_callback(_shut_down, workers)
            yield
    finally:
        await asyncio.sleep(settle)


async def _shut_down(workers: Sequence[Worker]) -> None:
    """All at once: one after the other, those behind would go on taking work, and their graces would add up."""
    await asyncio.gather(*(worker.shutdown() for worker in workers))

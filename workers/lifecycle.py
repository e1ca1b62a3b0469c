"""How a worker process lives and ends."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack

from temporalio.worker import Worker

from ordersaga.temporal_connection import SETTLE


def stop_on_signals() -> asyncio.Event:
    """An event that is set by Ctrl-C or SIGTERM."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    return stop


@contextlib.asynccontextmanager
async def running(workers: Sequence[Worker], *, settle: float = SETTLE) -> AsyncIterator[None]:
    """Run workers side by side; on the way out each finishes what it has begun.

    `settle`: seconds to rest afterwards; none where the process goes on for longer than that.
    """
    try:
        async with AsyncExitStack() as stack:
            for worker in workers:
                await stack.enter_async_context(worker)
            yield
    finally:
        await asyncio.sleep(settle)

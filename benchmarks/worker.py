"""The product's workers before companies in their own process: a part of a stack, in place of `python -m workers`."""

import asyncio

from benchmarks.shop import open_shop, working
from ordersaga.settings import read_settings
from ordersaga.telemetry import configure_logging
from workers.lifecycle import stop_on_signals


async def work() -> None:
    """Work until asked to stop."""
    settings = read_settings()
    configure_logging(settings, "worker")
    stop = stop_on_signals()
    async with open_shop(settings) as shop, working(shop.workers()):
        await stop.wait()


if __name__ == "__main__":
    asyncio.run(work())

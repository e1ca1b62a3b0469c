"""The relay's notifier as a process of its own, for tests that kill it: `python -m tests.support.notifier_process`."""

import asyncio

from ordersaga.bootstrap import open_services
from ordersaga.settings import read_settings
from ordersaga.telemetry import configure_logging
from workers.lifecycle import stop_on_signals
from workers.relay import notify


async def main() -> None:
    """Notify until told to stop."""
    settings = read_settings(_env_file=None)
    configure_logging(settings, "notifier")
    async with open_services(settings) as services:
        await notify(services, stop_on_signals())


if __name__ == "__main__":
    asyncio.run(main())

"""The relay: what must happen without anybody asking. Several may run; each loop survives any outage.

| loop | does | woken |
|---|---|---|
| starter | starts the sagas of accepted orders that nobody started | by NOTIFY `orders_left`, and every second |
| waitlist | gives what came back to those who wait in line | by NOTIFY `stock_available`, and every second |
| return_starter | starts the workflows of accepted returns that nobody started | every second |
| deliverer | hands inbox messages to their order's saga | by NOTIFY `inbox`, and every second |
| notifier | delivers notifications to endpoints | by NOTIFY `notifications`, and every second |
| pollers | ask what webhooks missed, and what became of voided labels; release expired holds | every `poll_interval` |
| followers | ask a carrier what became of packages whose provider tells no delivery | every `poll_interval` |
| sweep | looks for orders of marketplaces that nobody told us of | every 6 hours |
| sealer | seals the chains of the audit trail that grew | every `poll_interval` |
| forget | forgets what is older than it is kept (`ordersaga.domain.retention`) | every hour |
| archive | keeps histories of what has ended, where there is a folder for them | every hour |
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Final

import structlog

from ordersaga import meters
from ordersaga.archive import archiver_of
from ordersaga.bootstrap import Pool, Services, retention_of
from ordersaga.domain.errors import OrdersagaError
from ordersaga.error_words import said
from workers.relay_archive import Archive
from workers.relay_channels import SWEEP_SECONDS, ChannelPoller
from workers.relay_deliverer import Deliverer
from workers.relay_following import followers
from workers.relay_notifier import Notifier
from workers.relay_pollers import CarrierPoller, ProviderPoller, expire_holds
from workers.relay_returns import ReturnPoller, ReturnStarter
from workers.relay_seals import Sealer
from workers.relay_starter import Starter
from workers.relay_voids import VoidPoller
from workers.relay_waitlist import Waitlist

POLL_SECONDS: Final = 1.0
STILL_THERE_SECONDS: Final = 5.0
"""How long a connection that only listens may take to say that it is not dead."""
MAX_BACKOFF_SECONDS: Final = 30.0
FORGET_SECONDS: Final = 3600.0
ARCHIVE_SECONDS: Final = 3600.0

Step = Callable[[], Awaitable[bool]]
log = structlog.get_logger(__name__)


async def run_relay(services: Services, stop: asyncio.Event) -> None:
    """Run every loop until `stop` is set; work under way is finished, at most one step of each loop.

    What only asks, or tidies up, may take minutes and be broken off at any moment: it is, and keeps nobody waiting.
    """
    bell = asyncio.Event()
    interval = services.settings.poll_interval.total_seconds()
    deliverer = Deliverer(services)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(ring(services.pool, "inbox", bell, stop))
        tasks.create_task(start_sagas(services, stop))
        tasks.create_task(give_to_waiting(services, stop))
        tasks.create_task(keep("deliverer", deliverer.step, stop, bell))
        tasks.create_task(notify(services, stop))
        tasks.create_task(keep("forget_deliveries", services.outbox.prune, stop, pause=interval))
        forget = partial(unless_stopped, retention_of(services).step, stop)
        tasks.create_task(keep("forget", forget, stop, pause=FORGET_SECONDS))
        if archiver := archiver_of(services):
            archive = partial(unless_stopped, Archive(archiver).step, stop)
            tasks.create_task(keep("archive", archive, stop, pause=ARCHIVE_SECONDS))
        tasks.create_task(keep("expire_holds", lambda: expire_holds(services), stop, pause=interval))
        tasks.create_task(keep("return_starter", ReturnStarter(services).step, stop))
        tasks.create_task(keep("sealer", Sealer(services).step, stop, pause=interval))
        tasks.create_task(ask_accounts(services, stop))


async def ask_accounts(services: Services, stop: asyncio.Event) -> None:
    """Ask every account by itself until `stop`, those that are opened meanwhile too."""
    interval = services.settings.poll_interval.total_seconds()
    asked: set[str] = set()
    async with asyncio.TaskGroup() as tasks:
        while not stop.is_set():
            for name, step in _questions(services):
                if name not in asked:
                    pause = SWEEP_SECONDS if name.startswith("sweep_") else interval
                    tasks.create_task(keep(name, partial(unless_stopped, step, stop), stop, pause=pause))
                    asked.add(name)
            await pass_time(interval, stop)


def _questions(services: Services) -> Iterator[tuple[str, Step]]:
    """What each account is asked about, by the name of its loop."""
    for name in services.providers:
        yield f"poll_{name}", ProviderPoller(services, name).step
    for name, follower in followers(services):
        yield f"follow_{name}", follower.step
    for account in services.channels:
        shop = ChannelPoller(services, account)
        yield f"poll_{account}", shop.step
        yield f"sweep_{account}", shop.sweep
    for account in services.carriers:
        yield f"poll_labels_{account}", CarrierPoller(services, account).step
        yield f"poll_returns_{account}", ReturnPoller(services, account).step
        yield f"poll_voids_{account}", VoidPoller(services, account).step


async def start_sagas(services: Services, stop: asyncio.Event) -> None:
    """Start sagas of accepted orders until `stop` is set."""
    bell = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(ring(services.pool, "orders_left", bell, stop))
        tasks.create_task(keep("starter", Starter(services).step, stop, bell))


async def give_to_waiting(services: Services, stop: asyncio.Event) -> None:
    """Look after the lines until `stop` is set."""
    bell = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(ring(services.pool, "stock_available", bell, stop))
        tasks.create_task(keep("waitlist", Waitlist(services).step, stop, bell))


async def notify(services: Services, stop: asyncio.Event) -> None:
    """Deliver notifications until `stop` is set."""
    bell, notifier = asyncio.Event(), Notifier(services)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(ring(services.pool, "notifications", bell, stop))
        tasks.create_task(keep("notifier", notifier.step, stop, bell))
    await notifier.finish()


async def keep(
    name: str, step: Step, stop: asyncio.Event, bell: asyncio.Event | None = None, *, pause: float = POLL_SECONDS
) -> None:
    """Repeat `step` until `stop`: at once while it had work (True), else after `pause` seconds or the bell.

    A step that raises is logged and repeated after 0.5, 1, 2, ... seconds, at most 30.
    """
    meters.loop_begun(name, pause)
    failures = 0
    while not stop.is_set():
        try:
            busy = await step()
        except Exception as error:
            meters.loop_stepped(name, well=False)
            failures += 1
            delay = min(MAX_BACKOFF_SECONDS, 0.25 * 2 ** min(failures, 10))
            unforeseen = not isinstance(error, OrdersagaError)
            log.warning("relay_step_failed", loop=name, error=said(error), retry_in=delay, exc_info=unforeseen)
            await pass_time(delay, stop)
            continue
        meters.loop_stepped(name, well=True)
        failures = 0
        if not busy:
            await pass_time(pause, stop, bell)


async def unless_stopped(step: Step, stop: asyncio.Event) -> bool:
    """Do a step that may be broken off at any moment, which it is when `stop` is set."""
    work, asked = asyncio.ensure_future(step()), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait((work, asked), return_when=asyncio.FIRST_COMPLETED)
    finally:
        asked.cancel()
        work.cancel()
    await asyncio.wait((work,))
    return not work.cancelled() and work.result()


async def pass_time(seconds: float, stop: asyncio.Event, bell: asyncio.Event | None = None) -> None:
    """Wait, but no longer than until `stop` or `bell` is set; the bell is silenced."""
    waits = [asyncio.ensure_future(event.wait()) for event in (stop, bell) if event]
    try:
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
    if bell:
        bell.clear()


async def ring(pool: Pool, channel: str, bell: asyncio.Event, stop: asyncio.Event) -> None:
    """Ring the bell at every NOTIFY on `channel`. Without a connection the loops still look every second."""
    while not stop.is_set():
        try:
            await _listen(pool, channel, bell, stop)
        except Exception as error:
            log.warning("relay_not_listening", channel=channel, error=said(error))
            await pass_time(POLL_SECONDS, stop)


async def _listen(pool: Pool, channel: str, bell: asyncio.Event, stop: asyncio.Event) -> None:
    def heard(*_: object) -> None:
        bell.set()

    async with pool.acquire(timeout=5) as connection:
        await connection.add_listener(channel, heard)
        bell.set()
        try:
            while not stop.is_set() and not connection.is_closed():
                await pass_time(POLL_SECONDS, stop)
                await connection.fetchval("SELECT 1", timeout=STILL_THERE_SECONDS)
        except TimeoutError:
            connection.terminate()
            raise
        finally:
            with suppress(Exception):
                await connection.remove_listener(channel, heard)

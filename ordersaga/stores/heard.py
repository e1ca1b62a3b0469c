"""What a process keeps in memory is true as long as it hears of every change: one connection listens for all of it.

While that connection is not alive (not begun, lost, or silent for 2 s), whoever remembers anything forgets it and asks
the database instead.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

import structlog

from ordersaga.beside import beside
from ordersaga.stores.pools import Connection, Pool

STILL_THERE_EVERY: Final = 0.5
STILL_THERE_WITHIN: Final = 1.5
"""A connection that only listens says this often, and in this time, that it is not dead. Seconds, both."""
AGAIN_AFTER: Final = 0.5

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Ear:
    """Who listens on a channel. `changed` is called with each message, `lost` when some may have been missed."""

    channel: str
    changed: Callable[[str], None]
    lost: Callable[[], None]


class Heard:
    """Listens with one connection for everybody who remembers something. `alive`: nothing is missed now."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._ears: list[Ear] = []
        self.alive = False

    def add(self, ear: Ear) -> None:
        """Listen for somebody, from the next connection on: to be called before `listening`."""
        self._ears.append(ear)

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Listen until the block ends; a lost connection is replaced."""
        async with beside(self._keep()):
            yield

    async def _keep(self) -> None:
        while True:
            try:
                await self._listen()
            except Exception as error:
                log.warning("not_listening", error=str(error) or type(error).__name__)
            finally:
                self._lose()
            await asyncio.sleep(AGAIN_AFTER)

    async def _listen(self) -> None:
        async with self._pool.acquire(timeout=5) as connection:
            connection.add_termination_listener(self._lose)
            try:
                for channel in sorted({ear.channel for ear in self._ears}):
                    await connection.add_listener(channel, self._hear)
                self._lose()  # what was remembered while nobody listened may have been changed
                self.alive = True
                await self._until_dead(connection)
            finally:
                await self._leave(connection)

    async def _until_dead(self, connection: Connection) -> None:
        try:
            while not connection.is_closed():
                await asyncio.sleep(STILL_THERE_EVERY)
                await connection.fetchval("SELECT 1", timeout=STILL_THERE_WITHIN)
        except TimeoutError:
            connection.terminate()
            raise

    async def _leave(self, connection: Connection) -> None:
        self._lose()
        with suppress(Exception):
            connection.remove_termination_listener(self._lose)
            for channel in {ear.channel for ear in self._ears}:
                await connection.remove_listener(channel, self._hear)

    def _hear(self, _: Any, __: int, channel: str, payload: object) -> None:
        for ear in self._ears:
            if ear.channel == channel:
                ear.changed(str(payload))

    def _lose(self, *_: object) -> None:
        self.alive = False
        for ear in self._ears:
            ear.lost()

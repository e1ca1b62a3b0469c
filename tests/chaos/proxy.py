"""A TCP proxy that fails as networks do, for everything between two parts of the stack.

async with Proxy("postgres", listen, upstream) as link:
    link.state = State(half_open=True)   # what passes from now on
    link.reset()                         # every connection, both sides, now
"""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from ordersaga.embedded.sockets import HOST

CHUNK: Final = 65_536
KEEPALIVE: Final = 15.0
"""Seconds after which a server's own probes tell it that nobody is there; its client is never told."""


@dataclass(frozen=True)
class State:
    """What a link does to bytes. `delay`: seconds each chunk is late; `losing`: answers are swallowed, then reset."""

    delay: float = 0.0
    losing: bool = False
    half_open: bool = False
    refusing: bool = False


HEALTHY: Final = State()


class Proxy:
    """Passes connections at `port` on to `upstream`, as its `state` lets it."""

    def __init__(self, name: str, port: int, upstream: int) -> None:
        self.name = name
        self.state = HEALTHY
        self.accepted = 0
        self._port, self._upstream = port, upstream
        self._pairs: set[_Pair] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen."""
        if self._server is None:
            self._server = await asyncio.start_server(self._serve, HOST, self._port)

    async def stop(self) -> None:
        """Listen no more; every connection is reset."""
        self._close_door()
        self.reset()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def refuse(self) -> None:
        """Refuse new connections; those there are go on."""
        self.state = State(refusing=True)
        self._close_door()

    async def heal(self) -> None:
        """Be a network again. Connections that were half open stay dead: they belong to nobody now."""
        self.state = HEALTHY
        await self.start()

    def reset(self, only: Callable[["_Pair"], bool] = lambda pair: True) -> None:
        """Reset connections, both sides, at once."""
        for pair in [each for each in self._pairs if only(each)]:
            pair.reset()

    def cut(self) -> None:
        """Let nothing pass from now on: what is open stays open and dead, what is opened meanwhile too."""
        self.state = State(half_open=True)
        for pair in self._pairs:
            pair.die()

    async def lose_answers(self, seconds: float) -> None:
        """Servers hear everything and nobody hears them; then the connections that lost something are reset."""
        self.state = State(losing=True)
        await asyncio.sleep(seconds)
        self.reset(lambda pair: pair.lost)

    def _close_door(self) -> None:
        server, self._server = self._server, None
        if server:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        task = asyncio.current_task()
        if task:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        pair = _Pair(writer, dead=self.state.half_open)
        self._pairs.add(pair)
        try:
            await self._connect(pair, reader)
        except OSError:
            pair.reset()
        finally:
            pair.close()
            self._pairs.discard(pair)

    async def _connect(self, pair: "_Pair", reader: asyncio.StreamReader) -> None:
        if pair.dead:
            await _drain(reader)
            return
        upstream, pair.server = await asyncio.open_connection(HOST, self._upstream)
        there = asyncio.create_task(self._pump(pair, reader, pair.server, answers=False))
        back = asyncio.create_task(self._pump(pair, upstream, pair.client, answers=True))
        try:
            await asyncio.gather(there, back)
        finally:
            there.cancel()
            back.cancel()

    async def _pump(
        self, pair: "_Pair", source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, answers: bool
    ) -> None:
        """Pass one direction on until its end, which is passed on as well, unless the connection is dead."""
        while data := await source.read(CHUNK):
            if self.state.delay:
                await asyncio.sleep(self.state.delay)
            if pair.dead:
                continue
            if answers and self.state.losing:
                pair.lost = True
                continue
            sink.write(data)
            await sink.drain()
        if not pair.dead:
            with contextlib.suppress(OSError):
                sink.write_eof()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()


class _Pair:
    """A client's connection and the one made for it. `dead`: nothing passes any more; `lost`: an answer was."""

    def __init__(self, client: asyncio.StreamWriter, *, dead: bool) -> None:
        self.client = client
        self.server: asyncio.StreamWriter | None = None
        self.dead = dead
        self.lost = False

    def die(self) -> None:
        """Pass nothing from now on."""
        if not self.dead:
            self.dead = True
            asyncio.get_running_loop().call_later(KEEPALIVE, self._tell_server)

    def _tell_server(self) -> None:
        if self.server:
            _reset(self.server)

    def reset(self) -> None:
        """Both sides, at once."""
        for writer in filter(None, (self.client, self.server)):
            _reset(writer)

    def close(self) -> None:
        """Both sides."""
        for writer in filter(None, (self.client, self.server)):
            writer.close()


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with RST instead of FIN: who reads there gets "connection reset by peer"."""
    raw = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def _drain(reader: asyncio.StreamReader) -> None:
    """Take what comes until the other side gives up."""
    while await reader.read(CHUNK):
        pass

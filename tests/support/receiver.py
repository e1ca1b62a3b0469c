"""A real HTTP receiver of webhooks on loopback: notes every request, answers as told.

async with receiving() as receiver:
    receiver.answers = [500, HANG]      # then 204 for ever
"""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any, Final

from standardwebhooks import Webhook

from tests.support.emulators import free_port

HANG: Final = -1
"""Read the request and never answer."""
RESET: Final = -2
"""Read the request and close the connection without an answer."""


@dataclass(frozen=True)
class Received:
    """One request. Header names are in lower case."""

    line: str
    headers: dict[str, str]
    body: str

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    def verified(self, secret: str) -> Any:
        """The body as the receiver's own library reads it; raises when the signature is wrong."""
        return Webhook(secret).verify(self.body, self.headers)


@dataclass
class Receiver:
    """`answers`: statuses still to be given; then 204. `text` is the body of every refusal, `location` a redirect's."""

    port: int
    scheme: str = "http"
    answers: list[int] = field(default_factory=list)
    text: str = "no"
    location: str = ""
    received: list[Received] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}/hooks?token=of-the-receiver"

    @property
    def ids(self) -> list[str]:
        """Ids in the order of arrival, repeats included."""
        return [each.id for each in self.received]

    async def until(self, count: int, seconds: float = 20.0) -> None:
        """Wait for this many requests."""
        await self.until_true(lambda: len(self.received) >= count, seconds)

    async def until_true(self, true: Callable[[], bool], seconds: float = 20.0) -> None:
        """Wait until it is true of what was received."""
        async with asyncio.timeout(seconds):
            while not true():
                self.arrived.clear()
                await self.arrived.wait()

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take one request."""
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            self.received.append(await _read(reader))
            status = self.answers.pop(0) if self.answers else 204
            self.arrived.set()
            if status == HANG:
                await asyncio.sleep(3600)
            if status != RESET:
                await self._answer(writer, status)
        writer.close()

    async def _answer(self, writer: asyncio.StreamWriter, status: int) -> None:
        body = self.text.encode() if status >= 300 else b""
        moved = f"Location: {self.location}\r\n" if self.location else ""
        head = f"HTTP/1.1 {status} Said\r\n{moved}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()


async def _read(reader: asyncio.StreamReader) -> Received:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Received(head[0], headers, body.decode())


@contextlib.asynccontextmanager
async def receiving(tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    """A receiver until the block ends, with what hangs cut off then."""
    receiver = Receiver(free_port(), "https" if tls else "http")
    tasks: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(receiver.handle(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(connected, "127.0.0.1", receiver.port, ssl=tls)
    try:
        yield receiver
    finally:
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        server.close()

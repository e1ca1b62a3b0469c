"""The network between the parts, failing on demand."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from ordersaga.embedded.sockets import HOST, free_ports
from tests.chaos.proxy import Proxy, State

SOON = 10.0


@dataclass
class Line:
    """A proxy before a server that repeats each line in capitals; `heard`: what reached it."""

    proxy: Proxy
    port: int
    heard: list[bytes] = field(default_factory=list)

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection through the proxy."""
        return await asyncio.open_connection(HOST, self.port)

    async def say(self, word: bytes) -> bytes:
        """What comes back for a word, over a connection of its own."""
        reader, writer = await self.open()
        writer.write(word + b"\n")
        try:
            return await asyncio.wait_for(reader.readline(), SOON)
        finally:
            writer.close()


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    """A proxy before a server."""
    ports = free_ports(("proxy", "server"))
    proxy = Proxy("test", ports["proxy"], ports["server"])
    line = Line(proxy, ports["proxy"])

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while word := await reader.readline():
                line.heard.append(word.strip())
                writer.write(word.upper())
        except OSError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, HOST, ports["server"])
    async with proxy:
        yield line
    server.close()


async def test_what_is_said_passes_both_ways(line: Line) -> None:
    """A healthy link is not noticed, its end of stream included."""
    reader, writer = await line.open()
    writer.write(b"one\ntwo\n")
    writer.write_eof()
    assert await asyncio.wait_for(reader.read(), SOON) == b"ONE\nTWO\n"
    writer.close()


async def test_latency_delays_each_way(line: Line) -> None:
    """There and back."""
    line.proxy.state = State(delay=0.2)
    began = time.monotonic()
    assert await line.say(b"late") == b"LATE\n"
    assert time.monotonic() - began >= 0.4


async def test_a_reset_reaches_the_client(line: Line) -> None:
    """As an error, not as an orderly end; the next connection works."""
    reader, writer = await line.open()
    writer.write(b"one\n")
    assert await asyncio.wait_for(reader.readline(), SOON) == b"ONE\n"
    line.proxy.reset()
    with pytest.raises(ConnectionResetError):
        await asyncio.wait_for(reader.read(), SOON)
    writer.close()
    assert await line.say(b"two") == b"TWO\n"


async def test_a_lost_answer_was_carried_out(line: Line) -> None:
    """The server did it, the client hears a reset instead."""
    losing = asyncio.create_task(line.proxy.lose_answers(0.3))
    await asyncio.sleep(0)
    with pytest.raises(ConnectionResetError):
        await line.say(b"pay")
    assert line.heard == [b"pay"]
    await losing
    await line.proxy.heal()
    assert await line.say(b"again") == b"AGAIN\n"


async def test_a_half_open_connection_stays_open_and_dead(line: Line) -> None:
    """Nothing passes and nobody is told, not even when the link has healed; new connections work then."""
    reader, writer = await line.open()
    writer.write(b"one\n")
    assert await asyncio.wait_for(reader.readline(), SOON) == b"ONE\n"
    line.proxy.cut()
    writer.write(b"two\n")
    meanwhile, new = await line.open()
    new.write(b"three\n")
    await line.proxy.heal()
    assert await line.say(b"four") == b"FOUR\n"
    for dead in (reader, meanwhile):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(dead.read(), 0.2)
    assert line.heard == [b"one", b"four"]
    writer.close()
    new.close()


async def test_a_refusing_link_keeps_what_it_has(line: Line) -> None:
    """New connections are refused until it heals; old ones go on."""
    reader, writer = await line.open()
    writer.write(b"one\n")
    await asyncio.wait_for(reader.readline(), SOON)
    await line.proxy.refuse()
    with pytest.raises(ConnectionRefusedError):
        await line.open()
    writer.write(b"two\n")
    assert await asyncio.wait_for(reader.readline(), SOON) == b"TWO\n"
    writer.close()
    await line.proxy.heal()
    assert await line.say(b"three") == b"THREE\n"


async def test_a_server_that_is_away_resets_its_clients() -> None:
    """A link to nothing is no link."""
    ports = free_ports(("proxy", "nothing"))
    async with Proxy("test", ports["proxy"], ports["nothing"]):
        reader, writer = await asyncio.open_connection(HOST, ports["proxy"])
        with pytest.raises(ConnectionResetError):
            await asyncio.wait_for(reader.read(), SOON)
        writer.close()

"""What a process manager asks a worker: does it live (`/healthz`), can it work (`/readyz`)?

Answered by the loop that does the work: one that hangs does not answer.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from http import HTTPStatus
from typing import Final

from temporalio.client import Client
from temporalio.service import RPCError

from ordersaga.bootstrap import Services
from ordersaga.domain.errors import OrdersagaError

CHECK_SECONDS: Final = 2.5
ASK_WITHIN: Final = 5.0
"""How long who connects may take to say what is wanted."""

Check = Callable[[], Awaitable[object]]


class Health:
    """What makes the process ready: nothing does until there are `checks`, and then all of them."""

    def __init__(self) -> None:
        self.checks: dict[str, Check] = {}

    async def answer(self, path: str) -> tuple[HTTPStatus, dict[str, object]]:
        """The status and body for a path."""
        if path == "/healthz":
            return HTTPStatus.OK, {"status": "ok"}
        if path != "/readyz":
            return HTTPStatus.NOT_FOUND, {"status": "not found"}
        passed = dict(zip(self.checks, await asyncio.gather(*map(_passes, self.checks.values())), strict=True))
        ready = bool(passed) and all(passed.values())
        told = {name: "ok" if fine else "unavailable" for name, fine in passed.items()}
        status = HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE
        return status, {"status": "ready" if ready else "not ready", "checks": told}


def checks_of(client: Client, services: Services) -> dict[str, Check]:
    """What a worker cannot work without."""
    return {
        "postgresql": services.database_answers,
        "temporal": client.service_client.check_health,
    }


@contextlib.asynccontextmanager
async def health_served(address: str) -> AsyncIterator[Health]:
    """Answer on `address` (host:port) until the block ends; on none when it is empty. Raises OSError: it is taken."""
    health = Health()
    if not address:
        yield health
        return

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, TimeoutError, ValueError):
            await _serve(health, reader, writer)
        writer.close()

    host, _, port = address.rpartition(":")
    server = await asyncio.start_server(serve, host, int(port))
    try:
        yield health
    finally:
        server.close()


async def _serve(health: Health, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    async with asyncio.timeout(ASK_WITHIN):
        line = await reader.readline()
        while (await reader.readline()).strip():
            pass
    words = line.decode("ascii", "replace").split()
    status, body = await health.answer(words[1].partition("?")[0] if len(words) > 1 else "")
    content = json.dumps(body).encode()
    head = f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: application/json\r\n"
    writer.write(f"{head}content-length: {len(content)}\r\nconnection: close\r\n\r\n".encode() + content)
    await writer.drain()


async def _passes(check: Check) -> bool:
    try:
        return await asyncio.wait_for(check(), CHECK_SECONDS) is not False
    except (OrdersagaError, RPCError, OSError, TimeoutError):
        return False

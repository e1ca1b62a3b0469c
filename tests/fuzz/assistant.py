"""The assistant's server on its stdin: lines that are no messages, messages without sense, calls nobody should make."""

import asyncio
import contextlib
import itertools
import json
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from tests.fuzz.doors import PATIENCE
from tests.fuzz.tally import BrokenError
from tests.support.emulators import ROOT

DOOR: Final = "assistant"
_HELLO: Final = {
    "protocolVersion": "2025-06-18",
    "capabilities": {},
    "clientInfo": {"name": "fuzz", "version": "1"},
}
_CALLS: Final[Sequence[tuple[str, dict[str, Any]]]] = (
    ("find_orders", {"text": "ord_1"}),
    ("explain_order", {"order_id": "ord_1"}),
    ("preview_cancellation", {"order_id": "ord_1", "lines": [{"sku": "MUG", "quantity": 1}]}),
    ("cancel_order", {"order_id": "ord_1", "preview": "0123456789abcdef", "reason": "late"}),
)


def _message(method: str, params: dict[str, Any] | None = None, number: int | str = 1) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params or {}}).encode()


GOOD: Final = (
    *(_message("tools/call", {"name": name, "arguments": arguments}) for name, arguments in _CALLS),
    *(_message(method) for method in ("tools/list", "ping", "resources/list", "prompts/list")),
    _message("initialize", _HELLO),
    json.dumps({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}).encode(),
)


class Assistant:
    """One server; after whatever it was sent it still answers."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._numbers = itertools.count()

    async def greet(self) -> None:
        """Begin as clients do."""
        await self.send(_message("initialize", _HELLO, "hello"))
        await self.send(b'{"jsonrpc": "2.0", "method": "notifications/initialized"}')

    async def send(self, content: bytes) -> str:
        """`taken`, once it answered a message sent after this one. Raises BrokenError: it ended, or is silent."""
        alive = f"alive-{next(self._numbers)}"
        assert self._process.stdin
        assert self._process.stdout
        try:
            self._process.stdin.write(content + b"\n" + _message("ping", number=alive) + b"\n")
            async with asyncio.timeout(PATIENCE):
                await self._process.stdin.drain()
                while alive.encode() not in (line := await self._process.stdout.readline()):
                    if not line:
                        raise BrokenError("crash", f"the server ended with {await self._process.wait()}")
        except TimeoutError:
            raise BrokenError("crash", f"no answer in {PATIENCE:.0f} s") from None
        except (ConnectionError, ValueError) as error:
            raise BrokenError("crash", f"the server hung up: {error}") from error
        return "taken"


@asynccontextmanager
async def assistant(url: str, key: str) -> AsyncIterator[Assistant]:
    """A server with this key, ended with the block."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ordersaga", "mcp", "--limit", "USD 50.00"),
        cwd=ROOT,
        env={**os.environ, "ORDERSAGA_API_URL": url, "ORDERSAGA_API_KEY": key},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        limit=2**24,
    )
    try:
        server = Assistant(process)
        await server.greet()
        yield server
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()

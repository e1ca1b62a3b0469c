"""Real emulator processes and a real webhook receiver, for tests.

async with running("stripe", tmp_path, time_scale=100, webhook_url=receiver.url) as stripe:
    stripe.url                                  # base URL of the vendor's API
    await stripe.post("faults", kind="latency", latency_ms=50)
    await stripe.get("records", match="ord_1")
    await stripe.kill(); await stripe.start()   # kill -9, then the same data folder and port again
"""

import asyncio
import contextlib
import ssl
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

from ordersaga.embedded.sockets import free_ports

ROOT = Path(__file__).resolve().parents[2]
SPECS = ROOT.parent / "shared" / "specs"
_START_SECONDS = 30.0
_PLAIN = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For requests without TLS: loading the usual certificates takes longer than a request does."""


def free_port() -> int:
    """A port nobody listens on at the moment, and that the system gives to nobody who asks for any."""
    return free_ports(["any"])["any"]


@dataclass
class EmulatorProcess:
    """One emulated company in its own process."""

    name: str
    data: Path
    options: dict[str, Any] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Base URL of the vendor's API and of the control API."""
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Start, or start again, and wait until it answers."""
        command = [sys.executable, "-m", "emulators", self.name, "--port", str(self.port), "--data", str(self.data)]
        for name, value in self.options.items():
            command += [f"--{name.replace('_', '-')}", str(value)]
        self.process = await asyncio.to_thread(subprocess.Popen, command, cwd=ROOT)
        await eventually(self._answers, seconds=_START_SECONDS)

    async def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, f"emulator {self.name} ended with {self.process.returncode}"
        try:
            return bool((await self.get("health"))["name"] == self.name)
        except httpx.TransportError:
            return False

    async def stop(self) -> int:
        """Ask it to end (SIGTERM); answers its exit code."""
        return await self._end(subprocess.Popen.terminate)

    async def kill(self) -> int:
        """End it without warning (SIGKILL); answers its exit code."""
        return await self._end(subprocess.Popen.kill)

    async def _end(self, how: Callable[[subprocess.Popen[bytes]], None]) -> int:
        assert self.process is not None
        how(self.process)
        return await asyncio.to_thread(self.process.wait, 10)

    async def request(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        """One raw request, on its own connection."""
        async with httpx.AsyncClient(base_url=self.url, timeout=15, trust_env=False, verify=_PLAIN) as client:
            return await client.request(method, path, **arguments)

    async def get(self, control: str, **query: Any) -> Any:
        """GET below `/_control/`; answers the JSON."""
        answer = await self.request("GET", f"/_control/{control}", params=query)
        answer.raise_for_status()
        return answer.json()

    async def post(self, control: str, **body: Any) -> Any:
        """POST JSON below `/_control/`; answers the JSON."""
        answer = await self.request("POST", f"/_control/{control}", json=body)
        answer.raise_for_status()
        return answer.json()

    async def delete(self, control: str) -> Any:
        """DELETE below `/_control/`; answers the JSON."""
        answer = await self.request("DELETE", f"/_control/{control}")
        answer.raise_for_status()
        return answer.json()


@contextlib.asynccontextmanager
async def running(name: str, data: Path, **options: Any) -> AsyncIterator[EmulatorProcess]:
    """A started emulator; options are those of the command line, with underscores. Ended at the end."""
    emulator = EmulatorProcess(name, data, options)
    try:
        await emulator.start()
        yield emulator
    finally:
        if emulator.process is not None and emulator.process.poll() is None:
            await emulator.stop()


@dataclass(frozen=True)
class Delivery:
    """One webhook request as it arrived."""

    at: float
    headers: dict[str, str]
    body: str


class WebhookReceiver:
    """A local HTTP server that keeps every delivery; `statuses` are answered first, then always 200.

    It hears its own path only: what an ended test still sends may meet its port, which the system gave away again.
    """

    def __init__(self, port: int = 0, path: str | None = None) -> None:
        self.deliveries: list[Delivery] = []
        self.statuses: list[int] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}{path or f'/webhooks/{uuid.uuid4().hex}'}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def _handler(receiver: "WebhookReceiver") -> type[BaseHTTPRequestHandler]:  # noqa: N805 - `self` is the handler
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"])).decode()
                headers = {name.lower(): value for name, value in self.headers.items()}
                if not receiver.url.endswith(self.path):
                    self._answer(404)
                    return
                status = receiver.statuses.pop(0) if receiver.statuses else 200
                receiver.deliveries.append(Delivery(time.time(), headers, body))
                self._answer(status)

            def _answer(self, status: int) -> None:
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
                return

        return Handler

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


@contextlib.contextmanager
def receiving(port: int = 0, path: str | None = None) -> Iterator[WebhookReceiver]:
    """A webhook receiver, closed at the end."""
    receiver = WebhookReceiver(port, path)
    try:
        yield receiver
    finally:
        receiver.close()


async def eventually(condition: Callable[[], Any], *, seconds: float = 10.0) -> None:
    """Wait until a condition, which may be a coroutine function, holds; fail after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        found = condition()
        if asyncio.iscoroutine(found):
            found = await found
        if found:
            return
        assert time.monotonic() < deadline, "the awaited condition did not come true"
        await asyncio.sleep(0.05)

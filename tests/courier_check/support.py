"""The reference courier served in this process, as it is or with one thing wrong."""

import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from emulators.common import Answer, Call, EmulatorConfig
from emulators.common.calls import Recorder
from emulators.courier import build
from tests.support.emulators import free_port
from tests.support.serving import served

KEY = "sandbox_conformance"
SECRET = "whsec_Y29uZm9ybWFuY2UtdGVzdHMtMDAwMQ=="
Json = dict[str, Any]
Reference = Callable[[Call], Awaitable[Answer]]
Fault = Callable[[Call, Reference], Awaitable[Answer]]


@dataclass(frozen=True)
class Broken:
    """The reference courier behind a fault, which sees each request and each answer."""

    inner: ASGIApp
    fault: Fault

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.inner(scope, receive, send)
            return
        answer = await self.fault(await Call.read(scope, receive), self._perform)
        await answer.send(send)

    async def _perform(self, call: Call) -> Answer:
        recorder = Recorder(call.body)
        await self.inner(call.scope, recorder.receive, recorder.send)
        return recorder.answer()


async def untouched(call: Call, reference: Reference) -> Answer:
    """Nothing wrong."""
    return await reference(call)


@contextlib.asynccontextmanager
async def courier(
    data: Path, fault: Fault = untouched, *, webhook_url: str | None = None, webhook_secret: str = SECRET
) -> AsyncIterator[str]:
    """Its URL, while it is served."""
    config = EmulatorConfig(
        "courier", "127.0.0.1", free_port(), data, webhook_url=webhook_url, webhook_secret=webhook_secret
    )
    app = Broken(build(config), fault)
    async with served(uvicorn.Config(app, port=config.port, lifespan="on", log_level="warning", ws="none")):
        yield config.base_url


def with_headers(call: Call, **headers: str) -> Call:
    """The request with these headers, hyphens for underscores, instead of its own."""
    changed = {**call.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
    pairs = [(name.encode(), value.encode()) for name, value in changed.items()]
    return replace(call, headers=changed, scope={**call.scope, "headers": pairs})


def with_body(call: Call, body: Json) -> Call:
    """The request with another body."""
    content = json.dumps(body).encode()
    return with_headers(replace(call, body=content), content_length=str(len(content)))


def changed(answer: Answer, body: Any) -> Answer:
    """The answer with another body."""
    headers = {name: value for name, value in answer.headers.items() if name != "content-length"}
    return Answer(answer.status, json.dumps(body).encode(), headers)

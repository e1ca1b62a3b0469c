"""Server-sent events of the API, inside the process and as the person who is signed in, one after another.

    events = await open_events(request, "/v1/live/events")
    async for data in events: ...

The other way to the API (`console_api`) gives an answer when it is whole; a stream never is.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any, Final

import structlog
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Scope

from ordersaga.console.client import ApiProblemError
from ordersaga.console.person import person_of

log = structlog.get_logger(__name__)
_AHEAD: Final = 4
"""So many parts may wait for a slow browser; then the API waits as well."""


async def open_events(request: Request, path: str) -> AsyncIterator[Any]:
    """The events' data, read from JSON. ApiProblemError for an answer that is a problem.

    Whoever stops before the end closes the iterator: the API's side ends with it.
    """
    answer = _Answer(request.app.state.api, _scope(request, path))
    status = await answer.begin()
    if status >= 400:
        body = b"".join([part async for part in answer.parts()])
        raise ApiProblemError(status, json.loads(body or b"{}"))
    return _data(answer)


class _Answer:
    """One request of the API that is answered part by part."""

    def __init__(self, api: ASGIApp, scope: Scope) -> None:
        self._api, self._scope = api, scope
        self._sent: asyncio.Queue[Message] = asyncio.Queue(_AHEAD)
        self._work: asyncio.Task[None] | None = None
        self._asked = False

    async def begin(self) -> int:
        """Send the request; the answer's status."""
        self._work = asyncio.create_task(self._run())
        started = await self._sent.get()
        return int(started.get("status", 500))

    async def parts(self) -> AsyncIterator[bytes]:
        """The body as it comes; leaving it ends the request."""
        try:
            while (message := await self._sent.get()).get("more_body", False):
                yield message["body"]
            yield message.get("body", b"")
        finally:
            if self._work is not None:
                self._work.cancel()

    async def _run(self) -> None:
        try:
            await self._api(self._scope, self._receive, self._sent.put)
        except Exception:
            log.exception("stream_failed")
        await self._sent.put({"type": "http.response.body", "status": 500})

    async def _receive(self) -> Message:
        if self._asked:
            await asyncio.Event().wait()  # nobody hangs up: the task is canceled instead
        self._asked = True
        return {"type": "http.request", "body": b"", "more_body": False}


async def _data(answer: _Answer) -> AsyncIterator[Any]:
    rest = b""
    async for part in answer.parts():
        *events, rest = (rest + part).split(b"\n\n")
        for event in events:
            lines = [line[6:] for line in event.split(b"\n") if line.startswith(b"data: ")]
            if lines:
                yield json.loads(b"\n".join(lines))


def _scope(request: Request, path: str) -> Scope:
    """A request of our own: `X-Live`, for nobody may sit before the page."""
    told = {"authorization": f"Bearer {person_of(request).token}", "x-live": "1", "host": "console.invalid"}
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in told.items()],
        "client": None,
        "server": None,
    }

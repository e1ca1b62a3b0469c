"""What is too large is not read: heads above 32 KB, bodies above 1 MB, JSON nested more than 64 deep.

| what | answer |
|---|---|
| the path with its query is longer than `MAX_TARGET` | `414` `target_too_long` |
| the headers are more than `MAX_HEADERS`, or longer than `MAX_HEAD` together | `431` `headers_too_large` |
| the body is larger than `MAX_BODY`, whatever its Content-Length claims | `413` `body_too_large` |
| the body did not come within `BODY_WITHIN` | `408` `body_too_slow` |
| objects and lists stand in each other more than `MAX_DEPTH` deep | `422` `body_too_deep` |

What a connection may keep before a request is whole is bounded in `http_protocol`; rows of files in their readers.
"""

import asyncio
import re
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ordersaga.api.problems import Problem

MAX_BODY: Final = 1_000_000
MAX_DEPTH: Final = 64
MAX_HEADERS: Final = 100
MAX_HEAD: Final = 32_768
MAX_TARGET: Final = 8_192
BODY_WITHIN: Final = 30.0
"""Seconds."""
_DRAINED: Final = 8_000_000
_NESTING: Final = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)


class RequestLimits:
    """ASGI middleware: answers as soon as a request is known to be more than is taken."""

    def __init__(self, app: ASGIApp, limit: int = MAX_BODY, within: float = BODY_WITHIN) -> None:
        self._app = app
        self._limit = limit
        self._within = within

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, counting."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif problem := _too_long(scope):
            await _drained(receive)
            await problem.response()(scope, receive, send)
        elif _claimed(scope) > self._limit:
            await self._refuse(scope, receive, send)
        else:
            await self._counted(scope, receive, send)

    async def _counted(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the whole body first: at most `limit` bytes are ever kept."""
        try:
            async with asyncio.timeout(self._within):
                messages, more = await self._read(receive)
        except TimeoutError:
            await _too_slow(self._within).response()(scope, receive, send)
            return
        if sum(len(message.get("body", b"")) for message in messages) > self._limit:
            await self._refuse(scope, receive if more else _nothing_more, send)
            return
        if _is_json(scope) and too_deep(b"".join(message.get("body", b"") for message in messages)):
            await _too_deep().response()(scope, _nothing_more, send)
            return

        async def replay() -> Message:
            return messages.pop(0) if messages else await receive()

        await self._app(scope, replay, send)

    async def _read(self, receive: Receive) -> tuple[list[Message], bool]:
        """The messages of a body, until it is whole or too large; whether there are more."""
        messages: list[Message] = []
        size, more = 0, True
        while more and size <= self._limit:
            message = await receive()
            messages.append(message)
            size += len(message.get("body", b""))
            more = message.get("more_body", False)
        return messages, more

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        await _drained(receive)
        detail = f"the body is larger than {self._limit} bytes; send less at once"
        await Problem(413, "body_too_large", detail, headers={"Connection": "close"}).response()(scope, receive, send)


def too_deep(body: bytes) -> bool:
    """Whether a JSON text is nested more than `MAX_DEPTH` deep; brackets inside its strings do not count."""
    if body.count(b"{") + body.count(b"[") <= MAX_DEPTH:
        return False
    depth = 0
    for found in _NESTING.finditer(body):
        first = body[found.start()]
        if first in b"[{":
            depth += 1
            if depth > MAX_DEPTH:
                return True
        elif first in b"]}":
            depth -= 1
    return False


async def _drained(receive: Receive) -> None:
    """Throw away what is still being sent, within reason: most clients read no answer before they have sent all."""
    drained, more = 0, True
    try:
        async with asyncio.timeout(BODY_WITHIN):
            while more and drained < _DRAINED:
                message = await receive()
                drained += len(message.get("body", b""))
                more = message.get("more_body", False)
    except TimeoutError:
        return


async def _nothing_more() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


def _too_long(scope: Scope) -> Problem | None:
    if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > MAX_TARGET:
        detail = f"the path with its query is longer than {MAX_TARGET} bytes; ask for less at once"
        return Problem(414, "target_too_long", detail, headers={"Connection": "close"})
    headers = scope["headers"]
    if len(headers) > MAX_HEADERS or sum(len(name) + len(value) for name, value in headers) > MAX_HEAD:
        detail = f"the headers are more than {MAX_HEADERS}, or longer than {MAX_HEAD} bytes together; send fewer"
        return Problem(431, "headers_too_large", detail, headers={"Connection": "close"})
    return None


def _too_slow(within: float) -> Problem:
    detail = f"the body did not come within {within:g} seconds; send it at once"
    return Problem(408, "body_too_slow", detail, headers={"Connection": "close"})


def _too_deep() -> Problem:
    return Problem(422, "body_too_deep", f"objects and lists stand in each other more than {MAX_DEPTH} deep")


def _is_json(scope: Scope) -> bool:
    """Whether the body may be read as JSON: all but files and forms."""
    kind = next((value for name, value in scope["headers"] if name == b"content-type"), b"")
    return not kind.lower().startswith((b"text/csv", b"multipart/", b"application/x-www-form-urlencoded"))


def _claimed(scope: Scope) -> int:
    value = dict(scope["headers"]).get(b"content-length", b"0")
    return int(value) if value.isdigit() else 0

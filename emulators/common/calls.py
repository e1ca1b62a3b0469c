"""One request as the emulator received it, and one answer as it will be sent."""

import json
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import unquote_plus

from starlette.types import Message, Receive, Scope, Send


@dataclass(frozen=True)
class Call:
    """A vendor request with its body already read, so that faults can look into it."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes
    scope: Scope = field(repr=False, compare=False)

    @classmethod
    async def read(cls, scope: Scope, receive: Receive) -> Self:
        """Take the whole body from the connection."""
        chunks: list[bytes] = []
        more = True
        while more:
            message = await receive()
            chunks.append(message.get("body", b""))
            more = message.get("more_body", False)
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        query = scope["query_string"].decode("latin-1")
        return cls(scope["method"], scope["path"], query, headers, b"".join(chunks), scope)

    @property
    def idempotency_key(self) -> str | None:
        """The key the client sent, if any."""
        return self.headers.get("idempotency-key")

    @property
    def text(self) -> str:
        """Path, query and body as one string, raw and with percent escapes undone."""
        raw = f"{self.path}?{self.query}\n{self.body.decode('utf-8', 'replace')}"
        return f"{raw}\n{unquote_plus(raw)}"


@dataclass(frozen=True)
class Answer:
    """An HTTP answer held in memory until it is decided whether the client may see it."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def json(cls, status: int, body: Any, headers: dict[str, str] | None = None) -> Self:
        """An answer with a JSON body."""
        return cls(status, json.dumps(body).encode(), {"content-type": "application/json", **(headers or {})})

    async def send(self, send: Send) -> None:
        """Write it to the connection."""
        headers = {**self.headers, "content-length": str(len(self.body))}
        pairs = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": self.status, "headers": pairs})
        await send({"type": "http.response.body", "body": self.body})


class Recorder:
    """Stands in for the connection of an inner ASGI application and keeps what it answers."""

    def __init__(self, body: bytes) -> None:
        self._body: bytes | None = body
        self._status = 500
        self._headers: dict[str, str] = {}
        self._chunks: list[bytes] = []

    async def receive(self) -> Message:
        """Give the request body once, then a disconnect."""
        if self._body is None:
            return {"type": "http.disconnect"}
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(self, message: Message) -> None:
        """Keep one part of the answer."""
        if message["type"] == "http.response.start":
            self._status = message["status"]
            self._headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in message["headers"]}
        else:
            self._chunks.append(message.get("body", b""))

    def answer(self) -> Answer:
        """What the inner application answered."""
        return Answer(self._status, b"".join(self._chunks), self._headers)

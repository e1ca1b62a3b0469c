"""HTTP/1.1 as lean as it gets: one request at a time on a kept connection, nothing decoded but what is judged."""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, cast

_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_AFTER: Final = re.compile(rb"\r\nretry-after: *(\d+)", re.IGNORECASE)
_CLOSE: Final = re.compile(rb"\r\nconnection: *close", re.IGNORECASE)
_END: Final = b"\r\n\r\n"


@dataclass(frozen=True)
class Reply:
    """An answer. `after`: seconds of `Retry-After`, None without."""

    status: int
    body: bytes
    after: int | None = None


Done = Callable[[Reply | None], None]


class Connection(asyncio.Protocol):
    """A connection to one API process. `ask` sends; its `done` hears the reply, or None when the connection broke."""

    def __init__(self, idle: Callable[["Connection"], None], gone: Callable[["Connection"], None]) -> None:
        self.used = 0.0
        self._idle, self._gone = idle, gone
        self._transport: asyncio.Transport | None = None
        self._heard = b""
        self._done: Done | None = None

    @property
    def closing(self) -> bool:
        """Whether nothing can be sent any more."""
        return self._transport is None or self._transport.is_closing()

    def ask(self, request: bytes, done: Done) -> None:
        """Send a request on an idle connection."""
        assert self._done is None, "one request at a time"
        self._done = done
        if self._transport is None:
            self._answer(None)
        else:
            self._transport.write(request)

    def abort(self) -> None:
        """Break it off."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It stands."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """A part of a reply, nearly always all of it."""
        self._heard = self._heard + data if self._heard else data
        head_end = self._heard.find(_END)
        if head_end < 0:
            return
        head, body = self._heard[: head_end + 2], self._heard[head_end + len(_END) :]
        length = _LENGTH.search(head)
        if length is None:
            self.abort()  # a reply that cannot be delimited: broken, as far as this client goes
        elif len(body) >= int(length[1]):
            self._take(head, body)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone, and what was asked on it unanswered."""
        self._transport = None
        self._gone(self)
        self._answer(None)

    def _take(self, head: bytes, body: bytes) -> None:
        self._heard = b""
        after = _AFTER.search(head)
        reply = Reply(int(head[9:12]), body, int(after[1]) if after else None)
        if _CLOSE.search(head) and self._transport is not None:
            self._transport.close()
        self._answer(reply)
        if not self.closing and self._done is None:
            self._idle(self)

    def _answer(self, reply: Reply | None) -> None:
        done, self._done = self._done, None
        if done is not None:
            done(reply)

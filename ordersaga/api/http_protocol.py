"""The server's HTTP, with a bound on what a connection may keep before its request is whole.

Without it, headers that never end are gathered in memory before any of our code is asked, and a connection that sends
half a request is kept for as long as its sender likes.
"""

import asyncio
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ordersaga.api.limits import MAX_HEAD, MAX_TARGET

MOST: Final = 2 * (MAX_HEAD + MAX_TARGET)
"""Bytes of an unfinished head: more than what is answered with a problem, which needs a whole request."""
HEAD_WITHIN: Final = 20.0
"""Seconds from a connection's beginning, or a request's, to the end of its headers."""


class BoundedHttp(HttpToolsProtocol):
    """Closes a connection, with a 400, whose head is too long or too late."""

    within = HEAD_WITHIN
    _in_head = True
    _head = 0
    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._waited()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._in_head = True

    def on_headers_complete(self) -> None:
        """Its headers are whole."""
        self._in_head = False
        self._waited()
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        """Count what belongs to a head that is not whole yet."""
        super().data_received(data)
        if not self._in_head:
            self._head = 0
            return
        self._head += len(data)
        if self._head > MOST:
            self._refuse("Request headers are too large.")
        elif self._late is None:
            self._wait()

    def _wait(self) -> None:
        self._late = self.loop.call_later(self.within, self._refuse, "Request headers came too late.")

    def _waited(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _refuse(self, why: str) -> None:
        self._waited()
        if not self.transport.is_closing():
            self.send_400_response(why)

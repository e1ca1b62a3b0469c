"""Closing a client's TCP connection for real, which ASGI has no message for.

The HTTP protocol class notes each connection's transport under the client's address, which ASGI hands on as
`scope["client"]`; aborting that transport gives the client a broken connection instead of an HTTP error.
"""

import asyncio
import socket
import struct
from typing import cast

from starlette.types import Scope
from uvicorn.protocols.http.h11_impl import H11Protocol

_NO_LINGER = struct.pack("ii", 1, 0)

_transports: dict[tuple[str, int], asyncio.Transport] = {}


def _peer(transport: asyncio.BaseTransport) -> tuple[str, int]:
    name = transport.get_extra_info("peername")
    return str(name[0]), int(name[1])


class TrackedProtocol(H11Protocol):
    """uvicorn's HTTP/1.1 protocol, remembering its open connections."""

    _address: tuple[str, int] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Note the connection."""
        self._address = _peer(transport)
        _transports[self._address] = transport
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        if self._address is not None:
            _transports.pop(self._address, None)
        super().connection_lost(exc)


async def drop_connection(scope: Scope) -> None:
    """Reset the connection a request came on, and wait until the server has noticed."""
    transport = _transports.get((scope["client"][0], scope["client"][1]))
    if transport is None:
        return
    connection = cast(socket.socket, transport.get_extra_info("socket"))
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    transport.abort()
    await asyncio.sleep(0.01)

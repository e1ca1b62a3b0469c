"""Leaving: on SIGTERM the process says for a moment that it goes, then answers what it has begun, and ends.

In that moment `/readyz` is `503`, so that whoever spreads requests sends them elsewhere; a new order is refused with
`503` before anything is stored, and every answer closes its connection. Afterwards nothing new is taken.
"""

import asyncio
import socket
from typing import Any, Final

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ordersaga.api.problems import Problem

NOTICE: Final = 0.5
"""Seconds between the signal and the end of listening, where anybody is connected."""
_CLOSE: Final = (b"connection", b"close")
_LEAVING: Final = {"Retry-After": "1", "Connection": "close"}


class Leaving:
    """ASGI middleware. `now`: the process was asked to stop."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.now = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if not self.now or scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if _promises(scope):
            problem = Problem(503, "leaving", "this process stops; send the same request again", headers=_LEAVING)
            await problem.response()(scope, receive, send)
            return

        async def closing(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), _CLOSE]}
            await send(message)

        await self._app(scope, receive, closing)


def _promises(scope: Scope) -> bool:
    """Whether it would take on something new, or asks whether it may."""
    asked: tuple[str, str] = scope["method"], scope["path"]
    return asked in (("GET", "/readyz"), ("POST", "/v1/orders"))


class Server(uvicorn.Server):
    """A server that gives notice before it leaves."""

    def __init__(self, config: uvicorn.Config, leaving: Leaving) -> None:
        super().__init__(config)
        self._leaving = leaving

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> Any:
        """Give notice, then end as ever: what was begun is answered."""
        self._leaving.now = True
        if self.server_state.connections:
            await asyncio.sleep(NOTICE)
        await super().shutdown(sockets)

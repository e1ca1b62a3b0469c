"""One log line for each request: method, route, status, duration, order. Never bodies, keys or addresses."""

import time
import uuid
from typing import Final

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = structlog.get_logger(__name__)
_QUIET: Final = frozenset({"/healthz", "/readyz", "/metrics"})


class RequestLog:
    """ASGI middleware. Every line written while a request is handled carries its `request_id`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle the request and tell how it went."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500
        started = time.perf_counter()

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=uuid.uuid4().hex[:16])
        try:
            await self._app(scope, receive, watch)
        finally:
            _tell(scope, status, time.perf_counter() - started)


def _tell(scope: Scope, status: int, seconds: float) -> None:
    if scope["path"] in _QUIET and status < 400:
        return
    route = getattr(scope.get("route"), "path", "(none)")
    log.info("request", method=scope["method"], route=route, status=status, ms=round(seconds * 1000, 1))


def bind_order(order_id: str) -> None:
    """Put the order's id on every further line of this request."""
    structlog.contextvars.bind_contextvars(order_id=order_id)

"""Each request is one log line and one span: method, route, status, duration, order. No bodies, keys or addresses."""

import time
import uuid
from typing import Final

import structlog
from opentelemetry.trace import Span, SpanKind
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ordersaga import meters
from ordersaga.tracing import about_order, asked_by, span

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
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=uuid.uuid4().hex[:16])
        if scope["path"] in _QUIET:
            await _Answer(scope).to(self._app, receive, send)
            return
        with span(scope["method"], SpanKind.SERVER, parent=asked_by(Headers(scope=scope))) as told:
            await _Answer(scope, told).to(self._app, receive, send)


class _Answer:
    """One request on its way."""

    def __init__(self, scope: Scope, told: Span | None = None) -> None:
        self._scope, self._told = scope, told
        self._status = 500
        self._started = time.perf_counter()

    async def to(self, app: ASGIApp, receive: Receive, send: Send) -> None:
        """Have it handled, and tell how it went."""

        async def watch(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._status = message["status"]
            await send(message)

        try:
            await app(self._scope, receive, watch)
        finally:
            self._tell(time.perf_counter() - self._started)

    def _tell(self, seconds: float) -> None:
        method, status = self._scope["method"], self._status
        route = self._scope.get("root_path", "") + getattr(self._scope.get("route"), "path", "(none)")
        meters.request_answered(method, route, status, seconds)
        if self._told is not None:
            self._told.update_name(f"{method} {route}")
            told = {"http.request.method": method, "http.route": route, "http.response.status_code": status}
            self._told.set_attributes(told)
        if self._told is not None or status >= 400:
            log.info("request", method=method, route=route, status=status, ms=round(seconds * 1000, 1))


def bind_order(order_id: str) -> None:
    """Put the order's id on every further line of this request, and on its span."""
    structlog.contextvars.bind_contextvars(order_id=order_id)
    about_order(order_id)

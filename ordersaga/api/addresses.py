"""An address with a NUL in it names nothing of ours, whatever it is asked for: PostgreSQL can store none."""

from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from ordersaga.api.problems import FieldError, invalid
from ordersaga.console.addresses import holds_nul

_NUL = FieldError(field="(address)", message="the address contains a NUL character", remedy="remove %00 from it")
_PAGES: Final = "/console"


class NoNul:
    """ASGI middleware: answers 422 before any route is looked for. The console, made of pages, has its own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if holds_nul(scope) and scope["path"] != _PAGES and not scope["path"].startswith(f"{_PAGES}/"):
            await invalid([_NUL]).response()(scope, receive, send)
        else:
            await self._app(scope, receive, send)

"""An address with a NUL in it names no page, and no order, seller or filter: PostgreSQL can store none."""

from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from ordersaga.console.client import ApiProblemError
from ordersaga.console.rendering import problem_notice

_BODY: Final = {"code": "invalid_request", "detail": "the address contains a NUL character; remove %00 from it"}


def holds_nul(scope: Scope) -> bool:
    """Whether a request's path or query holds a NUL, written as %00."""
    return scope["type"] == "http" and ("\0" in scope["path"] or b"%00" in scope["query_string"])


class NoNul:
    """ASGI middleware within `Guard`: answers 422 with a notice before any page is looked for."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if holds_nul(scope):
            refusal = ApiProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, _BODY)
            await (await problem_notice(Request(scope, receive), refusal))(scope, receive, send)
        else:
            await self._app(scope, receive, send)

"""No request body above 1 MB is read, whatever its Content-Length claims."""

from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ordersaga.api.problems import Problem

MAX_BODY: Final = 1_000_000
_DRAINED: Final = 8_000_000


class BodyLimit:
    """ASGI middleware: answers 413 as soon as a body is known to be too large."""

    def __init__(self, app: ASGIApp, limit: int = MAX_BODY) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, counting."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif _claimed(scope) > self._limit:
            await self._refuse(scope, receive, send)
        else:
            await self._counted(scope, receive, send)

    async def _counted(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the whole body first: at most `limit` bytes are ever kept."""
        messages: list[Message] = []
        size = 0
        more = True
        while more:
            message = await receive()
            messages.append(message)
            size += len(message.get("body", b""))
            more = message.get("more_body", False)
            if size > self._limit:
                if not more:
                    receive = _nothing_more
                await self._refuse(scope, receive, send)
                return

        async def replay() -> Message:
            return messages.pop(0) if messages else await receive()

        await self._app(scope, replay, send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Throw away what is still being sent, within reason: most clients read no answer before they have sent all."""
        drained, more = 0, True
        while more and drained < _DRAINED:
            message = await receive()
            drained += len(message.get("body", b""))
            more = message.get("more_body", False)
        detail = f"the body is larger than {self._limit} bytes; send less at once"
        await Problem(413, "body_too_large", detail, headers={"Connection": "close"}).response()(scope, receive, send)


async def _nothing_more() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


def _claimed(scope: Scope) -> int:
    value = dict(scope["headers"]).get(b"content-length", b"0")
    return int(value) if value.isdigit() else 0

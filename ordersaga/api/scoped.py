"""A request begins and ends without a seller's scope, whatever task it is answered in."""

from starlette.types import ASGIApp, Receive, Scope, Send

from ordersaga.seller_scope import whole_house


class EachItsOwnScope:
    """ASGI middleware. The console asks the API within its own task: what that narrows ends with each answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        with whole_house():
            await self._app(scope, receive, send)

"""How a process that serves begins: a start that fails for a reason we know ends in one line, with no traceback."""

import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ordersaga.bootstrap import Services
from ordersaga.domain.errors import OrdersagaError
from ordersaga.settings import SettingsError

OpenServices = Callable[[], AbstractAsyncContextManager[Services]]


class Opening:
    """Opens the services of a process. `refused`: why they could not be, once that is known."""

    def __init__(self, open_services: OpenServices) -> None:
        self.refused = ""
        self._open = open_services

    @asynccontextmanager
    async def services(self) -> AsyncIterator[Services]:
        """The services, as `open_services` opens them."""
        async with AsyncExitStack() as stack:
            try:
                services = await stack.enter_async_context(self._open())
            except (SettingsError, OrdersagaError) as error:
                self.refused = str(error)
                raise
            yield services

    @contextmanager
    def told_at_the_end(self, name: str) -> Iterator[None]:
        """The server runs in the block; one that ends because of a refusal says so, with exit code 1."""
        try:
            yield
        except SystemExit:
            if self.refused:
                sys.exit(f"ordersaga {name}: {self.refused}")
            raise

    def told_once(self, app: ASGIApp) -> ASGIApp:
        """The application, which says nothing of a refusal: the process does, when it ends."""

        async def quiet(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "lifespan":
                await app(scope, receive, send)
                return

            async def shortly(message: Message) -> None:
                failed = message["type"] == "lifespan.startup.failed" and self.refused
                await send({**message, "message": ""} if failed else message)

            await app(scope, receive, shortly)

        return quiet

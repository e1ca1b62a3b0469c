"""A process that serves HTTP until SIGTERM or SIGINT: the API, and the codec server.

What keeps it from starting is told in one line, and it ends with exit code 1: whoever keeps it running tries again.
"""

import asyncio
import gc
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final, TypeVar

import uvicorn
import uvloop
from starlette.types import ASGIApp

from ordersaga.api.draining import Leaving, Server
from ordersaga.api.http_protocol import BoundedHttp
from ordersaga.domain.errors import OrdersagaError
from ordersaga.settings import NEEDS, Settings, SettingsError, read_complete
from ordersaga.telemetry import begin, not_started

GRACE: Final = 5
"""Seconds that requests under way get to end."""

Opened = TypeVar("Opened")
"""The services of such a process."""


def serve(
    process: str,
    opening: Callable[[Settings], AbstractAsyncContextManager[Opened]],
    application: Callable[[Settings, Callable[[], AbstractAsyncContextManager[Opened]]], ASGIApp],
    address: Callable[[Settings], tuple[str, int]],
) -> None:
    """Open the services, make the application of them and serve it at the address. A clean stop is exit code 0.

    `process`: its kind, which says what credentials it needs.
    """
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, _end)  # uvicorn raises the signal again once it has shut down
    settings = _settings(process)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(opening(settings), lambda open_now: application(settings, open_now), address(settings)))
    except (SettingsError, OrdersagaError) as error:
        not_started(error)


async def _serve(
    opening: AbstractAsyncContextManager[Opened],
    application: Callable[[Callable[[], AbstractAsyncContextManager[Opened]]], ASGIApp],
    address: tuple[str, int],
) -> None:
    async with opening as services:

        @asynccontextmanager
        async def opened() -> AsyncIterator[Opened]:
            yield services

        app = Leaving(application(opened))
        gc.freeze()  # what the program is made of is never garbage: no collection looks through it again
        await Server(_config(app, *address), app).serve()


def _config(app: ASGIApp, host: str, port: int) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        loop="uvloop",
        http=BoundedHttp,
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE,
    )


def _settings(process: str) -> Settings:
    try:
        settings = read_complete(NEEDS[process])
        begin(settings, process)
        return settings
    except SettingsError as error:
        sys.exit(f"ordersaga {process}: {error}")


def _end(*_: object) -> None:
    sys.exit(0)

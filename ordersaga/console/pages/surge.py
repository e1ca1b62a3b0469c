"""Surge: what comes in, what is sold out or refused, what waits, and how much time is left to ship; as it happens."""

from collections.abc import AsyncIterator
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from ordersaga.console.client import console_api
from ordersaga.console.rendering import render, render_text
from ordersaga.console.streaming import open_events


async def page(request: Request) -> Response:
    """The numbers as they are now; the page goes on with the stream."""
    view = (await console_api(request).get("/v1/live")).json()
    return render(request, "surge/page.html", view=view)


async def events(request: Request) -> Response:
    """The numbers again and again, as server-sent events `numbers`: what the page shows in place of the last ones."""
    views = await open_events(request, "/v1/live/events")
    return StreamingResponse(_numbers(request, views), media_type="text/event-stream")


async def _numbers(request: Request, views: AsyncIterator[Any]) -> AsyncIterator[str]:
    yield "retry: 1000\n\n"
    async for view in views:
        text = render_text(request, "surge/_numbers.html", view=view)
        lines = "".join(f"data: {line}\n" for line in text.splitlines() if line.strip())
        yield f"event: numbers\n{lines}\n"


routes: Final = [
    Route("/surge", page, methods=["GET"]),
    Route("/surge/events", events, methods=["GET"]),
]

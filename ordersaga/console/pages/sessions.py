"""Sessions: who is signed in, and the end of it, for admins."""

from typing import Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from ordersaga.console.client import console_api
from ordersaga.console.person import person_of
from ordersaga.console.rendering import render


async def page(request: Request) -> Response:
    """The sessions in force, oldest first."""
    answer = (await console_api(request).get("/v1/sessions")).json()
    return render(request, "sessions/page.html", sessions=answer["sessions"], own=person_of(request).session.id)


async def end(request: Request) -> Response:
    """End one, and show what is left."""
    await console_api(request).delete(f"/v1/sessions/{quote(request.path_params['session_id'], safe='')}")
    return RedirectResponse("/console/sessions", 303)


routes: Final = [
    Route("/sessions", page, methods=["GET"]),
    Route("/sessions/{session_id}/end", end, methods=["POST"]),
]

"""Sessions: who is signed in, and the end of it, for admins."""

from typing import Any, Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from ordersaga.console.client import ApiProblemError, console_api
from ordersaga.console.forms import form_of, text
from ordersaga.console.person import person_of
from ordersaga.console.rendering import render


async def page(request: Request) -> Response:
    """The sessions in force, oldest first."""
    return _shown(request, await _sessions(request))


async def end(request: Request) -> Response:
    """Show what ending one means; once that was seen and said again, end it and show what is left."""
    session_id = request.path_params["session_id"]
    if text(await form_of(request), "confirmed") == "yes":
        await console_api(request).delete(f"/v1/sessions/{quote(session_id, safe='')}")
        return RedirectResponse("/console/sessions", 303)
    sessions = await _sessions(request)
    ending = next((each for each in sessions if each["id"] == session_id), None)
    if ending is None:
        raise ApiProblemError(404, {"detail": "this session is not in force any more"})
    return _shown(request, sessions, ending)


async def _sessions(request: Request) -> list[dict[str, Any]]:
    sessions: list[dict[str, Any]] = (await console_api(request).get("/v1/sessions")).json()["sessions"]
    return sessions


def _shown(request: Request, sessions: list[dict[str, Any]], ending: dict[str, Any] | None = None) -> Response:
    own = person_of(request).session.id
    return render(request, "sessions/page.html", sessions=sessions, own=own, ending=ending)


routes: Final = [
    Route("/sessions", page, methods=["GET"]),
    Route("/sessions/{session_id}/end", end, methods=["POST"]),
]

"""Templates: `render` adds the person, the token of their session and the bar of pages to what a page tells."""

import hashlib
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from ordersaga.console.client import ApiProblemError
from ordersaga.console.filters import FILTERS
from ordersaga.console.navigation import current, entries_for
from ordersaga.console.person import Person

FOLDER: Final = Path(__file__).parent
_FALLBACK: Final = "The service did not say why; its log does."


@cache
def static(name: str) -> str:
    """The address of a static file; another one when the file changes."""
    digest = hashlib.sha256((FOLDER / "static" / name).read_bytes()).hexdigest()
    return f"/console/static/{name}?v={digest[:12]}"


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(FILTERS)
    environment.globals["static"] = static
    return environment


_TEMPLATES: Final = _environment()


def render(request: Request, template: str, *, status: int = 200, **context: Any) -> Response:
    """The template as an answer. It knows `request`, `person` (None when nobody is signed in), `csrf` and `nav` too."""
    return HTMLResponse(render_text(request, template, **context), status)


def render_text(request: Request, template: str, **context: Any) -> str:
    """The template as text, as for one part of a stream of server-sent events."""
    person: Person | None = request.state.person
    around = {
        "request": request,
        "person": person,
        "csrf": person.csrf if person else "",
        "nav": entries_for(person.role) if person else (),
        "here": current(request.url.path),
    }
    return _TEMPLATES.get_template(template).render({**around, **context})


def is_partial(request: Request) -> bool:
    """Whether htmx asks for a part of a page; what it asks for as a whole page (a link it boosts) is none."""
    return "hx-request" in request.headers and "hx-boosted" not in request.headers


async def no_page(request: Request, error: Exception) -> Response:
    """What no page answers, as problems of the API are shown."""
    assert isinstance(error, HTTPException)
    missing = {"title": "There is no such page", "detail": f"Nothing is at {request.url.path}. Choose a page above."}
    return await problem_notice(
        request, ApiProblemError(error.status_code, missing if error.status_code == 404 else {})
    )


async def problem_notice(request: Request, error: Exception) -> Response:
    """A problem of the API, with its status: as a notice on the page that asked, else as a page of its own."""
    assert isinstance(error, ApiProblemError)
    body = error.body
    problem = {
        "title": body.get("title") or HTTPStatus(error.status).phrase,
        "detail": body.get("detail") or _FALLBACK,
        "code": body.get("code", ""),
        "errors": body.get("errors") or (),
    }
    if not is_partial(request):
        return render(request, "problem.html", status=error.status, problem=problem)
    answer = render(request, "_problem.html", status=error.status, problem=problem)
    answer.headers["HX-Retarget"] = "#notice"
    answer.headers["HX-Reswap"] = "innerHTML show:top"
    return answer

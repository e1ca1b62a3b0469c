"""What a person filled in, and where they go from there."""

from typing import Any, Final

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from ordersaga.console.client import ApiProblemError
from ordersaga.console.rendering import is_partial

MOST_FIELDS: Final = 3000


async def form_of(request: Request) -> FormData:
    """The form that is the request's body."""
    return await request.form(max_fields=MOST_FIELDS)


def text(form: FormData, name: str) -> str:
    """A field without the spaces around it; '' when it is not there."""
    return str(form.get(name, "")).strip()


def given(form: FormData, *names: str) -> dict[str, str]:
    """The fields that were filled in, by name."""
    return {name: value for name in names if (value := text(form, name))}


def queried(request: Request, *names: str) -> dict[str, str]:
    """The same of what stands in a page's address."""
    return {name: value for name in names if (value := request.query_params.get(name, "").strip())}


def moment(form: FormData, name: str) -> dict[str, str]:
    """A local date and time of a form, which we say is UTC, as the API takes it; nothing when it is empty."""
    value = text(form, name)
    return {name: f"{value}{'' if value.endswith('Z') else 'Z'}"} if value else {}


def missing(field: str, message: str, remedy: str) -> ApiProblemError:
    """What the API would say of a form that cannot be sent."""
    error: dict[str, Any] = {"field": field, "message": message, "remedy": remedy}
    return ApiProblemError(422, {"title": "Not yet", "detail": "Nothing was done.", "errors": [error]})


def onward(request: Request, path: str) -> Response:
    """To another page, whether a form or htmx asked."""
    if is_partial(request):
        return Response(status_code=204, headers={"HX-Redirect": path})
    return RedirectResponse(path, 303)

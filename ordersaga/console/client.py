"""The console's way to the API: HTTP inside the process, as the person who is signed in.

api = console_api(request)
page = (await api.get("/v1/orders", params={"limit": 20})).json()
"""

import asyncio
from collections.abc import Awaitable, Iterable
from typing import Any, Final, TypeVar

import httpx
from starlette.requests import Request

from ordersaga.console.guard import is_live
from ordersaga.console.person import person_of

T = TypeVar("T")

_HERE: Final = "http://console.invalid"
_PATIENCE: Final = 60.0


class ApiProblemError(Exception):
    """The API answered with a problem (RFC 9457): `status`, and its members in `body`.

    Not caught, it becomes a notice on the page with the same status.
    """

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(f"{status} {body.get('code', '')}")
        self.status = status
        self.body = body


def console_api(request: Request) -> httpx.AsyncClient:
    """A client of the API in the same process, with the person's session; one for each request.

    A status of 400 or more raises ApiProblemError.
    """
    if not hasattr(request.state, "console_api"):
        live = {"X-Live": "1"} if is_live(request) else {}
        request.state.console_api = httpx.AsyncClient(
            transport=httpx.ASGITransport(request.app.state.api, raise_app_exceptions=False),
            base_url=_HERE,
            headers={"Authorization": f"Bearer {person_of(request).token}", **live},
            event_hooks={"response": [_refuse_problems]},
            timeout=_PATIENCE,
            trust_env=False,
        )
    client: httpx.AsyncClient = request.state.console_api
    return client


async def all_of(asked: Iterable[Awaitable[T]]) -> list[T]:
    """The answers to what is asked at once. The first problem is raised once nothing is being asked any more."""
    answers = await asyncio.gather(*asked, return_exceptions=True)
    told = []
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer
        told.append(answer)
    return told


async def _refuse_problems(answer: httpx.Response) -> None:
    if answer.status_code < 400:
        return
    await answer.aread()
    try:
        body = answer.json()
    except ValueError:
        body = {}
    raise ApiProblemError(answer.status_code, body if isinstance(body, dict) else {})

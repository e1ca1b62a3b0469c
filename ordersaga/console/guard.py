"""Nobody gets past who is not signed in, and no POST that our own pages did not send.

| request | without a session | with one |
|---|---|---|
| static files, sign-in | answered | answered |
| GET | to the sign-in page, and back afterwards | answered |
| POST | to the sign-in page, which says that nothing was done, and back to the form | `403` unless it has the token |

The token of a session stands in the header `X-CSRF-Token`, or in the field `csrf`.

A POST whose `Origin` is not ours is refused on every path.
"""

import hmac
from typing import Final
from urllib.parse import parse_qs, urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ordersaga.console.person import COOKIE, Person, services_of

SIGN_IN: Final = "/console/sign-in"
_OPEN: Final = ("/console/static/", SIGN_IN)
_READING: Final = ("GET", "HEAD")


class Guard:
    """ASGI middleware. `request.state.person` is who is signed in, or None on open paths."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through, or answer it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        body = b"" if request.method in _READING else await request.body()
        refusal = await _refusal(request, body)
        await (refusal or self._app)(scope, _again(body, receive), send)


async def _refusal(request: Request, body: bytes) -> Response | None:
    """The answer to a request that may not pass."""
    static = request.url.path.startswith(_OPEN[0])
    request.state.person = person = None if static else await _person(request)
    if request.method not in _READING and not _same_origin(request):
        return PlainTextResponse("this request came from another site", 403)
    if request.url.path.startswith(_OPEN):
        return None
    if person is None:
        return _to_sign_in(request)
    if request.method not in _READING and not hmac.compare_digest(_sent(request, body), person.csrf.encode()):
        return PlainTextResponse("this page is from another session: load it again", 403)
    return None


async def _person(request: Request) -> Person | None:
    token = request.cookies.get(COOKIE)
    if not token:
        return None
    session = await services_of(request).people.verify(token, attended=not is_live(request))
    return Person(token, session) if session else None


def is_live(request: Request) -> bool:
    """Whether the page asks by itself, and nobody sits before it perhaps: that keeps no session in force."""
    return "x-live" in request.headers or "text/event-stream" in request.headers.get("accept", "")


def _same_origin(request: Request) -> bool:
    """Browsers tell the origin of every POST; who tells none is no browser, and has no cookie to abuse."""
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host")


def _to_sign_in(request: Request) -> Response:
    """A part of a page, and a form, lead back to the page they belong to."""
    unsent = request.method not in _READING
    if request.headers.get("hx-request"):
        place = _sign_in_before(request.headers.get("hx-current-url", ""), unsent=unsent)
        return PlainTextResponse("sign in again", 401, headers={"HX-Redirect": place})
    page = request.headers.get("referer", "") if unsent else str(request.url)
    return RedirectResponse(_sign_in_before(page, unsent=unsent), 303)


def _sign_in_before(page: str, *, unsent: bool) -> str:
    """The address of the sign-in page; whether it leads back to a page of ours is judged there."""
    try:
        parts = urlsplit(page)
    except ValueError:
        parts = urlsplit("")
    target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    asked = {**({"next": target} if target else {}), **({"unsent": "1"} if unsent else {})}
    return f"{SIGN_IN}?{urlencode(asked)}" if asked else SIGN_IN


def _sent(request: Request, body: bytes) -> bytes:
    """The token that a request carries, in its header or in the form that is its body."""
    header = request.headers.get("x-csrf-token")
    if header is None and request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        header = parse_qs(body.decode("utf-8", "replace")).get("csrf", [""])[0]
    return (header or "").encode()


def _again(body: bytes, receive: Receive) -> Receive:
    """`receive` with the body that was read already at its beginning."""
    first: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return first.pop() if first else await receive()

    return replay

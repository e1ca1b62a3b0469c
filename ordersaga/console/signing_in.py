"""Signing in and out. Whoever is not let in is told no more than that; why stands in the log."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import structlog
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from ordersaga.console.claims import identify, name_of
from ordersaga.console.guard import SIGN_IN
from ordersaga.console.oidc import Beginning, OpenIdProvider, SignInError
from ordersaga.console.person import COOKIE, services_of
from ordersaga.console.rendering import render
from ordersaga.domain.errors import CustomerError
from ordersaga.domain.people import DEMO_ISSUER, PERSON_ROLES, Identity
from ordersaga.settings import Settings
from ordersaga.signing_in import is_loopback

HOME: Final = "/console/"
BEGUN: Final = "ordersaga_signing_in"
_COOKIES: Final = "/console"
_AT_THE_ISSUER: Final = 600
"""Seconds that a person may take there."""

log = structlog.get_logger(__name__)


async def sign_in_page(request: Request) -> Response:
    """The ways to sign in."""
    target = safe_target(request.query_params.get("next"))
    if request.state.person is not None:
        return RedirectResponse(target, 303)
    settings = services_of(request).settings
    demo_roles = PERSON_ROLES if _demo_offered(request, settings) else ()
    issuer, unsent = urlsplit(settings.oidc_issuer).netloc, "unsent" in request.query_params
    return _page(request, target=target, demo_roles=demo_roles, issuer=issuer, unsent=unsent)


async def demo_sign_in(request: Request) -> Response:
    """One click, on the embedded stack only."""
    services = services_of(request)
    form = await request.form()
    role = str(form.get("role", ""))
    if not _demo_offered(request, services.settings) or role not in PERSON_ROLES:
        return refused(request, SignInError("no_demo", "one click signs nobody in here"))
    identity = Identity(issuer=DEMO_ISSUER, subject=role, name=f"demo {role}", role=role)
    return signed_in(request, await services.people.sign_in(identity), str(form.get("next", "")))


async def start(request: Request) -> Response:
    """To the issuer."""
    settings = services_of(request).settings
    if not settings.oidc_issuer:
        return refused(request, SignInError("no_issuer", "no OpenID Connect issuer is set"))
    beginning = Beginning.new(safe_target(request.query_params.get("next")))
    try:
        url = await provider_of(request).authorization_url(beginning)
    except SignInError as error:
        return refused(request, error)
    answer = RedirectResponse(url, 303)
    answer.set_cookie(BEGUN, beginning.text(), max_age=_AT_THE_ISSUER, **_cookie(settings, SIGN_IN))
    return answer


async def back(request: Request) -> Response:
    """From the issuer: a session begins, or nobody is signed in."""
    beginning = Beginning.read(request.cookies.get(BEGUN, ""))
    try:
        if beginning is None or not services_of(request).settings.oidc_issuer:
            raise SignInError("never_begun", "no sign-in of this browser is under way")
        answer = signed_in(request, await _session(request, beginning), beginning.target)
    except SignInError as error:
        answer = refused(request, error)
    answer.delete_cookie(BEGUN, path=SIGN_IN)
    return answer


async def sign_out(request: Request) -> Response:
    """End the session, here and at once; the issuer's own is ended there, where the issuer has a place for it."""
    session = request.state.person.session
    services = services_of(request)
    await services.people.sign_out(session)
    there = None
    if session.id_token and services.settings.oidc_issuer:
        home = f"{services.settings.public_url}{SIGN_IN}"
        there = await provider_of(request).end_session_url(session.id_token, home)
    request.state.person = None
    answer = render(request, "signed_out.html", there=there) if there else RedirectResponse(SIGN_IN, 303)
    answer.delete_cookie(COOKIE, path=_COOKIES)
    return answer


async def _session(request: Request, beginning: Beginning) -> str:
    """The token of a new session. SignInError for whoever may have none; who it was is remembered, if it is known."""
    services = services_of(request)
    told = await provider_of(request).finish(beginning, request.query_params)
    try:
        return await services.people.sign_in(identify(told.claims, services.settings), told.id_token)
    except SignInError as error:
        await services.people.refused(*_who(told.claims, services.settings), error.code)
        raise
    except CustomerError as error:
        raise SignInError(error.code, error.message) from error


def _who(claims: Mapping[str, Any], settings: Settings) -> tuple[str, str, str | None]:
    return str(claims["iss"]), str(claims["sub"]), name_of(claims, settings)


def provider_of(request: Request) -> OpenIdProvider:
    """The issuer of this deployment; one object for as long as the process runs."""
    state = request.app.state
    if not hasattr(state, "provider"):
        settings = services_of(request).settings
        state.provider = OpenIdProvider(settings, f"{settings.public_url}{SIGN_IN}/back")
    provider: OpenIdProvider = state.provider
    return provider


def signed_in(request: Request, token: str, target: str) -> Response:
    """To where the person wanted to go, with the session's cookie."""
    settings = services_of(request).settings
    answer = RedirectResponse(safe_target(target), 303)
    answer.set_cookie(COOKIE, token, max_age=round(settings.session_longest.total_seconds()), **_cookie(settings))
    return answer


def _cookie(settings: Settings, path: str = _COOKIES) -> dict[str, Any]:
    """No script reads it, no other site sends it along but by a link; unencrypted on this machine only."""
    return {"path": path, "httponly": True, "samesite": "lax", "secure": settings.public_url.startswith("https:")}


def refused(request: Request, error: SignInError) -> Response:
    """The one answer to everybody who is not let in."""
    log.warning("sign_in_refused", code=error.code, detail=error.detail)
    return _page(request, status=403, refused=True)


def _page(request: Request, *, status: int = 200, **context: Any) -> Response:
    known = {"target": HOME, "demo_roles": (), "issuer": "", "refused": False, "unsent": False, **context}
    return render(request, "sign_in.html", status=status, **known)


def safe_target(target: str | None) -> str:
    """A page of the console to go to; its first one in place of anything else."""
    try:
        parts = urlsplit(target or "")
    except ValueError:
        return HOME
    ours = parts.path.startswith(HOME) and not parts.scheme and not parts.netloc and "\\" not in parts.path
    return target if target and ours and target.isprintable() and not target.startswith(SIGN_IN) else HOME


def _demo_offered(request: Request, settings: Settings) -> bool:
    """Whether it is on, and asked for by this machine's own name: a name of somebody else's may lead here too."""
    return settings.demo_sign_in and is_loopback(request.url.hostname)


routes: Final = [
    Route("/sign-in", sign_in_page, methods=["GET"]),
    Route("/sign-in/demo", demo_sign_in, methods=["POST"]),
    Route("/sign-in/start", start, methods=["GET"]),
    Route("/sign-in/back", back, methods=["GET"]),
    Route("/sign-out", sign_out, methods=["POST"]),
]

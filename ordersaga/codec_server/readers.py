"""Who may read histories: an API key, a session or the issuer's own token of an operator's or an admin's."""

from dataclasses import dataclass
from typing import Final

from starlette.requests import Request

from ordersaga.api.problems import Problem
from ordersaga.console.claims import identify
from ordersaga.console.oidc import OpenIdProvider, SignInError
from ordersaga.openings import TOKEN_PREFIX, CodecServices

ROLES: Final = ("operator", "admin")
_REALM: Final = {"WWW-Authenticate": 'Bearer realm="ordersaga-codec"'}
_KEY: Final = "osk_"


@dataclass(frozen=True)
class Reader:
    """Who reads; `seller`: this one's orders only."""

    name: str
    role: str
    seller: str | None


async def admitted(request: Request, services: CodecServices, issuer: OpenIdProvider | None) -> Reader:
    """Who asks. Problem 401 for whoever is not known, 403 for another role than operator and admin."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    reader = await _known(token.strip(), services, issuer) if scheme.lower() == "bearer" and token else None
    if reader is None:
        raise Problem(
            401, "unauthorized", "send an API key, or the issuer's token: Authorization: Bearer ...", headers=_REALM
        )
    if reader.role not in ROLES:
        raise Problem(403, "forbidden", f"a {reader.role} reads no histories; it takes the role operator or admin")
    return reader


async def _known(token: str, services: CodecServices, issuer: OpenIdProvider | None) -> Reader | None:
    if token.startswith(_KEY):
        key = await services.api_keys.verify(token)
        return Reader(key.name, key.role, key.seller) if key else None
    if token.startswith(TOKEN_PREFIX):
        session = await services.people.verify(token)
        return Reader(session.name, session.role, session.seller) if session else None
    return await _vouched(token, services, issuer) if issuer is not None else None


async def _vouched(token: str, services: CodecServices, issuer: OpenIdProvider) -> Reader | None:
    """Whom the issuer vouches for; nobody while it cannot be asked for its keys."""
    try:
        person = identify(await issuer.vouched(token), services.settings)
    except SignInError:
        return None
    return Reader(person.name, person.role, person.seller)

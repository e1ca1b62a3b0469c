"""The issuer's keys: remembered, asked for anew when one is unknown, and not by whoever likes."""

import base64
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
import uvicorn
from joserfc import jwt
from joserfc.jwk import ECKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from ordersaga.console.oidc import OpenIdProvider, SignInError
from tests.support.api import settings_for
from tests.support.emulators import free_port
from tests.support.serving import served


class Issuer:
    """Tells of itself and its keys, and counts how often it was asked for these."""

    def __init__(self, url: str) -> None:
        self.url, self.asked = url, 0
        self.key, self.unpublished = _key("one"), _key("none")

    def token(self, key: ECKey) -> str:
        """Its word for somebody, signed with this key."""
        told = {"iss": self.url, "aud": "us", "sub": "u-1", "email": "ada@example.com", "groups": ["ops"]}
        return jwt.encode({"alg": "ES256", "kid": key.kid}, {**told, "exp": int(time.time()) + 600}, key)

    async def itself(self, _: Request) -> JSONResponse:
        """What it tells of itself."""
        places = {"authorization_endpoint": "a", "token_endpoint": "t", "jwks_uri": "keys"}
        return JSONResponse({"issuer": self.url, **{name: f"{self.url}/{path}" for name, path in places.items()}})

    async def keys(self, _: Request) -> JSONResponse:
        """Its keys as they are now."""
        self.asked += 1
        return JSONResponse({"keys": [self.key.as_dict(private=False)]})


def _key(kid: str) -> ECKey:
    return ECKey.generate_key("P-256", {"kid": kid, "use": "sig", "alg": "ES256"})


@pytest_asyncio.fixture
async def issuer() -> AsyncIterator[Issuer]:
    """One that is served."""
    port = free_port()
    known = Issuer(f"http://127.0.0.1:{port}")
    app = Starlette(routes=[Route("/.well-known/openid-configuration", known.itself), Route("/keys", known.keys)])
    async with served(uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None, access_log=False)):
        yield known


@pytest.fixture
def provider(issuer: Issuer) -> OpenIdProvider:
    """As we meet it."""
    known: dict[str, Any] = {"oidc_issuer": issuer.url, "oidc_client_id": "us", "oidc_roles": {"ops": "operator"}}
    return OpenIdProvider(settings_for("postgresql://127.0.0.1/none", **known), "")


async def test_made_up_tokens_do_not_have_the_issuer_asked_each_time(issuer: Issuer, provider: OpenIdProvider) -> None:
    """Anybody may send any to the codec server: the first has it asked anew, and who is known is let in."""
    known = issuer.token(issuer.key)
    assert (await provider.vouched(known))["sub"] == "u-1"
    assert issuer.asked == 1
    deep = f"{base64.urlsafe_b64encode(b'[' * 20_000).decode()}.e30.AAAA"
    for made_up in ("nothing", "a.b.c", deep, issuer.token(issuer.unpublished), known[:-8] + "AAAAAAAA") * 3:
        with pytest.raises(SignInError, match="token_invalid"):
            await provider.vouched(made_up)
    assert (await provider.vouched(known))["sub"] == "u-1"
    assert issuer.asked == 2


async def test_a_new_key_is_known_at_once(issuer: Issuer, provider: OpenIdProvider) -> None:
    """A token that it signs lets its bearer in."""
    await provider.vouched(issuer.token(issuer.key))
    issuer.key = _key("two")
    assert (await provider.vouched(issuer.token(issuer.key)))["sub"] == "u-1"
    assert issuer.asked == 2

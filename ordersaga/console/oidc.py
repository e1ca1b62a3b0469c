"""The OpenID Connect issuer, as we meet it: authorization code flow with PKCE, state and nonce.

What the issuer tells of itself and its keys are remembered for an hour; a key nobody knew yet is asked for at once, and
once in ten seconds: whoever sends us made-up tokens has the issuer asked no oftener.
"""

import secrets
import ssl
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx2
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from ordersaga.signing_in import SignInSettings

_ALGORITHMS: Final = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"]
_REMEMBERED: Final = 3600.0
_ASKED_AGAIN: Final = 10.0
_UNREADABLE: Final = (JoseError, ValueError, RecursionError)
"""What is raised by a token that is none, or is nested without end."""
_PATIENCE: Final = 5.0
_ENDPOINTS: Final = ("authorization_endpoint", "token_endpoint", "jwks_uri")
_OTHERS: Final = ("userinfo_endpoint", "end_session_endpoint")


class SignInError(Exception):
    """Nobody can be signed in: `code` for the log and the list of sign-ins; people are told nothing of it."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


@dataclass(frozen=True)
class Beginning:
    """What a browser keeps while its person is at the issuer. `target`: where they wanted to go."""

    state: str
    nonce: str
    verifier: str
    target: str

    @classmethod
    def new(cls, target: str) -> "Beginning":
        """One that nobody can guess."""
        return cls(secrets.token_urlsafe(24), secrets.token_urlsafe(24), secrets.token_urlsafe(48), target)

    def text(self) -> str:
        """As a cookie holds it."""
        return urlencode(asdict(self))

    @classmethod
    def read(cls, text: str) -> "Beginning | None":
        """The one that `text` wrote; None for anything else."""
        try:
            return cls(**dict(parse_qsl(text)))
        except TypeError:
            return None


@dataclass(frozen=True)
class SignedIn:
    """What the issuer vouches for: claims by name, and the token that said so."""

    claims: Mapping[str, Any]
    id_token: str


class OpenIdProvider:
    """One issuer. `redirect_uri`: where it sends people back to us, as it is registered there."""

    def __init__(self, settings: SignInSettings, redirect_uri: str) -> None:
        self._settings, self._redirect_uri = settings, redirect_uri
        self._metadata: tuple[float, dict[str, Any]] | None = None
        self._keys: tuple[float, KeySet] | None = None
        self._asked_again = float("-inf")

    async def authorization_url(self, beginning: Beginning) -> str:
        """Where the person signs in. Raises SignInError `issuer_unreachable` or `issuer_malformed`."""
        metadata = await self._told()
        async with self._client(metadata) as client:
            url, _ = client.create_authorization_url(
                metadata["authorization_endpoint"],
                state=beginning.state,
                nonce=beginning.nonce,
                code_verifier=beginning.verifier,
            )
        return str(url)

    async def finish(self, beginning: Beginning, query: Mapping[str, str]) -> SignedIn:
        """Whom the issuer sent back, with `query`.

        Raises SignInError: `state_differs`, `issuer_differs`, `denied` (the issuer's own no), `code_refused`,
        `token_invalid`, `issuer_unreachable`, `issuer_malformed`.
        """
        metadata = await self._told()
        if not secrets.compare_digest(query.get("state", "").encode(), beginning.state.encode()):
            raise SignInError("state_differs", "the browser began another sign-in")
        if query.get("iss", metadata["issuer"]) != metadata["issuer"]:
            raise SignInError("issuer_differs", "another issuer answered")
        if "code" not in query:
            raise SignInError("denied", query.get("error", "no code")[:100])
        token = await self._token(metadata, query["code"], beginning)
        claims = await self._checked(metadata, token, beginning.nonce)
        return SignedIn(await self._completed(metadata, token, claims), str(token["id_token"]))

    async def vouched(self, token: str) -> Mapping[str, Any]:
        """What the issuer says of who bears this token, an ID token or a signed access token that is meant for us.

        Raises SignInError: `token_invalid`, `issuer_unreachable`, `issuer_malformed`.
        """
        metadata, settings = await self._told(), self._settings
        rules = jwt.JWTClaimsRegistry(
            leeway=round(settings.oidc_clock_skew.total_seconds()),
            iss={"essential": True, "value": metadata["issuer"]},
            aud={"essential": True, "value": settings.oidc_client_id},
            exp={"essential": True},
            sub={"essential": True},
        )
        try:
            claims = (await self._verified(metadata, token)).claims
            rules.validate(claims)
        except (*_UNREADABLE, TypeError) as error:
            raise SignInError("token_invalid", type(error).__name__) from error
        return await self._completed(metadata, {"access_token": token}, dict(claims))

    async def end_session_url(self, id_token: str, back: str) -> str | None:
        """Where the person signs out of the issuer as well; None if it has no such place or does not answer."""
        try:
            endpoint = (await self._told()).get("end_session_endpoint")
        except SignInError:
            return None
        if endpoint is None:
            return None
        said = {"id_token_hint": id_token, "client_id": self._settings.oidc_client_id, "post_logout_redirect_uri": back}
        return f"{endpoint}{'&' if urlsplit(endpoint).query else '?'}{urlencode(said)}"

    async def _told(self) -> dict[str, Any]:
        """What the issuer tells of itself."""
        if self._metadata is None or time.monotonic() - self._metadata[0] > _REMEMBERED:
            issuer = self._settings.oidc_issuer.rstrip("/")
            told = await self._get(f"{issuer}/.well-known/openid-configuration")
            if str(told.get("issuer", "")).rstrip("/") != issuer:
                raise SignInError("issuer_malformed", "it calls itself otherwise")
            self._refuse_unsafe(told)
            self._metadata = (time.monotonic(), told)
        return self._metadata[1]

    def _refuse_unsafe(self, told: Mapping[str, Any]) -> None:
        """Every place is told, and as safe to reach as the issuer itself."""
        scheme = urlsplit(self._settings.oidc_issuer).scheme
        for name in (*_ENDPOINTS, *(other for other in _OTHERS if other in told)):
            if urlsplit(str(told.get(name, ""))).scheme not in ("https", scheme):
                raise SignInError("issuer_malformed", f"it tells no safe {name}")

    async def _token(self, metadata: Mapping[str, Any], code: str, beginning: Beginning) -> dict[str, Any]:
        try:
            async with self._client(metadata) as client:
                token = await client.fetch_token(
                    metadata["token_endpoint"],
                    grant_type="authorization_code",
                    code=code,
                    code_verifier=beginning.verifier,
                )
        except AuthlibBaseError as error:
            raise SignInError("code_refused", str(error.error)) from error
        except (httpx2.HTTPError, ValueError) as error:
            raise SignInError("issuer_unreachable", type(error).__name__) from error
        if not isinstance(token.get("id_token"), str):
            raise SignInError("token_invalid", "the issuer sent no ID token")
        return dict(token)

    async def _checked(self, metadata: Mapping[str, Any], token: Mapping[str, Any], nonce: str) -> dict[str, Any]:
        """The claims of the ID token, whose signature, issuer, audience, times, nonce and access token agree."""
        client_id = self._settings.oidc_client_id
        options = {
            "iss": {"essential": True, "value": metadata["issuer"]},
            "aud": {"essential": True, "value": client_id},
        }
        params = {"nonce": nonce, "client_id": client_id, "access_token": token.get("access_token")}
        try:
            read = await self._verified(metadata, token["id_token"])
            claims = CodeIDToken(read.claims, read.header, options, params)
            claims.validate(leeway=round(self._settings.oidc_clock_skew.total_seconds()))
        except (*_UNREADABLE, TypeError) as error:
            raise SignInError("token_invalid", f"{type(error).__name__}: {error}"[:200]) from error
        return dict(claims)

    async def _verified(self, metadata: Mapping[str, Any], id_token: str) -> jwt.Token:
        """The token, by the keys we know, else by those the issuer has now."""
        now = time.monotonic()
        if self._keys is not None and now - self._keys[0] < _REMEMBERED:
            try:
                return jwt.decode(id_token, self._keys[1], algorithms=_ALGORITHMS)
            except _UNREADABLE:
                if now - self._asked_again < _ASKED_AGAIN:
                    raise
                self._asked_again = now
        keys = KeySet.import_key_set(await self._get(metadata["jwks_uri"]))  # type: ignore[arg-type]  # checked by it
        self._keys = (time.monotonic(), keys)
        return jwt.decode(id_token, keys, algorithms=_ALGORITHMS)

    async def _completed(
        self, metadata: Mapping[str, Any], token: Mapping[str, Any], claims: dict[str, Any]
    ) -> Mapping[str, Any]:
        """The claims; those that are missing, as the issuer tells them on request."""
        settings = self._settings
        wanted = {settings.oidc_name_claim, settings.oidc_role_claim, settings.oidc_seller_claim} - {""}
        if wanted <= claims.keys() or "userinfo_endpoint" not in metadata:
            return claims
        bearer = {"Authorization": f"Bearer {token.get('access_token', '')}"}
        more = await self._get(metadata["userinfo_endpoint"], bearer)
        if more.get("sub") != claims["sub"]:
            raise SignInError("token_invalid", "the issuer told of somebody else")
        return {**more, **claims}

    async def _get(self, url: str, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
        try:
            async with httpx2.AsyncClient(timeout=_PATIENCE, trust_env=False, verify=_trusted()) as client:
                answer = await client.get(url, headers=dict(headers or {}))
            told = answer.raise_for_status().json()
        except (httpx2.HTTPError, ValueError) as error:
            raise SignInError("issuer_unreachable", f"{url}: {type(error).__name__}") from error
        if not isinstance(told, dict):
            raise SignInError("issuer_malformed", f"{url} is no JSON object")
        return told

    def _client(self, metadata: Mapping[str, Any]) -> AsyncOAuth2Client:
        try:
            secret = self._settings.client_secret()
        except OSError as error:
            raise SignInError("client_secret_missing", type(error).__name__) from error
        known = metadata.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        basic = "client_secret_basic" if "client_secret_basic" in known else "client_secret_post"
        return AsyncOAuth2Client(
            client_id=self._settings.oidc_client_id,
            client_secret=secret or None,
            token_endpoint_auth_method=basic if secret else "none",
            scope=self._settings.oidc_scopes,
            redirect_uri=self._redirect_uri,
            code_challenge_method="S256",
            timeout=_PATIENCE,
            trust_env=False,
            verify=_trusted(),
        )


@cache
def _trusted() -> ssl.SSLContext:
    """The certificates we trust, read once: that takes longer than a request."""
    return httpx2.create_ssl_context()

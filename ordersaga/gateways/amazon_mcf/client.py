"""One account at Amazon's Selling Partner API: access tokens, the calls, and what went wrong with them.

The client library reads an answer without `errors` as a success, whatever its status: the status is judged before it
sees the answer. Its tokens are cached for the whole process by refresh token; here each account keeps its own.
"""

import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache, partial
from typing import Any, Final

import httpx
from sp_api.asyncio.base import AsyncBaseClient, FromCodeCredentialProvider
from sp_api.asyncio.base.client import AccessTokenClient
from sp_api.auth import AccessTokenResponse
from sp_api.base.exceptions import SellingApiException

from ordersaga.domain.errors import RetryError
from ordersaga.gateways.amazon_mcf.errors import COMPANY, TokenRefusedError, refusal, token_refusal, unreadable
from ordersaga.gateways.http_errors import transport_error
from ordersaga.gateways.webhook_parts import text

Json = dict[str, Any]
Check = Callable[[httpx.Response], Awaitable[None]]
_TOKEN: Final = "x-amz-access-token"  # noqa: S105 - a header's name
_RENEWED_BEFORE: Final = 60.0
"""Seconds before its end from which a token is not used any more."""
_SHORTEST: Final = 30.0


@dataclass(frozen=True)
class Credentials:
    """Of an application at Login with Amazon (`client_id`, `client_secret`), and of the seller who authorized it."""

    client_id: str
    client_secret: str = field(repr=False)
    refresh_token: str = field(repr=False)


@dataclass(frozen=True)
class Request:
    """One call: `body` is sent as JSON by POST and PUT, `query` by GET."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: Json = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Answer:
    """What stands in an answer, and the token of its next page."""

    payload: Json
    next_token: str | None = None


class _Transport:
    """Stands in for the library's own, which lets no call time out."""

    def __init__(self, timeout: timedelta, check: Check) -> None:
        hooks = {"response": [check]}
        self._http = httpx.AsyncClient(verify=_tls(), timeout=timeout.total_seconds(), event_hooks=hooks)

    async def request(self, method: str, url: str, **sent: Any) -> httpx.Response:
        """One request; `check` raises for what is no success."""
        return await self._http.request(method, url, **sent)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()


class _Tokens(AccessTokenClient):  # type: ignore[misc]
    """Access tokens of one account, each used until shortly before its end."""

    def __init__(self, url: str, timeout: timedelta, **account: Any) -> None:
        super().__init__(**account)
        self._transport = _Transport(timeout, _check_token)
        self._url = url
        self._token, self._good_until = "", 0.0

    async def get_auth(self) -> AccessTokenResponse:
        """The token in use, or a new one. Raises RetryError, never unknown, and OperatorError."""
        async with self._lock:
            if time.monotonic() >= self._good_until:
                await self._renew()
            return AccessTokenResponse(access_token=self._token)

    def forget(self, token: str) -> None:
        """This one is refused: the next call gets another, unless it is there already."""
        if token == self._token:
            self._good_until = 0.0

    async def _renew(self) -> None:
        try:
            told = await self._request(self._url, self.data, self.headers)
            self._token, lasts = str(told["access_token"]), float(told.get("expires_in") or 0)
        except httpx.RequestError as error:
            raise RetryError("amazon_mcf_no_token", "Login with Amazon did not answer") from error
        except (ValueError, KeyError, TypeError, AttributeError):
            raise RetryError("amazon_mcf_no_token", "Login with Amazon gave no token") from None
        self._good_until = time.monotonic() + max(lasts - _RENEWED_BEFORE, _SHORTEST)


class SellingPartner(AsyncBaseClient):  # type: ignore[misc]
    """Calls of one account.

    Args:
        base_url: `https://sellingpartnerapi-na.amazon.com` or another region's, or an emulator's URL.
        token_url: `https://api.amazon.com/auth/o2/token`, or an emulator's.
        marketplace_id: Amazon's id of the marketplace whose stock ships.
        timeout: of one call.
    """

    def __init__(
        self, credentials: Credentials, *, base_url: str, token_url: str, marketplace_id: str, timeout: timedelta
    ) -> None:
        known = {
            "lwa_app_id": credentials.client_id,
            "lwa_client_secret": credentials.client_secret,
            "refresh_token": credentials.refresh_token,
        }
        super().__init__(
            credentials=known,
            credential_providers=[FromCodeCredentialProvider],
            auth_token_client_class=partial(_Tokens, token_url, timeout),
            verify=_tls(),
        )
        self.endpoint, self.marketplace_id = base_url.rstrip("/"), marketplace_id
        self._transport = _Transport(timeout, _check)

    async def aclose(self) -> None:
        """Close the connections."""
        await super().aclose()
        await self._auth.aclose()

    async def ask(self, request: Request) -> Answer:
        """One call; a token that is refused is replaced once, for then nothing was done."""
        headers = await self._get_headers()
        try:
            return await self._send(request, headers)
        except TokenRefusedError:
            self._auth.forget(headers[_TOKEN])
            return await self._send(request, await self._get_headers())

    async def _send(self, request: Request, headers: dict[str, str]) -> Answer:
        sent = {"params": {**request.query, "method": request.method}, "data": dict(request.body)}
        try:
            answer = await self._request(request.path, **sent, headers=headers, add_marketplace=False)
        except httpx.RequestError as error:
            raise transport_error(COMPANY, error) from error
        except (SellingApiException, TypeError, KeyError, AttributeError):
            raise unreadable("no success that its documentation has") from None
        if not isinstance(answer.payload, dict):
            raise unreadable("no object where its documentation has one")
        return Answer(answer.payload, text(answer.next_token))

    async def _get_headers(self, access_token: str | None = None) -> dict[str, str]:
        """Without the library's `host`, which is cut from an https URL."""
        headers: dict[str, str] = await super()._get_headers(access_token)
        return {name: value for name, value in headers.items() if name != "host"}


@cache
def _tls() -> ssl.SSLContext:
    """Certificates are verified by one context: loading them takes a tenth of a second each time."""
    return httpx.create_ssl_context()


async def _check(response: httpx.Response) -> None:
    """Raise what an answer means, unless it is a success that can be read: an object, or nothing at all."""
    body = await _body(response)
    if not response.is_success:
        raise refusal(response.status_code, response.headers, body)
    if not isinstance(body, dict):
        raise unreadable("no JSON object")


async def _check_token(response: httpx.Response) -> None:
    body = await _body(response)
    if not response.is_success:
        raise token_refusal(response.status_code, body)


async def _body(response: httpx.Response) -> object:
    if not await response.aread():
        return {}
    try:
        return response.json()
    except ValueError:
        return None

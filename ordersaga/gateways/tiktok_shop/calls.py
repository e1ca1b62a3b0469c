"""Signed calls to TikTok Shop's open API, one at a time through the lane's gate.

Signatures and tokens are made by `tiktok-shop-api`. Its models and operations are left out: loading them holds a
process up for seconds, they fail on a member that is null, and their errors may quote a shopper.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

import httpx
from tiktok_shop_api import AsyncTikTokShopAuth, Signer, TikTokShopError, requires_shop_cipher

from ordersaga.channel_ports import TokenPair, TokenVault
from ordersaga.domain.errors import OperatorError, RetryError
from ordersaga.gateways.http_errors import transport_error
from ordersaga.gateways.tiktok_shop.errors import COMPANY, CREDENTIALS, ExpiredTokenError, data_of
from ordersaga.gateways.tiktok_shop.tokens import Tokens
from ordersaga.ports import LaneGate

Json = dict[str, Any]
_JSON: Final = "application/json"
_NO_QUERY: Final[Mapping[str, str]] = {}


@dataclass(frozen=True)
class TikTokKeys:
    """What TikTok Shop knows an app and a seller's shop by.

    `access_token` lasts a week; with a `refresh_token`, which lasts longer, it is renewed when TikTok says so.
    """

    app_key: str
    app_secret: str = field(repr=False)
    access_token: str = field(repr=False)
    shop_cipher: str = field(repr=False)
    refresh_token: str | None = field(default=None, repr=False)


class Calls:
    """One shop's calls. `auth_url`: where tokens are renewed."""

    def __init__(
        self, keys: TikTokKeys, *, base_url: str, auth_url: str, timeout: timedelta, gate: LaneGate, vault: TokenVault
    ) -> None:
        self._keys, self._gate = keys, gate
        self._http = httpx.AsyncClient(base_url=base_url, timeout=timeout.total_seconds())
        self._auth = AsyncTikTokShopAuth(
            keys.app_key, keys.app_secret, base_url=auth_url, timeout=timeout.total_seconds()
        )
        self._tokens = Tokens(TokenPair(keys.access_token, keys.refresh_token), self._ask, vault)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def get(self, path: str, query: Mapping[str, str] = _NO_QUERY) -> Json:
        """The data of an answer; what is not a success is raised, translated."""
        return await self._renewed("GET", path, query, None)

    async def post(self, path: str, body: Json, query: Mapping[str, str] = _NO_QUERY) -> Json:
        """As `get`."""
        return await self._renewed("POST", path, query, json.dumps(body).encode())

    async def _renewed(self, method: str, path: str, query: Mapping[str, str], body: bytes | None) -> Json:
        """A token that is not taken refuses a call before anything is done: it is made again with another one."""
        token = await self._tokens.access()
        try:
            return await self._once(method, path, query, body, token)
        except OperatorError as error:
            if error.code != CREDENTIALS:
                raise
            expired = isinstance(error, ExpiredTokenError)
            if (another := await self._tokens.instead_of(token, expired=expired)) is None:
                raise
        return await self._once(method, path, query, body, another)

    async def _once(self, method: str, path: str, query: Mapping[str, str], body: bytes | None, token: str) -> Json:
        async with self._gate.passing():
            headers = {"x-tts-access-token": token, "content-type": _JSON}
            signed = self._signed(method, path, query, body)
            try:
                answer = await self._http.request(method, path, params=signed, content=body, headers=headers)
            except httpx.TransportError as error:
                raise transport_error(COMPANY, error) from error
            return data_of(answer, self._secrets())

    def _signed(self, method: str, path: str, query: Mapping[str, str], body: bytes | None) -> list[tuple[str, Any]]:
        """The query with who asks for which shop, when, and the signature over all of it."""
        pairs = [*query.items(), ("app_key", self._keys.app_key), ("timestamp", str(int(time.time())))]
        if requires_shop_cipher(method, path):
            pairs.append(("shop_cipher", self._keys.shop_cipher))
        secret = self._keys.app_secret
        sign = Signer.sign(path=path, query=pairs, content_type=_JSON, body=body, app_secret=secret)
        return [*pairs, ("sign", sign)]

    async def _ask(self, refresh_token: str) -> TokenPair:
        """New tokens."""
        async with self._gate.passing():
            try:
                tokens = await self._auth.refresh(refresh_token)
            except TikTokShopError as error:
                raise _no_token(error) from None
        return TokenPair(tokens.access_token, tokens.refresh_token or refresh_token)

    def _secrets(self) -> tuple[str, ...]:
        keys = self._keys
        return (keys.app_secret, keys.shop_cipher, keys.access_token, keys.refresh_token or "", *self._tokens.secrets)


def _no_token(error: TikTokShopError) -> RetryError | OperatorError:
    """The call that needed the token was refused: nothing is unknown, whatever becomes of the token."""
    if error.http_status is None or error.http_status >= 500 or error.http_status == httpx.codes.TOO_MANY_REQUESTS:
        return RetryError("tiktok_shop_unavailable", "no new access token could be had from TikTok Shop")
    why = f"TikTok Shop gives no new access token ({error.code}): the seller has to authorize the app again"
    return OperatorError(CREDENTIALS, why)

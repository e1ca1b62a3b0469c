"""Calls to UPS: with a token that was got for the client's credentials, behind the lane's gate.

Tokens: https://developer.ups.com/api/reference/oauth/client-credentials. A token is kept until shortly before it ends.
One that ends all the same is a 401, which UPS answers before it does anything: the call is made once more with another.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx

from ordersaga.domain.errors import OperatorError, RetryError
from ordersaga.gateways.http_errors import transport_error
from ordersaga.gateways.ups.errors import json_of, refusal
from ordersaga.ports import LaneGate

_TOKEN = "/security/v1/oauth/token"  # noqa: S105 - a path
_MARGIN = 60.0
"""Seconds before its end from which a token is not used any more."""


@dataclass(frozen=True)
class Credentials:
    """Of the app at UPS's developer portal; `account`: the six characters it ships for."""

    client_id: str
    client_secret: str
    account: str

    def __repr__(self) -> str:
        return f"Credentials(account={self.account!r})"


class Calls:
    """One client's connections.

    Args:
        credentials: of the app.
        base_url: without `/api`.
        timeout: of one call.
        gate: every call passes it, with the token it needs.
        clock: seconds that only ever grow.
    """

    def __init__(
        self,
        credentials: Credentials,
        *,
        base_url: str,
        timeout: timedelta,
        gate: LaneGate,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._http = httpx.AsyncClient(base_url=base_url, timeout=timeout.total_seconds())
        self._tokens = _Tokens(self._http, credentials, clock)
        self._gate = gate

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def send(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        """The answer, whatever its status, but a 429. Raises RetryError when there is none."""
        async with self._gate.passing() as passage:
            token = await self._tokens.get()
            answer = await self._send(method, path, token, arguments)
            if answer.status_code == httpx.codes.UNAUTHORIZED:
                another = await self._tokens.get(instead_of=token)
                answer = await self._send(method, path, another, arguments)
            if answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
                raise refusal(answer)
            passage.answered(answer.status_code)
            return answer

    async def _send(self, method: str, path: str, token: str, arguments: dict[str, Any]) -> httpx.Response:
        headers = {"authorization": f"Bearer {token}", "transId": uuid4().hex, "transactionSrc": "ordersaga"}
        try:
            return await self._http.request(method, path, headers=headers, **arguments)
        except httpx.TransportError as error:
            raise transport_error("ups", error) from error


@dataclass(frozen=True)
class _Token:
    value: str
    until: float


class _Tokens:
    """The token in use, got once for all calls that wait for it."""

    def __init__(self, http: httpx.AsyncClient, credentials: Credentials, clock: Callable[[], float]) -> None:
        self._http, self._clock = http, clock
        self._auth = httpx.BasicAuth(credentials.client_id, credentials.client_secret)
        self._headers = {"x-merchant-id": credentials.account}
        self._current: _Token | None = None
        self._getting = asyncio.Lock()

    async def get(self, *, instead_of: str | None = None) -> str:
        """One that lives; another than `instead_of`."""
        async with self._getting:
            known = self._current
            if known is None or known.value == instead_of or self._clock() >= known.until:
                known = self._current = await self._new()
            return known.value

    async def _new(self) -> _Token:
        """Whatever goes wrong here, the call itself was never made."""
        asked_at = self._clock()
        form = {"grant_type": "client_credentials"}
        try:
            answer = await self._http.post(_TOKEN, data=form, auth=self._auth, headers=self._headers)
        except httpx.TransportError as error:
            met = transport_error("ups", error)
            raise RetryError(met.code, met.message) from error
        if not answer.is_success:
            raise _refused(answer)
        return _read(json_of(answer), asked_at)


def _refused(answer: httpx.Response) -> Exception:
    error = refusal(answer)
    if isinstance(error, RetryError):
        error.unknown = False
        return error
    why = f"UPS answered {answer.status_code} when asked for a token: check the client id and its secret"
    return OperatorError("ups_credentials", why)


def _read(body: Any, asked_at: float) -> _Token:
    """UPS writes the seconds as text."""
    told = body if isinstance(body, dict) else {}
    value, seconds = told.get("access_token"), str(told.get("expires_in") or "")
    if not isinstance(value, str) or not value or not seconds.isdecimal():
        raise RetryError("ups_unavailable", "UPS answered something that is no token")
    life = float(seconds)
    return _Token(value, asked_at + max(life - _MARGIN, life / 2))

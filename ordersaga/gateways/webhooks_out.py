"""Our own webhooks: Standard Webhooks (https://www.standardwebhooks.com), to hosts that others chose.

So the host is not trusted: its name is looked up here, the address is judged, and exactly that address is connected
to, so that the name cannot stand for another one in between. Redirects are not followed, proxies are not used.
"""

import asyncio
import json
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import floor
from typing import Any, Final

import httpx
from standardwebhooks import Webhook

from ordersaga.domain.errors import OperatorError, RetryError
from ordersaga.domain.notification_targets import is_allowed, is_loopback
from ordersaga.domain.notifications import LONGEST_ERROR
from ordersaga.gateways.http_errors import transport_error

TIMEOUT: Final = timedelta(seconds=10)
"""For the whole attempt, so that a receiver that answers a byte at a time is given up as well."""
_USER_AGENT: Final = "ordersaga-webhooks"
_COMPANY: Final = "receiver"
_NOT_CONNECTED: Final = (httpx.ConnectError, httpx.ConnectTimeout)

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]


@dataclass(frozen=True)
class Answer:
    """What a receiver said: HTTP status, and at most `LONGEST_ERROR` characters of its answer."""

    status: int
    text: str

    @property
    def taken(self) -> bool:
        """The receiver has the message: any 2xx."""
        return 200 <= self.status < 300


async def look_up(host: str, port: int) -> Sequence[str]:
    """The IP addresses a host name stands for now, those to be tried first at the front."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class WebhookSender:
    """Posts signed messages. `resolve` looks names up; `tls` replaces the usual trust, for tests."""

    def __init__(
        self,
        *,
        allow_loopback: bool = False,
        timeout: timedelta = TIMEOUT,
        resolve: Resolve = look_up,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._allow_loopback = allow_loopback
        self._timeout = timeout.total_seconds()
        self._resolve = resolve
        # No connection is kept: they are known by address, and one address may be many hosts with a certificate each.
        self._http = httpx.AsyncClient(
            verify=tls or True,
            timeout=self._timeout,
            trust_env=False,
            follow_redirects=False,
            limits=httpx.Limits(max_keepalive_connections=0),
        )

    async def aclose(self) -> None:
        """Close connections."""
        await self._http.aclose()

    async def post(self, url: str, secrets: Sequence[str], message_id: str, payload: Mapping[str, Any]) -> Answer:
        """Send a message signed with each of `secrets`; any HTTP status is an answer.

        Raises:
            RetryError: nobody answered in time; `unknown` when the receiver may have the message.
            OperatorError: `receiver_forbidden`, the host is none, or stands for an address we must not connect to.
        """
        body = json.dumps(payload, ensure_ascii=False, separators=(",", ":"))
        headers = signed_headers(secrets, message_id, body)
        try:
            async with asyncio.timeout(self._timeout):
                return await self._send(httpx.URL(url), headers, body.encode())
        except httpx.InvalidURL as error:
            raise OperatorError("receiver_forbidden", "the endpoint's URL cannot be used; add it anew") from error
        except (httpx.HTTPError, TimeoutError) as error:
            raise transport_error(_COMPANY, error) from error

    async def _send(self, url: httpx.URL, headers: Mapping[str, str], body: bytes) -> Answer:
        """To the first of the host's addresses that can be connected to."""
        *earlier, last = await self._addresses(url)
        for address in earlier:
            try:
                return await self._send_to(address, url, headers, body)
            except _NOT_CONNECTED:
                continue
        return await self._send_to(last, url, headers, body)

    async def _addresses(self, url: httpx.URL) -> Sequence[str]:
        try:
            found = await self._resolve(url.host, url.port or (443 if url.scheme == "https" else 80))
        except (OSError, UnicodeError) as error:
            raise RetryError("receiver_unreachable", "the receiver's name cannot be looked up") from error
        if not found:
            raise RetryError("receiver_unreachable", "the receiver's name stands for no address")
        if not all(self._may_reach(address, url.scheme) for address in found):
            raise OperatorError("receiver_forbidden", "the receiver's name stands for a private or local address")
        return found

    def _may_reach(self, address: str, scheme: str) -> bool:
        allowed = is_allowed(address, allow_loopback=self._allow_loopback)
        return allowed and (scheme == "https" or is_loopback(address))

    async def _send_to(self, address: str, url: httpx.URL, headers: Mapping[str, str], body: bytes) -> Answer:
        request = self._http.build_request(
            "POST",
            url.copy_with(host=address),
            headers={**headers, "Host": url.netloc.decode("ascii")},
            content=body,
            extensions={"sni_hostname": url.raw_host.decode("ascii")},
        )
        answer = await self._http.send(request, stream=True)
        try:
            return Answer(answer.status_code, "" if answer.is_success else await _beginning(answer))
        finally:
            await answer.aclose()


def signed_headers(secrets: Sequence[str], message_id: str, body: str) -> dict[str, str]:
    """The headers of a message: id, time, and a signature for each secret."""
    now = datetime.now(UTC)
    signatures = [Webhook(secret).sign(message_id, now, body) for secret in secrets]
    return {
        "Content-Type": "application/json",
        "User-Agent": _USER_AGENT,
        "Accept-Encoding": "identity",
        "webhook-id": message_id,
        "webhook-timestamp": str(floor(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


async def _beginning(answer: httpx.Response) -> str:
    """The first characters of an answer; the rest is not read."""
    read = b""
    async for chunk in answer.aiter_raw():
        read += chunk
        if len(read) >= 4 * LONGEST_ERROR:
            break
    text = read[: 4 * LONGEST_ERROR].decode("utf-8", "replace")
    return "".join(char if char.isprintable() else " " for char in text)[:LONGEST_ERROR]

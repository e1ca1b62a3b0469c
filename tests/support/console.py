"""A browser's side of the console, without scripts: cookies, pages, forms.

async with Browser(api.url) as browser:
    await browser.sign_in("operator")
    page = await browser.get("/console/attention")
"""

import re
import ssl
from types import TracebackType
from typing import Any, Self

import httpx

_PLAIN = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For requests without TLS: loading the usual certificates takes longer than a request does."""


class Browser:
    """Keeps cookies, follows no redirect by itself, and sends what our pages would send with a POST."""

    def __init__(self, url: str) -> None:
        """`csrf`: the token of the page that was read last; a POST carries it."""
        self.url = url
        self.csrf = ""
        self.http = httpx.AsyncClient(base_url=url, timeout=30, trust_env=False, verify=_PLAIN)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.http.aclose()

    async def sign_in(self, role: str = "operator") -> None:
        """By one click, as the demo's person of this role."""
        answer = await self.http.post("/console/sign-in/demo", data={"role": role}, headers={"Origin": self.url})
        assert answer.status_code == 303, answer.text
        assert (await self.get("/console/orders/ord_none")).status_code == 404

    async def get(self, path: str, **more: Any) -> httpx.Response:
        """A page."""
        answer = await self.http.get(path, **more)
        self.csrf = token_in(answer.text) or self.csrf
        return answer

    async def post(self, path: str, data: dict[str, Any] | None = None, **more: Any) -> httpx.Response:
        """A form of the page that was read last."""
        return await self.http.post(path, data={"csrf": self.csrf, **(data or {})}, **more)


def token_in(page: str) -> str:
    """The CSRF token that a page's forms carry; empty without one."""
    found = re.search(r'name="csrf" value="([0-9a-f]+)"', page)
    return found.group(1) if found else ""

"""A running OpenID Connect issuer, for tests.

async with issuing() as issuer:
    client = await issuer.register("http://127.0.0.1:8080/console/sign-in/back")
    await issuer.person("u-1", email="ada@example.com", groups=["support-team"])
    await issuer.err(claims={"nonce": "another"})
"""

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx

from tests.support.emulators import ROOT, eventually, free_port


@dataclass(frozen=True)
class Client:
    """Who we are to the issuer."""

    id: str
    secret: str


@dataclass
class Issuer:
    """One issuer process."""

    url: str
    http: httpx.AsyncClient

    async def register(self, redirect_uri: str, method: str = "client_secret_basic") -> Client:
        """A client that may be sent back to this address only."""
        body = {"redirect_uris": [redirect_uri], "token_endpoint_auth_method": method}
        told = (await self._done("POST", "/oauth2/clients", json=body)).json()
        return Client(told["client_id"], told["client_secret"])

    async def person(self, subject: str, **claims: Any) -> None:
        """Somebody who may sign in, and what the issuer says of them."""
        await self._done("PUT", f"/users/{subject}", json=claims)

    async def err(self, **how: Any) -> None:
        """Err in this way, or no more in any."""
        await self._done("POST", "/_control", json=how)

    async def approve(self, url: str, subject: str) -> str:
        """The person signs in at `url`; where the issuer sends them."""
        answer = await self.http.post(url, data={"sub": subject})
        assert answer.status_code == 302, answer.text
        return answer.headers["location"]

    async def deny(self, url: str) -> str:
        """The person says no; where the issuer sends them."""
        answer = await self.http.post(url, data={"action": "deny"})
        assert answer.status_code == 302, answer.text
        return answer.headers["location"]

    async def _done(self, method: str, path: str, **more: Any) -> httpx.Response:
        answer = await self.http.request(method, path, **more)
        assert answer.is_success, answer.text
        return answer


@contextlib.asynccontextmanager
async def issuing() -> AsyncIterator[Issuer]:
    """An issuer in a process of its own, until the block ends."""
    url = f"http://127.0.0.1:{(port := free_port())}"
    command = [sys.executable, "-m", "tests.support.oidc_process", str(port)]
    process = await asyncio.to_thread(subprocess.Popen, command, cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        async with httpx.AsyncClient(base_url=url, timeout=30, trust_env=False) as http:

            async def answers() -> bool:
                assert process.poll() is None, f"the issuer ended with {process.returncode}"
                try:
                    return (await http.get("/.well-known/openid-configuration")).is_success
                except httpx.TransportError:
                    return False

            await eventually(answers, seconds=60)
            yield Issuer(url, http)
    finally:
        process.kill()
        await asyncio.to_thread(process.wait)

"""SIGTERM: what was begun is answered, new orders are refused before anything is stored, the process ends with 0."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest_asyncio
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from ordersaga.api.draining import Leaving
from ordersaga.bootstrap import issue_api_key, open_services
from ordersaga.embedded.environment import as_environment
from ordersaga.settings import Settings
from tests.fakes.samples import catalog
from tests.support.api import order_body, settings_for
from tests.support.database import database_server, database_url
from tests.support.emulators import free_port

__all__ = ["database_server", "database_url"]

ROUNDS = 400


@dataclass
class Serving:
    """An API process, Temporal being away: whoever waits for an outcome waits as long as they may."""

    process: asyncio.subprocess.Process
    settings: Settings
    url: str
    key: str

    async def place(self, http: httpx.AsyncClient, order_id: str) -> httpx.Response:
        """Place an order and wait two seconds for its outcome."""
        headers = {"Authorization": f"Bearer {self.key}", "Prefer": "wait=2"}
        return await http.post("/v1/orders", json=order_body(order_id=order_id), headers=headers)

    async def stored(self, order_id: str) -> bool:
        """Whether the order stands in the database."""
        async with open_services(self.settings) as services:
            return await services.journal.get(order_id) is not None


@pytest_asyncio.fixture
async def serving(database_url: str) -> AsyncIterator[Serving]:
    """A process that answers."""
    settings = settings_for(database_url, api_port=free_port())
    async with open_services(settings) as services:
        await services.catalog.load(catalog(("nj-1", "MUG", 10)))
    key = await issue_api_key(settings, "checkout", "test")
    known = {**os.environ, **as_environment(settings), "ORDERSAGA_DATABASE_URL": database_url}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ordersaga.api"),
        env={**known, "ORDERSAGA_API_PORT": str(settings.api_port)},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{settings.api_port}"
    try:
        await _until_alive(url)
        yield Serving(process, settings, url, key)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_what_was_begun_is_answered_and_nothing_new_is_promised(serving: Serving) -> None:
    """The order under way is `202`; one on another open connection `503`, closed, and not stored; exit code 0."""
    async with _client(serving) as first, _client(serving) as second:
        await second.get("/healthz")
        begun = asyncio.create_task(serving.place(first, "web_1"))
        await _until_stored(serving, "web_1")
        serving.process.send_signal(signal.SIGTERM)
        refused = await _first_refusal(serving, second)
        answered = await begun
    assert answered.status_code == 202
    if refused is not None:
        assert (refused.json()["code"], refused.headers["connection"]) == ("leaving", "close")
        assert refused.headers["retry-after"] == "1"
    assert await asyncio.wait_for(serving.process.wait(), 15) == 0
    assert await serving.stored("web_1")
    assert not await serving.stored("web_late")


async def test_while_leaving_nothing_is_promised_and_every_answer_closes() -> None:
    """Orders and `/readyz` are `503`, whatever is behind; what only reads is answered, and its connection closed."""
    reached: list[str] = []

    async def behind(scope: Scope, receive: Receive, send: Send) -> None:
        reached.append(scope["path"])
        await PlainTextResponse("fine")(scope, receive, send)

    leaving = Leaving(behind)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(leaving), base_url="http://api") as http:
        before = await http.post("/v1/orders")
        leaving.now = True
        refused = [await http.post("/v1/orders"), await http.get("/readyz")]
        read = await http.get("/v1/orders/web_1")
    assert (before.status_code, "connection" in before.headers) == (200, False)
    assert [answer.status_code for answer in refused] == [503, 503]
    assert {answer.headers["connection"] for answer in (*refused, read)} == {"close"}
    assert reached == ["/v1/orders", "/v1/orders/web_1"]


def _client(serving: Serving) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=serving.url, timeout=15, trust_env=False)


async def _first_refusal(serving: Serving, http: httpx.AsyncClient) -> httpx.Response | None:
    """The first answer after the signal was heard; None: nobody listened any more."""
    for _ in range(ROUNDS):
        try:
            ready = await http.get("/readyz")
            if ready.headers.get("connection") == "close":
                return await serving.place(http, "web_late")
        except httpx.TransportError:
            return None
    raise AssertionError("the process never began to leave")


async def _until_stored(serving: Serving, order_id: str) -> None:
    limit = time.monotonic() + 15
    while not await serving.stored(order_id):
        assert time.monotonic() < limit, "the order was never accepted"


async def _until_alive(url: str) -> None:
    limit = time.monotonic() + 40
    async with httpx.AsyncClient(base_url=url, trust_env=False) as http:
        while True:
            try:
                assert (await http.get("/healthz")).status_code == 200
            except httpx.TransportError:
                assert time.monotonic() < limit, "the API never answered"
                await asyncio.sleep(0.1)
            else:
                return

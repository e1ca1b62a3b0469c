"""What is too large, too deep or too slow is refused at every door, with a problem that says what to do."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator

import httpx
import pytest
import uvicorn
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from ordersaga.api.http_protocol import MOST, BoundedHttp
from ordersaga.api.limits import MAX_BODY, MAX_DEPTH, MAX_HEAD, MAX_HEADERS, MAX_TARGET, RequestLimits, too_deep
from ordersaga.catalog_csv import MAX_ROWS
from tests.support.api import Api, order_body
from tests.support.emulators import free_port
from tests.support.serving import served

DOORS = (
    ("POST", "/v1/orders", "checkout"),
    ("PUT", "/v1/sellers/acme", "operator"),
    ("POST", "/v1/catalog", "operator"),
    ("POST", "/v1/webhooks/stripe", None),
    ("POST", "/v1/no-such-door", None),
    ("POST", "/console/sign-in", None),
)


def code(answer: httpx.Response) -> tuple[int, str]:
    """The status and code of a problem."""
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["code"]


@pytest.mark.parametrize(("method", "path", "role"), DOORS)
async def test_a_body_that_is_too_large(api: Api, method: str, path: str, role: str | None) -> None:
    """No door reads more than a megabyte, and says so before it asks who is there."""
    answer = await api.send(method, path, role=role, content=b"x" * (MAX_BODY + 1))
    assert code(answer) == (413, "body_too_large")


@pytest.mark.parametrize(("method", "path", "role"), DOORS)
async def test_a_body_of_no_told_length(api: Api, method: str, path: str, role: str | None) -> None:
    """A body in chunks that claims no length is counted as it comes."""

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(MAX_BODY // 50_000 + 1):
            yield b"x" * 50_000

    answer = await api.send(method, path, role=role, content=chunks())
    assert code(answer) == (413, "body_too_large")


@pytest.mark.parametrize(("method", "path", "role"), DOORS)
async def test_json_that_is_too_deep(api: Api, method: str, path: str, role: str | None) -> None:
    """Lists in lists in lists are refused before anything tries to read them."""
    for body in (b"[" * 100_000, b'{"a":' * 400, json.dumps({"note": "[" * 5000})[:-1].encode() + b"," + b"[" * 99):
        answer = await api.send(method, path, role=role, content=body, headers={"Content-Type": "application/json"})
        assert code(answer) == (422, "body_too_deep")


async def test_brackets_in_a_text_are_text(api: Api) -> None:
    """A shopper's note full of brackets nests nothing."""
    body = order_body()
    body["ship_to"]["line2"] = "[{" * 30
    answer = await api.post("/v1/orders", body, role="checkout")
    assert answer.status_code == 202, answer.text


def test_depth_is_counted_exactly() -> None:
    """The deepest that is taken is `MAX_DEPTH`, however wide it is; strings, also broken ones, do not count."""
    deepest = b"[" * MAX_DEPTH + b"]" * MAX_DEPTH
    assert not too_deep(deepest)
    assert not too_deep(b"[" + b"[],{}," * 5000 + b"[]]")
    assert not too_deep(b'["' + b"[" * 500 + b'"]')
    assert not too_deep(b'["\\"' + b"[" * 500 + b'"]')
    assert not too_deep(b'["' + b"[" * 500)
    assert too_deep(b"[" + deepest + b"]")
    assert too_deep(b'{"a\\\\":' * (MAX_DEPTH + 1))


def test_looking_at_the_depth_is_quick() -> None:
    """A megabyte made to be slow to look at takes no second."""
    for hostile in (b'"\\' * 500_000, b'\\"' * 500_000, b'"[' * 500_000, b"[]" * 500_000, b'"\\"[' * 250_000):
        began = time.process_time()
        too_deep(hostile)
        assert time.process_time() - began < 2


async def test_heads_that_are_too_large(api: Api) -> None:
    """Too many headers, too long ones, and an address without end are problems of their own."""
    many = await api.send("GET", "/healthz", role=None, headers={f"x-{n}": "1" for n in range(MAX_HEADERS + 1)})
    assert code(many) == (431, "headers_too_large")
    long = await api.send("GET", "/healthz", role=None, headers={"x-long": "x" * (MAX_HEAD + 1)})
    assert code(long) == (431, "headers_too_large")
    address = await api.send("GET", f"/v1/orders?channel={'x' * MAX_TARGET}", role=None)
    assert code(address) == (414, "target_too_long")


async def test_too_many_rows_of_a_file(api: Api) -> None:
    """A catalog of more rows than are taken at once is refused whole."""
    rows = b"kind,sku,location,quantity\n" + b"stock,MUG,nj-1,1\n" * (MAX_ROWS + 1)
    answer = await api.send("POST", "/v1/catalog", content=rows, headers={"Content-Type": "text/csv"})
    assert answer.status_code == 422
    assert str(MAX_ROWS) in answer.text


async def test_a_body_that_does_not_come_is_waited_for_in_vain() -> None:
    """A sender that stops in the middle of a body is answered, and holds nothing any longer."""

    async def never(scope: Scope, receive: Receive, send: Send) -> None:
        raise AssertionError("it is not asked")

    async with bounded(RequestLimits(never, within=0.3)) as port:
        told = await talk(port, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nab")
    assert told.startswith(b"HTTP/1.1 408 ")
    assert b"body_too_slow" in told


@contextlib.asynccontextmanager
async def bounded(app: object, within: float = 20.0) -> AsyncIterator[int]:
    """An application behind the API's HTTP; gives its port."""
    http = type("Hasty", (BoundedHttp,), {"within": within})
    config = uvicorn.Config(app, port=free_port(), http=http, log_config=None, lifespan="off")  # type: ignore[arg-type]
    async with served(config):
        yield config.port


async def talk(port: int, *said: bytes) -> bytes:
    """Say this, and hear everything until the other side hangs up."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(20):
            for part in said:
                writer.write(part)
                with contextlib.suppress(ConnectionError):
                    await writer.drain()
            with contextlib.suppress(ConnectionError):
                return await reader.read()
            return b""
    finally:
        writer.close()


async def test_headers_without_end_are_cut_off() -> None:
    """One header that never ends is not gathered: the connection ends long before it is a danger."""
    async with bounded(PlainTextResponse("ok")) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: ")
        sent = 0
        with contextlib.suppress(ConnectionError):
            async with asyncio.timeout(20):
                while not reader.at_eof() and sent < 100 * MOST:
                    writer.write(b"x" * 8192)
                    await writer.drain()
                    sent += 8192
                    await asyncio.sleep(0)
        assert sent < 100 * MOST
        writer.close()
        assert await talk(port, b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n") != b""


@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\nHost: x\r\n"])
async def test_who_never_ends_a_request_is_hung_up_on(said: bytes) -> None:
    """A connection that says nothing, or half a request, is not kept for as long as its sender likes."""
    async with bounded(PlainTextResponse("ok"), within=0.3) as port:
        told = await talk(port, said)
    assert told == b"" or told.startswith(b"HTTP/1.1 400 ")


async def test_requests_that_follow_each_other_are_answered() -> None:
    """On one connection, request after request is counted for itself, bodies not at all."""
    ask = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n" + b"x" * 60_000
    last = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    async with bounded(PlainTextResponse("ok"), within=5) as port:
        told = await talk(port, ask, ask, ask, last)
    assert told.count(b"HTTP/1.1 200 ") == 4

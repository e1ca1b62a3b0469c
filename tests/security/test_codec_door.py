"""The codec server is a door as the API is: the same limits, and the same headers of its answers."""

import httpx
import pytest

from ordersaga.api.limits import _DRAINED, MAX_HEAD
from ordersaga.bootstrap import open_services
from ordersaga.codec_server.app import MAX_BODY
from tests.privacy.keys import ONE
from tests.privacy.test_codec_server import UI, served
from tests.security.test_answer_headers import SAFE
from tests.security.test_limits import code, talk
from tests.support.api import StubOrders, settings_for
from tests.support.emulators import free_port

pytestmark = pytest.mark.timeout(120)


async def test_the_codec_server_is_bounded_too(database_url: str) -> None:
    """Too deep, too long, too large: refused before anybody is known; a reader that asks without end, afterwards."""
    settings = settings_for(database_url, encryption_keys=ONE, calls_per_second=0.01, calls_burst=2)
    port = free_port()
    async with open_services(settings, orders=StubOrders()) as services, served(settings, port):
        key = await services.api_keys.issue("operator", "reads", None)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False) as http:
            json = {"Content-Type": "application/json"}
            deep = await http.post("/decode", content=b"[" * 400, headers=json)
            assert code(deep) == (422, "body_too_deep")
            long = await http.post("/decode", json={}, headers={"x-long": "x" * (MAX_HEAD + 1)})
            assert code(long) == (431, "headers_too_large")
            head = f"POST /decode HTTP/1.1\r\nHost: x\r\nContent-Length: {MAX_BODY + 1}\r\n\r\n"
            large = await talk(port, head.encode(), b"x" * _DRAINED)
            assert large.startswith(b"HTTP/1.1 413 ")
            who = {"Authorization": f"Bearer {key}", "Origin": UI}
            told = [await http.post("/decode", json={"payloads": []}, headers=who) for _ in range(3)]
            assert [answer.status_code for answer in told] == [200, 200, 429]
            for answer in (deep, long, *told):
                assert {name: answer.headers.get(name) for name in SAFE} == SAFE
            assert told[0].headers["access-control-allow-origin"] == UI, "its one page may still read it"

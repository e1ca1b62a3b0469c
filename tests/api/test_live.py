"""What comes in at this moment: counted once for everybody who watches."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import httpx

from ordersaga.api.live import REST, Live
from ordersaga.api.overload import Refusals
from ordersaga.bootstrap import Services
from ordersaga.domain.live import LATELY, SellerNow
from ordersaga.stores.live import PostgresLive
from tests.support.api import Api, order_body

TAKES = 0.1
GONE = {"lines": [{"sku": "MUG", "quantity": 10, "unit_price": 1000}]}


async def test_arrivals_are_counted_by_seller_and_outcome(api: Api) -> None:
    """What got units, what found none left, and what was refused by heart; with the time left to ship."""
    await api.post("/v1/orders", order_body(**GONE))
    await api.post("/v1/orders", order_body())
    view = (await api.get("/v1/live")).json()
    (acme,) = view["sellers"]
    refused = acme["refused"].get("sold_out", 0)
    assert (acme["seller"], acme["accepted"], acme["sold_out"] + refused) == ("acme", 1, 1)
    assert acme["slack"]["later"] + acme["slack"]["within_1d"] == 1
    assert view["all"]["arrived"] == acme["arrived"]
    assert {lane["lane"]: (lane["backlog"], lane["state"]) for lane in view["lanes"]}["payments"] == (7, "closed")


async def test_everybody_who_watches_shares_one_look(api: Api) -> None:
    """Many who ask at once cost one look at the database."""
    views = [answer.json() for answer in await asyncio.gather(*(api.get("/v1/live") for _ in range(20)))]
    assert len({view["at"] for view in views}) < len(views)


async def test_a_slow_look_is_followed_by_a_rest(services: Services) -> None:
    """Watching costs a twentieth of one connection at most; meanwhile the last numbers are told."""
    live = Live(replace(services, live=_Slow(services.pool)), Refusals())
    first = await live.view(None)
    began = asyncio.get_running_loop().time()
    while live.looks == 1 and asyncio.get_running_loop().time() - began < 60:
        await live.view(None)
        await live.next_look()
    assert live.looks == 2
    assert asyncio.get_running_loop().time() - began >= REST * TAKES * 0.9
    assert first.at < (await live.view(None)).at


async def test_a_seller_sees_its_own_only(api: Api) -> None:
    """Neither others' numbers nor the lanes that all share."""
    await api.post("/v1/orders", order_body())
    await api.send("PUT", "/v1/sellers/beta", json={"name": "Beta"})
    key = await api.services.api_keys.issue("viewer", "theirs", "beta")
    headers = {"Authorization": f"Bearer {key}"}
    view = (await api.http.get("/v1/live", headers=headers)).json()
    assert (view["sellers"], view["all"]["arrived"], view["lanes"]) == ([], 0, None)


async def test_checkouts_do_not_watch(api: Api) -> None:
    """Neither once nor as a stream."""
    for path in ("/v1/live", "/v1/live/events"):
        assert (await api.get(path, role="checkout")).status_code == 403


async def test_the_stream_tells_what_came_in_meanwhile(api: Api) -> None:
    """Events follow each other, and a later one has the order that came after the first."""
    headers = {"Authorization": f"Bearer {api.keys['viewer']}"}
    async with asyncio.timeout(30), api.http.stream("GET", "/v1/live/events", headers=headers) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        placed = False
        async for view in _views(stream):
            if view["all"]["arrived"]:
                break
            if not placed:
                await api.post("/v1/orders", order_body())
                placed = True
    assert placed


def test_refusals_of_late_are_forgotten_in_time() -> None:
    """They count for `LATELY` seconds; the total stays."""
    now = 100.0
    refusals = Refusals(lambda: now)
    refusals.add("lag")
    refusals.add("sold_out", "acme")
    now += LATELY - 1
    refusals.add("sold_out", "acme")
    assert refusals.lately() == {"": {"lag": 1}, "acme": {"sold_out": 2}}
    now += 1
    assert refusals.lately() == {"acme": {"sold_out": 1}}
    assert refusals.counts == {"lag": 1, "sold_out": 2}


async def _views(stream: httpx.Response) -> Any:
    async for line in stream.aiter_lines():
        if line.startswith("data: "):
            yield json.loads(line.removeprefix("data: "))


class _Slow(PostgresLive):
    async def sellers(self) -> Mapping[str, SellerNow]:
        await asyncio.sleep(TAKES)
        return await super().sellers()

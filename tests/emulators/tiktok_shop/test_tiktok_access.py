"""Who may ask TikTok Shop: signature, time, token, shop and limit."""

import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.emulators.tiktok_shop.support import SECRET, TikTokClient
from tests.support.emulators import receiving, running

PATH = "/order/202309/orders/search"


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ({"app_key": "other"}, 400, 36009004),
        ({"timestamp": "soon"}, 400, 36009004),
        ({"timestamp": str(int(time.time()) - 3600)}, 400, 36009004),
        ({"timestamp": str(int(time.time()) + 3600)}, 400, 36009004),
        ({"sign": "0" * 64}, 401, 106001),
        ({"sign": "é"}, 401, 106001),
        ({"shop_cipher": "-"}, 400, 106013),
    ],
)
async def test_a_request_that_may_not_enter(
    tiktok: TikTokClient, query: dict[str, str], status: int, code: int
) -> None:
    """It is refused with its code before anything is looked at."""
    answer = await tiktok.call("POST", PATH, {}, **query)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_the_body_is_signed_too(tiktok: TikTokClient) -> None:
    """Another body under the same signature is refused."""
    params = tiktok.signed(PATH, b"{}")
    headers = {"x-tts-access-token": tiktok.token}
    answer = await tiktok.process.request("POST", PATH, params=params, content=b'{"a": 1}', headers=headers)
    assert answer.json()["code"] == 106001


async def test_tokens_expire_and_are_renewed(tiktok: TikTokClient) -> None:
    """An expired token is a 401 with 105002; a refresh token gives a new one, and a wrong one nothing."""
    mine = replace(tiktok, token="TTP_expiring")
    assert await mine.code("POST", PATH, {}) == 0
    await mine.process.post("expire-tokens")
    answer = await mine.call("POST", PATH, {})
    assert (answer.status_code, answer.json()["code"]) == (401, 105002)
    query = {"app_key": "6emulated", "app_secret": SECRET, "refresh_token": "TTR_1", "grant_type": "refresh_token"}
    given = await mine.process.request("GET", "/api/v2/token/refresh", params=query)
    assert await replace(mine, token=given.json()["data"]["access_token"]).code("POST", PATH, {}) == 0
    for change in ({"refresh_token": "none"}, {"app_secret": "other"}):
        refused = await mine.process.request("GET", "/api/v2/token/refresh", params={**query, **change})
        assert refused.json()["code"] == 36004004
    tiktok.token = "TTP_after_expiry"


async def test_a_shop_sees_its_own_orders(tiktok: TikTokClient) -> None:
    """Another shop's order is not shown, and cannot be shipped or canceled."""
    order, other = await tiktok.place("AWAITING_SHIPMENT"), replace(tiktok, shop="8888")
    assert (await other.data("GET", "/order/202507/orders", ids=order["id"]))["orders"] == []
    assert await other.ship(order) == 21011001
    assert await other.cancel(order) == 25020005
    assert (await tiktok.order(order["id"]))["status"] == "AWAITING_SHIPMENT"


async def test_beyond_the_limit_is_a_429_and_a_restart_keeps_everything(tmp_path: Path) -> None:
    """Nothing is done then; orders, clocks and the limit survive a kill."""
    with receiving() as receiver:
        async with running("tiktok_shop", tmp_path, webhook_secret=SECRET) as process:
            client = TikTokClient(process, receiver)
            order = await client.place("AWAITING_SHIPMENT")
            await process.post("rate-limit", per_second=1)
            answers = [await client.call("POST", PATH, {}) for _ in range(10)]
            limited = [answer for answer in answers if answer.status_code == 429]
            assert limited
            assert (limited[0].json()["code"], limited[0].headers["retry-after"]) == (36009002, "1")
            await process.kill()
            await process.start()
            await process.post("rate-limit", per_second=100)
            assert await client.order(order["id"]) == order

"""A marketplace's orders on the whole stack: an emulated TikTok Shop sells, ShipBob ships, each has its own records."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from ordersaga.bootstrap import read_ledgers
from ordersaga.demo.run import PACE
from ordersaga.domain.books import Account
from ordersaga.domain.channels import our_order_id
from ordersaga.domain.statuses import OrderStatus
from ordersaga.embedded import Stack, StackOptions
from ordersaga.embedded.network import SHOP
from ordersaga.settings import Settings
from tests.support.examples import CATALOGS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(420)]

PARTS = frozenset({"postgres", "migrations", "temporal", "stripe", "shipbob", "easypost", "tiktok_shop"})
PACE_OF_COMPANIES = 8_000.0
"""Two days at ShipBob take half a minute; the marketplace waits a minute and more before it cancels."""
PATIENCE = 100
SOCK = {"seller_sku": "SOCK-RED-M", "quantity": 1, "price": 1400}

Json = dict[str, Any]


@dataclass(frozen=True)
class Market:
    """The stack, with its marketplace's controls."""

    stack: Stack
    http: httpx.AsyncClient

    async def tell(self, control: str, **body: Any) -> Json:
        """One of its controls."""
        url = f"{self.stack.urls['tiktok_shop']}/_control/{control}"
        answer: Json = (await self.http.post(url, json=body)).raise_for_status().json()
        return answer

    async def sell(self, *lines: Json, to: str) -> str:
        """A shopper orders there, and it comes to this status at once; its id there."""
        body = {"shop": SHOP, "lines": list(lines), "shipping": 499, "tax": 90}
        order = str((await self.tell("orders", **body))["id"])
        await self.tell("advance", match=order, to=to)
        await self.tell("scripts", match=order, stop_at=to)
        return order

    async def there(self, order: str) -> Json:
        """The order as the marketplace has it."""
        url = f"{self.stack.urls['tiktok_shop']}/_control/records"
        found = (await self.http.get(url, params={"match": f'"{order}"', "kind": "orders"})).json()
        return next(each for each in found["orders"] if each["id"] == order)

    async def until(self, order: str, *wanted: OrderStatus) -> str:
        """Wait until our order stands so."""
        seen = ""
        for _ in range(PATIENCE * 4):
            answer = await self.http.get(
                f"{self.stack.urls['api']}/v1/orders/{our_order_id('tiktok_shop', SHOP, order)}",
                headers={"Authorization": f"Bearer {self.stack.keys['support']}"},
            )
            seen = answer.json().get("status", answer.text)
            if seen in wanted:
                return str(seen)
            await asyncio.sleep(0.25)
        raise AssertionError(f"{order} never became {wanted}; last seen: {seen}")


@pytest_asyncio.fixture
async def market(tmp_path: Path) -> AsyncIterator[Market]:
    """The stack with the demo's catalog; the shop is Sunny Socks'."""
    options = StackOptions(
        data=tmp_path,
        free_ports=True,
        only=PARTS | {"worker", "api"},
        channel_seller="sunny-socks",
        time_scale=PACE_OF_COMPANIES,
        ready_timeout=180,
    )
    stack = Stack(options, Settings(_env_file=None).model_copy(update=dict(PACE)))
    async with stack, httpx.AsyncClient(timeout=30, trust_env=False) as http:
        loaded = await http.post(
            f"{stack.urls['api']}/v1/catalog",
            content=CATALOGS[0].read_bytes(),
            headers={"Authorization": f"Bearer {stack.keys['operator']}", "Content-Type": "text/csv"},
        )
        assert loaded.is_success, loaded.text
        yield Market(stack, http)


async def test_sold_there_shipped_here_and_told_there(market: Market) -> None:
    """One is shipped and told, one canceled in its hour, one sold out: our books and the marketplace's agree."""
    shipped = await market.sell(SOCK, to="AWAITING_SHIPMENT")
    canceled = await market.sell(SOCK, to="ON_HOLD")
    sold_out = await market.sell({**SOCK, "quantity": 5_000}, to="AWAITING_SHIPMENT")
    await market.until(canceled, OrderStatus.ON_HOLD)
    await market.tell("buyer-cancel", match=canceled)
    assert await market.until(canceled, OrderStatus.CANCELED)
    assert await market.until(sold_out, OrderStatus.REJECTED)
    assert await market.until(shipped, OrderStatus.COMPLETED)
    told = await market.there(shipped)
    assert all(line["tracking_number"] for line in told["lines"])
    for order in (canceled, sold_out):
        assert (await market.there(order))["status"] == "CANCELLED"
    ledgers = await read_ledgers(market.stack.settings)
    kept = {
        order: sum(
            row.amount
            for row in ledgers.money
            if (row.order_id, row.account) == (our_order_id("tiktok_shop", SHOP, order), Account.PLATFORM)
        )
        for order in (shipped, canceled, sold_out)
    }
    assert kept == {shipped: 1400 + 499 + 90, canceled: 0, sold_out: 0}

"""A marketplace as a process of its own sells by the API: what it writes down agrees with what became of its orders."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.api.conftest import Shop
from tests.support.api import order_body
from tests.support.emulators import EmulatorProcess, eventually, running

Json = dict[str, Any]


@pytest.fixture
async def stall(shop: Shop, tmp_path: Path) -> AsyncIterator[EmulatorProcess]:
    """The marketplace, which has a key of its name."""
    key = await shop.api.services.api_keys.issue("channel", "stall")
    async with running("stall", tmp_path) as process:
        await process.post("seller", api=shop.api.url, key=key)
        yield process


async def bought(stall: EmulatorProcess, name: str, quantity: int = 1) -> None:
    """A shopper orders MUGs there and pays."""
    lines = [{"sku": "MUG", "quantity": quantity, "unit_price": 1000}]
    body = {"id": name, "seller": "acme", "lines": lines, "shipping": 500, "tax": 90}
    await stall.post("orders", **body, recipient=order_body()["ship_to"])


async def standing(stall: EmulatorProcess, name: str) -> Json:
    """The order as the marketplace has it."""
    [order] = (await stall.get("records", match=f'"{name}"'))["orders"]
    return dict(order)


async def stands(stall: EmulatorProcess, name: str, status: str) -> bool:
    """Whether the marketplace has it so."""
    return bool((await standing(stall, name))["status"] == status)


async def test_it_sells_once_though_it_dies_and_the_shopper_cancels(shop: Shop, stall: EmulatorProcess) -> None:
    """One order here; the goods stopped, the money goes back there, and our books enter that when a person says so."""
    await bought(stall, "stall_1")
    await stall.kill()
    await stall.start()
    await eventually(lambda: stands(stall, "stall_1", "accepted"), seconds=20)
    listed = (await shop.api.get("/v1/orders")).json()
    assert [(each["order_id"], each["total"]) for each in listed["orders"]] == [("stall_1", 1590)]
    assert shop.payments.requests == []

    await stall.post("buyer-cancel", match="stall_1")

    async def questions() -> list[Json]:
        return list((await shop.api.get("/v1/attention")).json()["items"])

    await eventually(questions, seconds=20)
    [question] = await questions()
    assert "channel_not_configured" in question["question"]
    assert (await stall.post("refund", match="stall_1", amount=1590)) == {"orders": {"stall_1": True}}
    answer = {"choice": "settled_by_hand", "reason": "the stall shows it", "order_id": "stall_1"}
    assert (await shop.api.post(f"/v1/attention/{question['item_id']}/resolve", answer)).is_success
    await eventually(lambda: stands(stall, "stall_1", "canceled"), seconds=20)
    assert (await standing(stall, "stall_1"))["refunded"] == 1590
    assert (await stall.post("refund", match="stall_1", amount=1)) == {"orders": {"stall_1": False}}
    assert (await shop.api.services.effects.balance("stall_1")).captured_net == 0


async def test_what_is_refused_here_is_given_back_there(shop: Shop, stall: EmulatorProcess) -> None:
    """More than there is: sold out, nothing held, and the shopper has the money again without asking."""
    await bought(stall, "stall_2", quantity=11)
    await eventually(lambda: stands(stall, "stall_2", "canceled"), seconds=20)
    order = await standing(stall, "stall_2")
    assert (order["refunded"], order["reason"], order["shipments"]) == (order["total"], "sold_out", [])

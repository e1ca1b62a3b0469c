"""A marketplace without a gateway, through HTTP: what its key may do, and what not."""

from typing import Any

import httpx

from tests.support.api import Api, StubOrders, order_body
from workflows.messages import CancelRequest

BY_STALL = {"channel": "stall", "payment": {"collected_by": "stall"}}


async def as_stall(api: Api, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
    """POST with the key of a channel that is called stall."""
    key = await api.services.api_keys.issue("channel", "stall")
    return await api.send("POST", path, role=None, json=body, headers={"Authorization": f"Bearer {key}"})


async def test_a_channel_places_and_cancels_what_it_collected_for(api: Api, orders: StubOrders) -> None:
    """Whole or in part, after a look at what that would come to; the story says who."""
    placed = await as_stall(api, "/v1/orders", order_body(order_id="stall_1", **BY_STALL))
    assert placed.is_success, placed.text
    preview = await as_stall(api, "/v1/orders/stall_1/cancel-preview")
    canceled = await as_stall(api, "/v1/orders/stall_1/cancel", {"reason": "the shopper asked"})
    assert (preview.json()["outcome"], canceled.json()["outcome"]) == ("too_late", "canceled")
    asked = [each for each in orders.requests if isinstance(each, CancelRequest)]
    assert [each.by for each in asked] == ["stall", "stall"]


async def test_a_channel_cancels_no_order_of_anybody_else(api: Api, orders: StubOrders) -> None:
    """Neither a checkout's nor another channel's, and it changes none: nothing is asked of the orders."""
    await api.post("/v1/orders", order_body(order_id="web_1"), role="checkout")
    theirs = {"payment": {"collected_by": "bazaar"}}
    await api.post("/v1/orders", order_body(order_id="bazaar_1", **theirs), role="operator")
    for order_id in ("web_1", "bazaar_1"):
        for path in ("cancel", "cancel-preview", "holds"):
            answer = await as_stall(api, f"/v1/orders/{order_id}/{path}", {})
            assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), answer.text
    assert [each for each in orders.requests if isinstance(each, CancelRequest)] == []

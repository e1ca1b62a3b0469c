"""Cancelling at TikTok Shop: whoever asks, what it refuses, and what the platform gives back."""

import pytest

from tests.emulators.tiktok_shop.support import TikTokClient


async def test_the_buyer_cancels_freely_for_an_hour(tiktok: TikTokClient) -> None:
    """Nobody is asked; what was collected goes back."""
    order = await tiktok.place()
    await tiktok.process.post("buyer-cancel", match=order["id"])
    assert (await tiktok.order(order["id"]))["status"] == "CANCELLED"
    await tiktok.process.post("settle", match=order["id"])
    assert await tiktok.ledger(order) == ["collected 1100", "canceled 1100", "refunded 1100"]


async def test_later_it_is_a_request(tiktok: TikTokClient) -> None:
    """It names its deadline a day ahead, and the order goes on meanwhile."""
    order = await tiktok.place("AWAITING_SHIPMENT")
    await tiktok.process.post("buyer-cancel", match=order["id"])
    found = await tiktok.order(order["id"])
    assert (found["status"], found["is_buyer_request_cancel"]) == ("AWAITING_SHIPMENT", True)
    (made,) = await tiktok.cancellations(order)
    assert (made["cancel_type"], made["cancel_status"]) == ("BUYER_CANCEL", "CANCELLATION_REQUEST_PENDING")
    (action,) = made["seller_next_action_response"]
    assert action == {"action": "SELLER_RESPOND_BUYER_CANCEL", "deadline": made["create_time"] + 86400}


@pytest.mark.parametrize(
    ("answer", "status", "order_status"),
    [("approve", "SUCCESS", "CANCELLED"), ("reject", "CANCEL", "AWAITING_SHIPMENT")],
)
async def test_the_seller_answers(tiktok: TikTokClient, answer: str, status: str, order_status: str) -> None:
    """Once; under its key the same answer may be repeated, without one it is refused."""
    order = await tiktok.place("AWAITING_SHIPMENT")
    await tiktok.process.post("buyer-cancel", match=order["id"])
    (made,) = await tiktok.cancellations(order)
    assert [await tiktok.answer(made, answer, idempotency_key="k1") for _ in range(2)] == [0, 0]
    assert await tiktok.answer(made, answer) == 25011012
    (made,) = await tiktok.cancellations(order)
    found = await tiktok.order(order["id"])
    assert (made["cancel_status"], found["status"]) == (f"CANCELLATION_REQUEST_{status}", order_status)
    assert found["is_buyer_request_cancel"] is False


async def test_nobody_answers(tiktok: TikTokClient) -> None:
    """After a day it is granted."""
    order = await tiktok.place("AWAITING_SHIPMENT")
    await tiktok.process.post("buyer-cancel", match=order["id"])
    await tiktok.process.post("lapse", match=order["id"])
    assert (await tiktok.order(order["id"]))["status"] == "CANCELLED"


async def test_a_tracking_number_turns_a_request_down(tiktok: TikTokClient) -> None:
    """The order ships; approving comes too late."""
    order = await tiktok.place("AWAITING_SHIPMENT")
    await tiktok.process.post("buyer-cancel", match=order["id"])
    (made,) = await tiktok.cancellations(order)
    assert await tiktok.ship(order) == 0
    assert await tiktok.answer(made, "approve") == 25011012
    (made,) = await tiktok.cancellations(order)
    assert made["cancel_status"] == "CANCELLATION_REQUEST_CANCEL"
    assert "canceled 1100" not in await tiktok.ledger(order)
    assert (await tiktok.process.post("buyer-cancel", match=order["id"]))["orders"] == {order["id"]: None}


async def test_the_seller_cancels_once(tiktok: TikTokClient) -> None:
    """Again it is 25001011; the refund is one."""
    order = await tiktok.place("AWAITING_SHIPMENT")
    assert [await tiktok.cancel(order) for _ in range(2)] == [0, 25001011]
    for _ in range(2):
        await tiktok.process.post("settle", match=order["id"])
    assert await tiktok.ledger(order) == ["collected 1100", "canceled 1100", "refunded 1100"]


async def test_what_the_seller_may_not(tiktok: TikTokClient) -> None:
    """Cancel for a reason of nobody's, what is shipped, what risk control blocks, or lines that are not there."""
    order, shipped = await tiktok.place("AWAITING_SHIPMENT"), await tiktok.place("AWAITING_SHIPMENT")
    await tiktok.ship(shipped)
    assert await tiktok.cancel(order, "because") == 25001014
    assert await tiktok.cancel(shipped) == 25001045
    lines = {"order_line_list": [{"order_line_item_id": "1"}]}
    body = {"order_id": order["id"], "cancel_reason": "seller_cancel_reason_out_of_stock", **lines}
    assert await tiktok.code("POST", "/return_refund/202602/cancellations", body) == 25005010
    await tiktok.process.post("scripts", match=order["id"], cancel="refuse")
    assert await tiktok.cancel(order) == 25001046
    assert (await tiktok.order(order["id"]))["status"] == "AWAITING_SHIPMENT"


async def test_a_part_is_canceled_and_the_rest_ships(tiktok: TikTokClient) -> None:
    """One unit's price goes back; canceled later, the rest of the money does."""
    order = await tiktok.place("AWAITING_SHIPMENT")
    lines = [{"order_line_item_id": order["line_items"][0]["id"]}]
    body = {"order_id": order["id"], "cancel_reason": "seller_cancel_reason_out_of_stock", "order_line_list": lines}
    for expected in (0, 25001011):
        assert await tiktok.code("POST", "/return_refund/202602/cancellations", body) == expected
    await tiktok.process.post("settle", match=order["id"])
    found = await tiktok.order(order["id"])
    assert [line["display_status"] for line in found["line_items"]] == ["CANCELLED", "AWAITING_SHIPMENT"]
    assert await tiktok.cancel(order) == 0
    await tiktok.process.post("settle", match=order["id"])
    refunded = [line for line in await tiktok.ledger(order) if line.startswith("refunded")]
    assert refunded == ["refunded 500", "refunded 600"]

"""An order's life at TikTok Shop: its hour on hold, its clocks, its packages, and the webhooks about it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from emulators.tiktok_shop.clocks import after_business_days
from tests.emulators.tiktok_shop.support import SECRET, UPS, TikTokClient
from tests.support.emulators import eventually, receiving, running

DAY = 86400


async def test_on_hold_nothing_is_told_of_the_recipient_and_nothing_ships(tiktok: TikTokClient) -> None:
    """Neither address nor packages; after the hour both."""
    order = await tiktok.place()
    assert (order["status"], order["payment"]["total_amount"]) == ("ON_HOLD", "11.00")
    assert "recipient_address" not in order
    assert order["packages"] == []
    await tiktok.process.post("advance", match=order["id"], to="AWAITING_SHIPMENT")
    released = await tiktok.order(order["id"])
    assert released["recipient_address"]["postal_code"] == "10011"
    assert len(released["packages"]) == 1
    assert await tiktok.ledger(order) == ["collected 1100"]


async def test_a_life_from_payment_to_completion(tiktok: TikTokClient) -> None:
    """Every status is told by webhook, in order; the ledger has what was collected, shipped and scanned."""
    order = await tiktok.place("AWAITING_SHIPMENT")
    assert await tiktok.ship(order) == 0
    await tiktok.process.post("advance", match=order["id"], to="COMPLETED")
    way = ["ON_HOLD", "AWAITING_SHIPMENT", "AWAITING_COLLECTION", "IN_TRANSIT", "DELIVERED", "COMPLETED"]
    await eventually(lambda: tiktok.statuses(order) == way)
    assert await tiktok.ledger(order) == ["collected 1100", "shipped", "scanned"]
    found = await tiktok.order(order["id"])
    line = found["line_items"][0]
    assert (line["tracking_number"], line["shipping_provider_name"], line["package_status"]) == (
        "1Z999AA1",
        "UPS",
        "COMPLETED",
    )
    assert found["collection_time"] <= found["delivery_time"]


async def test_a_life_by_itself(tmp_path: Path) -> None:
    """Ten thousand times faster, the hour on hold passes by itself; a script can stop it there."""
    with receiving() as receiver:
        options = {"time_scale": 10_000, "webhook_secret": SECRET}
        async with running("tiktok_shop", tmp_path, **options) as process:
            client = TikTokClient(process, receiver)
            await process.post("scripts", match="keep-me", stop_at="ON_HOLD")
            kept, order = await client.place(buyer_message="keep-me"), await client.place()

            async def released() -> bool:
                return bool((await client.order(order["id"]))["status"] == "AWAITING_SHIPMENT")

            await eventually(released)
            assert (await client.order(kept["id"]))["status"] == "ON_HOLD"
            await process.post("release", match=kept["id"])

            async def let_go() -> bool:
                return bool((await client.order(kept["id"]))["status"] == "AWAITING_SHIPMENT")

            await eventually(let_go)


@pytest.mark.parametrize("status", ["ON_HOLD", "CANCELLED", "AWAITING_COLLECTION"])
async def test_a_state_in_which_nothing_is_shipped(tiktok: TikTokClient, status: str) -> None:
    """The number is refused and not kept."""
    order = await tiktok.place(None if status == "ON_HOLD" else "AWAITING_SHIPMENT")
    package = (await tiktok.process.get("records", match=order["id"], kind="orders"))["orders"][0]["lines"][0]
    if status == "CANCELLED":
        await tiktok.cancel(order)
    elif status == "AWAITING_COLLECTION":
        await tiktok.ship(order)
    assert await tiktok.ship({"packages": [{"id": package["package_id"]}]}, "1Z0000009") == 21011002
    assert not any("1Z0000009" in str(line) for line in (await tiktok.order(order["id"]))["line_items"])


@pytest.mark.parametrize(("number", "provider"), [("short", UPS), ("1Z999AA1", "1"), ("1Z999AA1", "")])
async def test_an_invalid_number_or_carrier(tiktok: TikTokClient, number: str, provider: str) -> None:
    """It is refused, and the order waits on."""
    order = await tiktok.place("AWAITING_SHIPMENT")
    body = {"self_shipment": {"tracking_number": number, "shipping_provider_id": provider}}
    path = f"/fulfillment/202309/packages/{order['packages'][0]['id']}/ship"
    assert await tiktok.code("POST", path, body) == 21011003
    assert await tiktok.code("POST", path, {}) == 21011003
    assert (await tiktok.order(order["id"]))["status"] == "AWAITING_SHIPMENT"


def test_weekends_are_no_business_days() -> None:
    """Two days from a Friday end on Tuesday."""
    friday = datetime(2026, 3, 6, 12, tzinfo=UTC)
    assert after_business_days(friday.timestamp(), 2) == (friday + timedelta(days=4)).timestamp()
    assert after_business_days(friday.timestamp(), 0) == friday.timestamp()


async def test_beyond_the_daily_capacity_there_is_a_business_day_more(tiktok: TikTokClient) -> None:
    """The first two orders of the day have the usual clocks, the third a day more on each of them."""
    await tiktok.process.post("capacity", shop="9999", per_day=2)
    orders = [
        await tiktok.process.post("orders", shop="9999", lines=[{"seller_sku": "M", "price": 1}]) for _ in range(3)
    ]
    for name, days in {"rts_sla_time": 2, "collection_due_time": 7, "delivery_sla_time": 6}.items():
        paid = orders[2]["paid_time"]
        assert [order[name] for order in orders[:2]] == [
            int(after_business_days(each["paid_time"], days)) for each in orders[:2]
        ]
        assert orders[2][name] == int(after_business_days(paid, days + 1))


async def test_what_is_not_shipped_in_time_the_platform_cancels(tiktok: TikTokClient) -> None:
    """Waiting for shipment or for its carrier alike, and refunds; what is on its way goes on."""
    waiting, told, moving = [await tiktok.place("AWAITING_SHIPMENT") for _ in range(3)]
    for order in (told, moving):
        await tiktok.ship(order)
    await tiktok.process.post("advance", match=moving["id"], to="IN_TRANSIT")
    for order in (waiting, told, moving):
        await tiktok.process.post("overdue", match=order["id"])
        await tiktok.process.post("settle", match=order["id"])
    assert [(await tiktok.order(each["id"]))["status"] for each in (waiting, told, moving)] == [
        "CANCELLED",
        "CANCELLED",
        "IN_TRANSIT",
    ]
    (made,) = await tiktok.cancellations(waiting)
    assert (made["role"], made["cancel_status"]) == ("SYSTEM", "CANCELLATION_REQUEST_COMPLETE")
    assert await tiktok.ledger(waiting) == ["collected 1100", "canceled 1100", "refunded 1100"]
    assert await tiktok.ledger(moving) == ["collected 1100", "shipped", "scanned"]


async def test_webhooks_come_twice_and_out_of_order_when_told(tiktok: TikTokClient) -> None:
    """A webhook spells a cancelled order `CANCEL`; swapped, it comes before what happened first."""
    order = await tiktok.place("AWAITING_SHIPMENT")
    await eventually(lambda: len(tiktok.statuses(order)) == 2)
    await tiktok.process.post("webhooks", reorder=True, match='"type": 11', times=1)
    await tiktok.process.post("webhooks", duplicate=1, match='"type": 1,', times=1)
    await tiktok.cancel(order)
    await eventually(lambda: tiktok.statuses(order)[2:] == ["CANCEL", "CANCEL"])
    await eventually(lambda: '"type": 11' in tiktok.heard(order)[-1].body)
    await tiktok.process.delete("webhooks")


async def test_a_search_is_filtered_and_paged(tiktok: TikTokClient) -> None:
    """By status and time; pages of two until there is no token."""
    orders = [await tiktok.place(user_id="u-paged") for _ in range(5)]
    began, token, found = orders[0]["update_time"], "", []
    while True:
        body = {"update_time_ge": began, "order_status": "ON_HOLD"}
        query = {"page_size": "2", "sort_order": "ASC", "page_token": token or "0"}
        page = await tiktok.data("POST", "/order/202309/orders/search", body, **query)
        assert len(page["orders"]) <= 2
        found += [order["id"] for order in page["orders"]]
        token = page["next_page_token"]
        if not token:
            break
    assert [each for each in found if each in {order["id"] for order in orders}] == [order["id"] for order in orders]
    assert await tiktok.code("POST", "/order/202309/orders/search", {}, page_size="101") == 36009004
    later = await tiktok.data("POST", "/order/202309/orders/search", {"create_time_ge": began + DAY})
    assert later["orders"] == []


async def test_an_order_under_an_id_of_the_askers_is_made_once(tiktok: TikTokClient) -> None:
    """Asked for again it is the same one, paid once."""
    wanted = {"id": "576461419999999999", "lines": [{"seller_sku": "MUG", "price": 500}]}
    first, again = [await tiktok.process.post("orders", **wanted) for _ in range(2)]
    assert first["id"] == again["id"] == wanted["id"]
    assert await tiktok.ledger(first) == ["collected 500"]


async def test_deadlines_may_be_stretched(tiktok: TikTokClient) -> None:
    """For whoever runs the clock so fast that nobody could keep them."""
    before = await tiktok.place()
    await tiktok.process.post("deadlines", factor=3)
    after = await tiktok.place()
    await tiktok.process.post("deadlines", factor=1)
    times = [each["rts_sla_time"] - each["create_time"] for each in (before, after)]
    assert times[1] == pytest.approx(3 * times[0], abs=5)

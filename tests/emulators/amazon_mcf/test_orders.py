"""Orders at Amazon: taken once, refused, held, changed, canceled, listed."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.emulators.amazon_mcf.support import (
    ADDRESS,
    GRANULARITY,
    NEW,
    OLD,
    SUMMARIES,
    AmazonClient,
    Json,
    new_body,
    new_id,
    old_body,
    refused,
)

CREATES: list[tuple[str, Any, str]] = [
    (f"{OLD}/fulfillmentOrders", old_body, "fulfillmentOrders"),
    (f"{NEW}/orders", new_body, "orders"),
]


@pytest.mark.parametrize(("path", "body", "_"), CREATES)
async def test_an_id_is_taken_once(amazon: AmazonClient, path: str, body: Any, _: str) -> None:
    """A second order of the id is refused, by whichever version, and there is one."""
    order_id = new_id()
    assert (await amazon.call("POST", path, json=body(order_id))).is_success
    for again, other, _name in CREATES:
        assert refused(await amazon.call("POST", again, json=other(order_id))) == (400, "InvalidInput")
    assert len((await amazon.process.get("records", match=order_id))["orders"]) == 1


async def test_the_newer_version_only_takes_an_order_and_validates_it_later(amazon: AmazonClient) -> None:
    """202 with the id; the older one validates within the call."""
    order_id = new_id()
    answer = await amazon.call("POST", f"{NEW}/orders", json=new_body(order_id))
    assert (answer.status_code, answer.json()) == (202, {"orderId": order_id, "status": "PROCESSING"})
    assert await amazon.statuses(order_id) == ("New", "PROCESSING")
    await amazon.process.post("decide", match=order_id)
    assert await amazon.statuses(order_id) == ("Received", "PROCESSING")
    await amazon.place(other := new_id())
    assert await amazon.statuses(other) == ("Received", "PROCESSING")


@pytest.mark.parametrize(
    "changes",
    [
        {"displayableOrderComment": ""},
        {"items": []},
        {"shippingSpeedCategory": "Teleport"},
        {"fulfillmentAction": "Wait"},
        {"fulfillmentPolicy": "FillSome"},
        {"sellerFulfillmentOrderId": "x" * 41},
        {"destinationAddress": {**ADDRESS, "city": ""}},
        {"destinationAddress": {**ADDRESS, "postalCode": "00000"}},
        {"items": [{"sellerSku": "A", "sellerFulfillmentOrderItemId": "1", "quantity": 251}]},
        {"items": [{"sellerSku": "A", "sellerFulfillmentOrderItemId": "1", "quantity": 0}]},
        {"items": [{"sellerSku": "", "sellerFulfillmentOrderItemId": "1", "quantity": 1}]},
        {"items": [{"sellerSku": "A", "sellerFulfillmentOrderItemId": "1", "quantity": 1}] * 2},
    ],
)
async def test_what_is_not_an_order_is_refused(amazon: AmazonClient, changes: Json) -> None:
    """400 InvalidInput, and no order."""
    order_id = new_id()
    answer = await amazon.call("POST", f"{OLD}/fulfillmentOrders", json=old_body(order_id, **changes))
    assert refused(answer) == (400, "InvalidInput")
    assert await amazon.process.get("records", match=order_id) == {}


@pytest.mark.parametrize(
    "changes",
    [
        {"lineItems": []},
        {"fulfillmentConfiguration": {"action": "WAIT"}},
        {"fulfillmentConfiguration": {"policy": "SOME"}},
        {"fulfillmentConfiguration": {"serviceLevel": {"serviceTiers": ["TELEPORT"]}}},
        {"destination": {"deliveryAddress": {**ADDRESS, "addressLine1": "UNDELIVERABLE"}}},
        {"lineItems": [{"lineItemId": "1", "product": {"productIdentifier": {"amazonSku": "A"}}, "amount": {}}]},
    ],
)
async def test_what_is_not_an_order_in_the_newer_version(amazon: AmazonClient, changes: Json) -> None:
    """The same there."""
    answer = await amazon.call("POST", f"{NEW}/orders", json=new_body(new_id(), **changes))
    assert refused(answer) == (400, "InvalidInput")


async def test_a_hold_waits_until_it_is_shipped(amazon: AmazonClient) -> None:
    """Its units are reserved; shipped once, to the address given then; after that nothing of it changes."""
    order_id, sku = new_id(), f"sku-{new_id()}"
    await amazon.process.post("inventory", sku=sku, on_hand=5)
    lines = [{"sellerSku": sku, "sellerFulfillmentOrderItemId": "1", "quantity": 2}]
    await amazon.place(order_id, fulfillmentAction="Hold", items=lines)
    assert await quantities(amazon, sku) == (3, 2)
    path = f"{OLD}/fulfillmentOrders/{order_id}"
    moved = {"fulfillmentAction": "Ship", "destinationAddress": {**ADDRESS, "addressLine1": "2 Side St"}}
    assert (await amazon.call("PUT", path, json=moved)).json() == {}
    order = (await amazon.old(order_id))["fulfillmentOrder"]
    assert (order["fulfillmentAction"], order["destinationAddress"]["addressLine1"]) == ("Ship", "2 Side St")
    assert refused(await amazon.call("PUT", path, json=moved)) == (400, "InvalidInput")
    await amazon.advance(order_id, "Shipped")
    assert await quantities(amazon, sku) == (3, 0)


async def test_the_newer_version_ships_a_hold_too(amazon: AmazonClient) -> None:
    """202, and it is no hold any more."""
    order_id = new_id()
    held = {"fulfillmentConfiguration": {"action": "HOLD"}}
    await amazon.call("POST", f"{NEW}/orders", json=new_body(order_id, **held))
    await amazon.process.post("decide", match=order_id)
    asked = {"fulfillmentConfiguration": {"action": "SHIP"}}
    answer = await amazon.call("PUT", f"{NEW}/orders/{order_id}", json=asked)
    assert (answer.status_code, answer.json()) == (202, {})
    assert (await amazon.new(order_id))["fulfillmentConfiguration"]["action"] == "SHIP"


@pytest.mark.parametrize(
    ("stage", "status"), [("Received", 200), ("Planning", 200), ("Processing", 400), ("Shipped", 400)]
)
async def test_canceled_until_picking_begins(amazon: AmazonClient, stage: str, status: int) -> None:
    """In Received and Planning; from Processing on it is refused."""
    order_id = new_id()
    await amazon.place(order_id)
    await amazon.advance(order_id, stage)
    answer = await amazon.call("PUT", f"{OLD}/fulfillmentOrders/{order_id}/cancel")
    assert answer.status_code == status
    canceled = (await amazon.record(order_id))["outcome"] == "Cancelled"
    assert canceled is (status == 200)


async def test_the_newer_version_decides_on_a_cancellation_later(amazon: AmazonClient) -> None:
    """202, PROCESSING until it has decided; asked again it is the same request; then it is refused."""
    order_id, path = new_id(), f"{NEW}/orders"
    await amazon.call("POST", path, json=new_body(order_id))
    for _ in range(2):
        assert (await amazon.call("PUT", f"{path}/{order_id}/cancel")).status_code == 202
        assert (await amazon.statuses(order_id))[1] == "PROCESSING"
    await amazon.process.post("decide", match=order_id)
    assert await amazon.statuses(order_id) == ("Cancelled", "CANCELLED")
    assert (await amazon.new(order_id))["lineItems"][0]["cancelledAmount"] == {"unit": "EACHES", "value": "2.0"}
    assert refused(await amazon.call("PUT", f"{path}/{order_id}/cancel")) == (400, "InvalidInput")


async def test_a_cancellation_refused_or_agreed_to_and_forgotten(amazon: AmazonClient) -> None:
    """By script: refused at once or later; or confirmed, and shipped all the same, which shows once it left."""
    refusing, lying = new_id(), new_id()
    await amazon.script(refusing, cancel="refuse")
    await amazon.script(lying, cancel="agree_and_ship")
    for order_id in (refusing, lying):
        await amazon.place(order_id)
    assert (await amazon.call("PUT", f"{OLD}/fulfillmentOrders/{refusing}/cancel")).status_code == 400
    assert (await amazon.call("PUT", f"{NEW}/orders/{refusing}/cancel")).status_code == 202
    await amazon.process.post("decide", match=refusing)
    assert (await amazon.statuses(refusing))[0] == "Received"
    assert (await amazon.call("PUT", f"{OLD}/fulfillmentOrders/{lying}/cancel")).status_code == 200
    assert (await amazon.statuses(lying))[0] == "Cancelled"
    await amazon.advance(lying, "Shipped")
    assert await amazon.statuses(lying) == ("Complete", "COMPLETE")
    assert (await amazon.record(lying))["shipments"][0]["goods_left"] is True


async def test_too_few_units_make_an_order_invalid(amazon: AmazonClient) -> None:
    """Taken, and not validated; nothing is reserved for it, nothing of it ships."""
    order_id, sku = new_id(), f"sku-{new_id()}"
    await amazon.process.post("inventory", sku=sku, on_hand=1)
    await amazon.place(order_id, items=[{"sellerSku": sku, "sellerFulfillmentOrderItemId": "1", "quantity": 2}])
    assert await amazon.statuses(order_id) == ("Invalid", "INVALID")
    assert await quantities(amazon, sku) == (1, 0)
    assert (await amazon.record(order_id))["shipments"][0]["cancelled_at"] is not None


async def test_lists_are_paged_and_begin_at_a_time(amazon: AmazonClient) -> None:
    """Every order since then once, over pages; a token that is none is refused."""
    before = new_id()
    await amazon.place(before)
    since, ids = datetime.now(UTC).isoformat(), [new_id() for _ in range(5)]
    for order_id in ids:
        await amazon.place(order_id)
    await amazon.process.post("page-size", size=2)
    assert await listed_old(amazon, since) == ids
    assert await listed_new(amazon, since) == ids
    await amazon.process.post("page-size", size=50)
    answer = await amazon.call("GET", f"{OLD}/fulfillmentOrders", params={"nextToken": "x"})
    assert refused(answer) == (400, "InvalidInput")


async def listed_old(amazon: AmazonClient, since: str) -> list[str]:
    """Ids over all pages of 2020-07-01."""
    found, query = [], {"queryStartDate": since}
    while True:
        page = (await amazon.call("GET", f"{OLD}/fulfillmentOrders", params=query)).json()["payload"]
        found += [order["sellerFulfillmentOrderId"] for order in page["fulfillmentOrders"]]
        if "nextToken" not in page:
            return found
        query["nextToken"] = page["nextToken"]


async def listed_new(amazon: AmazonClient, since: str) -> list[str]:
    """Ids over all pages of 2026-07-04."""
    found, query = [], {"updatedAfter": since}
    while True:
        page = (await amazon.call("GET", f"{NEW}/orders", params=query)).json()
        found += [order["orderId"] for order in page["orders"]]
        if "pagination" not in page:
            return found
        query["pageToken"] = page["pagination"]["nextToken"]


async def quantities(amazon: AmazonClient, sku: str) -> tuple[int, int]:
    """Units of a SKU that may be sold, and that are reserved."""
    answer = await amazon.call("GET", SUMMARIES, params={**GRANULARITY, "details": "true", "sellerSkus": sku})
    (summary,) = answer.json()["payload"]["inventorySummaries"]
    details = summary["inventoryDetails"]
    return details["fulfillableQuantity"], details["reservedQuantity"]["totalReservedQuantity"]


async def test_nothing_is_told_of_what_is_not_there(amazon: AmazonClient) -> None:
    """404 for an order, a package that has not left, and an order to cancel; 400 for a list without a marketplace."""
    missing = new_id()
    for method, path in [
        ("GET", f"{OLD}/fulfillmentOrders/{missing}"),
        ("PUT", f"{OLD}/fulfillmentOrders/{missing}/cancel"),
        ("GET", f"{NEW}/orders/{missing}"),
        ("PUT", f"{NEW}/orders/{missing}/cancel"),
        ("GET", f"{OLD}/tracking?packageNumber=1"),
    ]:
        assert refused(await amazon.call(method, path)) == (404, "NotFound")
    assert refused(await amazon.call("GET", SUMMARIES)) == (400, "InvalidInput")

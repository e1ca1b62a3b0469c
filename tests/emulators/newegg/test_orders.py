"""Orders at the emulated Newegg: their life, their cancellation, and what should not happen to them."""

from pathlib import Path

import pytest

from tests.emulators.newegg.support import Json, NeweggClient, entry, errors, new_reference
from tests.support.emulators import eventually, running


async def record(newegg: NeweggClient, reference: str) -> Json:
    """What the company itself knows about an order."""
    records = await newegg.process.get("records", match=f'"{reference}"', kind="orders")
    found: Json = next(order for order in records["orders"] if order["reference_id"] == reference)
    return found


async def test_an_order_lives_by_itself(tmp_path: Path) -> None:
    """In virtual time up to invoiced; the shipped package has a carrier, a number and a date."""
    async with running("newegg", tmp_path, time_scale=20_000) as process:
        client, reference = NeweggClient(process), new_reference()
        await client.submit(entry(reference))

        async def invoiced() -> bool:
            found = await client.orders(SellerOrderNumberList={"SellerOrderNumber": reference})
            return bool(found and found[0]["OrderStatus"] == 3)

        await eventually(invoiced, seconds=40)
        order = await client.order(reference)
        (package,) = order["PackageInfoList"]
        assert (package["ShipCarrier"], package["PackageType"]) == ("UPS", "Shipped")
        assert package["TrackingNumber"].startswith("1Z")
        assert [(item["Status"], item["ShippedQty"]) for item in order["ItemInfoList"]] == [(2, 2), (2, 1)]
        times = (await record(client, reference))["stage_times"]
        assert list(times) == ["Unshipped", "Processing", "Shipped", "Invoiced"]


async def test_an_order_in_two_packages(newegg: NeweggClient) -> None:
    """Shipped in part: one package has left, the other has not."""
    reference = new_reference()
    await newegg.process.post("scripts", match=reference, split=2, stop_at="PartiallyShipped")
    await newegg.place(reference)
    await newegg.process.post("advance", match=reference, to="PartiallyShipped")
    order = await newegg.order(reference)
    assert (order["OrderStatus"], order["OrderStatusDescription"]) == (1, "Partially Shipped")
    assert len(order["PackageInfoList"]) == 1
    kept = await record(newegg, reference)
    assert [package["goods_left"] for package in kept["shipments"]] == [True, False]
    assert (await newegg.process.post("release", match=reference))["released"] == [order["OrderNumber"]]
    await newegg.process.post("advance", match=reference, to="Shipped")
    assert (await newegg.order(reference))["OrderStatus"] == 2


@pytest.mark.parametrize("lines", [2, 1])
async def test_a_line_that_is_not_on_its_shelf(newegg: NeweggClient, lines: int) -> None:
    """It is canceled and the rest ships; an order of nothing else is voided."""
    reference, items = new_reference(), [{"SellerPartNumber": f"S{number}", "Quantity": 1} for number in range(lines)]
    await newegg.process.post("scripts", match=reference, short="S0")
    await newegg.place(reference, ItemList={"Item": items})
    await newegg.process.post("advance", match=reference, to="Shipped")
    order = await newegg.order(reference)
    assert order["ItemInfoList"][0]["StatusDescription"] == "Cancelled"
    assert order["OrderStatus"] == (2 if lines == 2 else 4)


async def test_orders_are_listed_by_status_date_and_page(newegg: NeweggClient) -> None:
    """Filters combine; pages are counted; a page that is too large, or a date that is none, is refused."""
    references = [new_reference() for _ in range(3)]
    for reference in references:
        await newegg.place(reference, OrderDate="03/04/2019")
    await newegg.process.post("advance", match=references[0], to="Shipped")
    window = {"OrderDateFrom": "2019-03-04 00:00:00", "OrderDateTo": "2019-03-04 23:59:59", "Type": "3"}
    assert [order["SellerOrderNumber"] for order in await newegg.orders(**window)] == references[::-1]
    assert [order["SellerOrderNumber"] for order in await newegg.orders(Status="2", **window)] == references[:1]
    pages = [await newegg.orders(page=page, size="2", **window) for page in ("1", "2", "3")]
    assert [len(page) for page in pages] == [2, 1, 0]
    assert await newegg.orders(**{**window, "Type": "2"}) == []
    for body in ({"PageSize": "101"}, {"PageIndex": "x"}, {"RequestCriteria": {"OrderDateFrom": "soon"}}):
        assert errors(await newegg.call("PUT", "/ordermgmt/order/orderinfo", {"RequestBody": body})) == ["OM004"]


async def test_a_cancellation_is_a_request(newegg: NeweggClient) -> None:
    """Answered as being processed, decided later; asked again meanwhile it is the same request."""
    reference = new_reference()
    order = await newegg.place(reference)
    await newegg.process.post("scripts", match=reference, cancel="stuck")
    assert errors(await newegg.result(order)) == ["SO003"]
    for _ in range(2):
        answer = (await newegg.cancel(order)).json()
        assert (answer["IsSuccess"], answer["Result"]["OrderStatus"]) == ("true", "Processing")
    assert (await newegg.result(order)).json()["ResponseBody"]["Result"] == "Processing"
    assert (await newegg.order(reference))["OrderStatus"] == 0
    await newegg.process.post("release", match=reference)
    assert (await newegg.result(order)).json()["ResponseBody"]["Result"] == "Success"
    voided = await newegg.order(reference)
    assert (voided["OrderStatus"], voided["ItemInfoList"][0]["Status"]) == (4, 3)
    assert errors(await newegg.cancel(order)) == ["SO008"]


async def test_a_cancellation_takes_its_time(tmp_path: Path) -> None:
    """Five minutes of virtual time, over a restart."""
    async with running("newegg", tmp_path) as process:
        client, reference = NeweggClient(process), new_reference()
        await process.post("pace", feed_seconds=0)
        order = await client.place(reference)
        assert (await client.cancel(order)).json()["Result"]["OrderStatus"] == "Processing"
        await process.kill()
        await process.start()
        await process.post("time-scale", scale=300)

        async def voided() -> bool:
            return bool((await client.order(reference))["OrderStatus"] == 4)

        await eventually(voided, seconds=30)


@pytest.mark.parametrize("script", [{"stop_at": "Processing"}, {"cancel": "refuse"}])
async def test_a_cancellation_that_fails(newegg: NeweggClient, script: dict[str, str]) -> None:
    """The warehouse has begun, or Newegg does not want to: the result says so, and the order lives."""
    reference = new_reference()
    await newegg.process.post("scripts", match=reference, **script)
    order = await newegg.place(reference)
    if "stop_at" in script:
        await newegg.process.post("advance", match=reference, to="Processing")
    assert (await newegg.cancel(order)).json()["Result"]["OrderStatus"] == "Processing"
    told = (await newegg.result(order)).json()["ResponseBody"]
    assert (told["Result"], "order already shipped" in told["ErrorMessage"]) == ("Failed", True)
    assert (await newegg.order(reference))["OrderStatus"] == 0


async def test_only_unshipped_orders_are_canceled_for_a_known_reason(newegg: NeweggClient) -> None:
    """Each refusal has its code."""
    order = await newegg.place(reference := new_reference())
    path = f"/ordermgmt/orderstatus/orders/{order['OrderNumber']}"
    assert errors(await newegg.call("PUT", path, {"Action": "2", "Value": "72"})) == ["SO014"]
    assert errors(await newegg.call("PUT", path, {"Action": "1", "Value": "1"})) == ["SO017"]
    assert errors(await newegg.call("PUT", "/ordermgmt/orderstatus/orders/99", {"Action": "1"})) == ["SO003"]
    assert errors(await newegg.call("PUT", "/ordermgmt/orderstatus/orders/x", {"Action": "1"})) == ["SO002"]
    await newegg.process.post("advance", match=reference, to="Shipped")
    assert errors(await newegg.cancel(order)) == ["SO006"]
    assert (await newegg.told("GET", path))["OrderStatusName"] == "Shipped"


async def test_accidents(newegg: NeweggClient) -> None:
    """Canceled and shipped all the same; canceled and revived; made and forgotten: the goods are counted right."""
    sku = f"SKU-{new_reference()}"
    items = {"Item": {"SellerPartNumber": sku, "Quantity": 2}}
    await newegg.process.post("inventory", sku=sku, on_hand=9)
    ships, revived, forgotten = [new_reference() for _ in range(3)]
    await newegg.process.post("scripts", match=ships, cancel="agree_and_ship")
    for reference in (ships, revived, forgotten):
        order = await newegg.place(reference, ItemList=items)
        if reference != forgotten:
            await newegg.cancel(order)
    assert await newegg.available(sku) == 7
    assert len((await newegg.process.post("revive", match=revived))["revived"]) == 1
    assert len((await newegg.process.post("forget", match=forgotten))["forgotten"]) == 1
    assert await newegg.available(sku) == 7
    assert (await newegg.order(ships))["OrderStatus"] == 4
    await newegg.process.post("advance", match=ships, to="Shipped")
    assert [(await newegg.order(reference))["OrderStatus"] for reference in (ships, revived)] == [2, 0]
    assert await newegg.available(sku) == 5
    assert await newegg.orders(SellerOrderNumberList={"SellerOrderNumber": forgotten}) == []
    assert len((await newegg.process.post("provider-cancel", match=revived))["cancelled"]) == 1
    assert await newegg.available(sku) == 7


async def test_faults_find_orders_behind_newegg_s_numbers(newegg: NeweggClient) -> None:
    """A request that names a feed or an order by its number is about our reference."""
    reference = new_reference()
    request_id = await newegg.submit(entry(reference))
    order = await newegg.order(reference)
    await newegg.process.post("faults", match=reference, kind="status", status=500, times=4)
    criteria = {"RequestBody": {"GetRequestStatus": {"RequestIDList": {"RequestID": [request_id]}}}}
    answers = [
        await newegg.call("PUT", "/datafeedmgmt/feeds/status", criteria),
        await newegg.call("GET", f"/datafeedmgmt/feeds/result/{request_id}"),
        await newegg.cancel(order),
        await newegg.result(order),
    ]
    assert [answer.status_code for answer in answers] == [500] * 4

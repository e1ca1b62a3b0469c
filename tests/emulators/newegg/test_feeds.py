"""Feeds at the emulated Newegg: taken at once, worked through later, reported on."""

from pathlib import Path
from typing import Any

import pytest

from tests.emulators.newegg.support import HEADERS, NeweggClient, entry, envelope, errors, new_reference
from tests.support.emulators import eventually, running


async def test_a_feed_makes_its_order_only_when_it_is_finished(tmp_path: Path) -> None:
    """Submitted, in progress, finished, in virtual time; before that there is neither an order nor a report."""
    async with running("newegg", tmp_path) as process:
        client, reference = NeweggClient(process), new_reference()
        request_id = await client.submit(entry(reference))
        assert len(request_id) == 13
        assert await client.feed_status(request_id) == "SUBMITTED"
        assert await client.orders(SellerOrderNumberList={"SellerOrderNumber": reference}) == []
        assert errors(await client.call("GET", f"/datafeedmgmt/feeds/result/{request_id}")) == ["DF006"]
        await process.kill()
        await process.start()
        await process.post("time-scale", scale=100)

        async def finished() -> bool:
            return await client.feed_status(request_id) == "FINISHED"

        await eventually(finished, seconds=30)
        assert (await client.order(reference))["OrderStatus"] == 0


async def test_a_report_names_what_failed(newegg: NeweggClient) -> None:
    """Counted in text; what was made has no entry, one that failed alone is no list."""
    good, bad = new_reference(), new_reference()
    told = await newegg.report(await newegg.submit(entry(good), entry(bad, ShippingMethod="Pigeon")))
    assert told["ProcessingSummary"] == {"ProcessedCount": "2", "SuccessCount": "1", "WithErrorCount": "1"}
    assert told["Result"]["AdditionalInfo"] == {"SellerOrderID": bad}
    assert told["Result"]["ErrorList"]["ErrorDescription"] == [
        "Error(s). Order not created.",
        "ShippingMethod - The shipping method is not supported.",
    ]
    assert "Result" not in await newegg.report(await newegg.submit(entry(new_reference())))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"ShipToPhoneNumber": ""}, "ShipToPhoneNumber"),
        ({"ShipToLastName": None}, "ShipToLastName"),
        ({"OrderDate": "tomorrow"}, "OrderDate"),
        ({"ShipToAddressLine1": "PO Box 12"}, "ShipToAddressLine1"),
        ({"ShipToPostalCode": "00000"}, "ShipToPostalCode"),
        ({"ShipToCountry": "DEU"}, "ShipToCountry"),
        ({"ItemList": {"Item": []}}, "ItemList"),
        ({"ItemList": {"Item": {"SellerPartNumber": "SKU-A", "Quantity": 0}}}, "Quantity"),
        ({"ItemList": {"Item": {"Quantity": 1}}}, "SellerPartNumber"),
    ],
)
async def test_orders_that_are_not_made(newegg: NeweggClient, changes: dict[str, Any], field: str) -> None:
    """The feed is taken all the same; the report names the field, and there is no order."""
    reference = new_reference()
    told = await newegg.report(await newegg.submit(entry(reference, **changes)))
    assert told["Result"]["ErrorList"]["ErrorDescription"][1].startswith(f"{field} - ")
    assert await newegg.orders(SellerOrderNumberList={"SellerOrderNumber": reference}) == []


async def test_one_order_for_a_reference_in_a_sales_channel(newegg: NeweggClient) -> None:
    """A duplicate is refused in the report; in another channel the same reference is another order."""
    reference = new_reference()
    first = await newegg.place(reference)
    told = await newegg.report(await newegg.submit(entry(reference)))
    assert "already exists" in told["Result"]["ErrorList"]["ErrorDescription"][1]
    assert await newegg.order(reference) == first
    await newegg.submit(entry(reference, SalesChannel="another"))
    assert len(await newegg.orders(SellerOrderNumberList={"SellerOrderNumber": [reference]})) == 2


async def test_what_is_not_there_is_not_ordered(newegg: NeweggClient) -> None:
    """An order promises its units; the next one that finds too few is refused."""
    sku = f"SKU-{new_reference()}"
    await newegg.process.post("inventory", sku=sku, on_hand=3)
    assert await newegg.available(f"{sku}-unknown") is None
    items = {"Item": {"SellerPartNumber": sku, "Quantity": 2}}
    reference = new_reference()
    await newegg.place(reference, ItemList=items)
    assert await newegg.available(sku) == 1
    told = await newegg.report(await newegg.submit(entry(new_reference(), ItemList=items)))
    assert "Insufficient inventory" in told["Result"]["ErrorList"]["ErrorDescription"][1]
    await newegg.process.post("advance", match=reference, to="Shipped")
    assert await newegg.available(sku) == 1


async def test_feeds_are_listed_by_status_and_date(newegg: NeweggClient) -> None:
    """Newest first, as many as asked for; a feed that hangs is in progress until it is released."""
    reference = new_reference()
    await newegg.process.post("scripts", match=reference, feed="stuck")
    held = await newegg.submit(entry(reference))
    free = await newegg.submit(entry(new_reference()))
    assert [feed["RequestId"] for feed in await newegg.feeds(RequestStatus="IN_PROGRESS")] == [held]
    assert [feed["RequestId"] for feed in await newegg.feeds(MaxCount="2")] == [free, held]
    both = await newegg.feeds(RequestIDList={"RequestID": [held, free]})
    assert [feed["RequestStatus"] for feed in both] == ["IN_PROGRESS", "FINISHED"]
    assert await newegg.feeds(RequestDateFrom="2099-01-01 00:00:00") == []
    assert await newegg.feeds(RequestType="ITEM_DATA") == []
    body = {"RequestBody": {"GetRequestStatus": {"RequestDateFrom": "soon"}}}
    assert errors(await newegg.call("PUT", "/datafeedmgmt/feeds/status", body)) == ["DF007"]
    assert (await newegg.process.post("release", match=reference))["feeds"] == [held]
    assert (await newegg.order(reference))["OrderStatus"] == 0


async def test_a_feed_may_be_canceled_by_newegg(newegg: NeweggClient) -> None:
    """It made nothing, and has no report."""
    reference = new_reference()
    await newegg.process.post("scripts", match=reference, feed="cancel")
    request_id = await newegg.submit(entry(reference))
    assert await newegg.feed_status(request_id) == "CANCELLED"
    assert errors(await newegg.call("GET", f"/datafeedmgmt/feeds/result/{request_id}")) == ["DF006"]
    assert await newegg.orders(SellerOrderNumberList={"SellerOrderNumber": reference}) == []


async def test_who_may_enter(newegg: NeweggClient) -> None:
    """Both keys and the seller; the address in lower case; a request type and a schema that fit."""
    path = "/marketplace/datafeedmgmt/feeds/status"
    for headers, query, code in (
        ({}, "?sellerid=A006", "InvalidConsumerKey"),
        ({"authorization": "key"}, "?sellerid=A006", "InvalidToken"),
        (HEADERS, "", "InvalidToken"),
    ):
        answer = await newegg.process.request("PUT", path + query, headers=headers, json={})
        assert (answer.status_code, errors(answer)) == (401, [code])
    shouted = await newegg.process.request("PUT", f"{path.upper()}?sellerid=A006", headers=HEADERS, json={})
    assert shouted.status_code == 404
    submit = "/datafeedmgmt/feeds/submitfeed"
    assert errors(await newegg.call("POST", submit, envelope(entry("x")), requesttype="ITEM_DATA")) == ["DF001"]
    assert errors(await newegg.call("POST", submit, {}, requesttype="MULTICHANNEL_ORDER_DATA")) == ["DF005"]

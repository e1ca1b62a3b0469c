"""A Newegg client for tests, speaking plain HTTP as the API documents it."""

import itertools
from dataclasses import dataclass
from typing import Any

import httpx

from tests.support.emulators import EmulatorProcess

Json = dict[str, Any]
HEADERS = {"authorization": "api-key", "secretkey": "secret-key"}
_numbers = itertools.count(1)


def new_reference() -> str:
    """A reference no other test uses."""
    return f"ref-{next(_numbers):05d}-end"


def entry(reference: str, **changes: Any) -> Json:
    """A valid order of two lines, as an entry of a feed."""
    return {
        "OrderDate": "11/02/2026",
        "SalesChannel": "web shop",
        "SellerOrderID": reference,
        "ShippingMethod": "Standard Shipping (5-7 business days)",
        "ShipToFirstName": "Ada",
        "ShipToLastName": "Lovelace",
        "ShipToAddressLine1": "1 Main St",
        "ShipToCity": "Chicago",
        "ShipToState": "IL",
        "ShipToPostalCode": "60601",
        "ShipToCountry": "USA",
        "ShipToPhoneNumber": "312-555-0100",
        "ItemList": {
            "Item": [{"SellerPartNumber": "SKU-A", "Quantity": "2"}, {"SellerPartNumber": "SKU-B", "Quantity": "1"}]
        },
        **changes,
    }


def envelope(*orders: Json) -> Json:
    """A feed with these orders; one alone is no list."""
    message = {"MultiChannelOrder": {"Order": orders[0] if len(orders) == 1 else list(orders)}}
    header = {"DocumentVersion": "1.0"}
    return {"NeweggEnvelope": {"Header": header, "MessageType": "MultiChannelOrderCreation", "Message": message}}


@dataclass
class NeweggClient:
    """One emulated Newegg."""

    process: EmulatorProcess

    async def call(self, method: str, path: str, body: Any = None, **query: str) -> httpx.Response:
        """One API call with the usual keys and seller."""
        params = {"sellerid": "A006", **query}
        return await self.process.request(method, f"/marketplace{path}", headers=HEADERS, params=params, json=body)

    async def told(self, method: str, path: str, body: Any = None, **query: str) -> Json:
        """The body of a call that is carried out."""
        answer = await self.call(method, path, body, **query)
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        return found

    async def submit(self, *orders: Json) -> str:
        """Submit a feed; its request id."""
        told = await self.told(
            "POST", "/datafeedmgmt/feeds/submitfeed", envelope(*orders), requesttype="MULTICHANNEL_ORDER_DATA"
        )
        (feed,) = told["ResponseBody"]["ResponseList"]
        assert (feed["RequestStatus"], feed["RequestType"]) == ("SUBMITTED", "MULTICHANNEL_ORDER_DATA")
        return str(feed["RequestId"])

    async def feeds(self, **criteria: Any) -> list[Json]:
        """The feeds of a "Get Feed Status"."""
        body = {"OperationType": "GetFeedStatusRequest", "RequestBody": {"GetRequestStatus": criteria}}
        told = await self.told("PUT", "/datafeedmgmt/feeds/status", body)
        found: list[Json] = told["ResponseBody"]["ResponseList"]
        return found

    async def feed_status(self, request_id: str) -> str:
        """How far one feed is."""
        (feed,) = await self.feeds(RequestIDList={"RequestID": request_id})
        return str(feed["RequestStatus"])

    async def report(self, request_id: str) -> Json:
        """The processing report of a finished feed."""
        told = await self.told("GET", f"/datafeedmgmt/feeds/result/{request_id}")
        found: Json = told["NeweggEnvelope"]["Message"]["ProcessingReport"]
        return found

    async def orders(self, *, page: str = "1", size: str = "100", **criteria: Any) -> list[Json]:
        """The orders of a "Get Order Information"."""
        body = {"PageIndex": page, "PageSize": size, "RequestCriteria": criteria}
        told = await self.told("PUT", "/ordermgmt/order/orderinfo", {"RequestBody": body}, version="307")
        return list(told["ResponseBody"]["OrderInfoList"] or [])

    async def order(self, reference: str) -> Json:
        """The one order under a reference."""
        (found,) = await self.orders(SellerOrderNumberList={"SellerOrderNumber": [reference]})
        return found

    async def place(self, reference: str, **changes: Any) -> Json:
        """An order that is made, as it is shown."""
        await self.submit(entry(reference, **changes))
        return await self.order(reference)

    async def cancel(self, order: Json) -> httpx.Response:
        """Ask for the cancellation of an order."""
        path = f"/ordermgmt/orderstatus/orders/{order['OrderNumber']}"
        return await self.call("PUT", path, {"Action": "1", "Value": "72"})

    async def result(self, order: Json) -> httpx.Response:
        """What became of the request."""
        return await self.call("GET", f"/ordermgmt/sbnorder/cancellationresult/{order['OrderNumber']}")

    async def available(self, sku: str) -> int | None:
        """What is left of a SKU in Newegg's warehouses; None when the account does not have it."""
        body = {"Type": "1", "Values": [sku]}
        told = await self.told("POST", "/contentmgmt/item/international/inventorylist", body)
        places = [place for item in told["ResponseBody"]["ItemList"] for place in item["InventoryAllocation"]]
        ours = [place["AvailableQuantity"] for place in places if place["FulfillmentOption"] == "1"]
        return int(ours[0]) if ours else None


def errors(answer: httpx.Response) -> list[str]:
    """The codes of an answer that is an error."""
    assert answer.status_code >= 400, answer.text
    return [str(each["Code"]) for each in answer.json()]

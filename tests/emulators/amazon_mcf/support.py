"""An Amazon client for tests, speaking plain HTTP as the API documents it."""

import itertools
from dataclasses import dataclass
from typing import Any, Self

import httpx

from tests.support.emulators import EmulatorProcess

Json = dict[str, Any]
OLD = "/fba/outbound/2020-07-01"
NEW = "/fulfillment/outbound/2026-07-04"
SUMMARIES = "/fba/inventory/v1/summaries"
MARKETPLACE = "ATVPDKIKX0DER"
GRANULARITY = {"granularityType": "Marketplace", "granularityId": MARKETPLACE, "marketplaceIds": MARKETPLACE}
ADDRESS = {
    "name": "Ada",
    "addressLine1": "1 Main St",
    "city": "Chicago",
    "stateOrRegion": "IL",
    "postalCode": "60601",
    "countryCode": "US",
}
_numbers = itertools.count(1)


def new_id() -> str:
    """An order id no other test uses."""
    return f"order-{next(_numbers):05d}-end"


def old_body(order_id: str, **changes: Any) -> Json:
    """A valid order of two lines for 2020-07-01."""
    return {
        "marketplaceId": MARKETPLACE,
        "sellerFulfillmentOrderId": order_id,
        "displayableOrderId": order_id,
        "displayableOrderDate": "2026-03-02T10:00:00Z",
        "displayableOrderComment": "Thanks",
        "shippingSpeedCategory": "Standard",
        "destinationAddress": ADDRESS,
        "fulfillmentAction": "Ship",
        "fulfillmentPolicy": "FillOrKill",
        "items": [
            {"sellerSku": "SKU-A", "sellerFulfillmentOrderItemId": "1", "quantity": 2},
            {"sellerSku": "SKU-B", "sellerFulfillmentOrderItemId": "2", "quantity": 1},
        ],
        **changes,
    }


def new_body(order_id: str, **changes: Any) -> Json:
    """The same for 2026-07-04."""
    amounts = {"SKU-A": "2", "SKU-B": "1"}
    return {
        "orderId": order_id,
        "fulfillmentConfiguration": {
            "serviceLevel": {"serviceTiers": ["STANDARD"]},
            "action": "SHIP",
            "policy": "FILL_OR_KILL",
        },
        "destination": {"deliveryAddress": ADDRESS},
        "lineItems": [
            {
                "lineItemId": str(number),
                "product": {"productIdentifier": {"amazonSku": sku}},
                "amount": {"unit": "EACHES", "value": value},
            }
            for number, (sku, value) in enumerate(amounts.items(), 1)
        ],
        **changes,
    }


@dataclass
class AmazonClient:
    """One emulated Amazon and an access token."""

    process: EmulatorProcess
    token: str

    @classmethod
    async def of(cls, process: EmulatorProcess, seller: str = "tests") -> Self:
        """Log in."""
        form = {
            "grant_type": "refresh_token",
            "client_id": "id",
            "client_secret": "secret",
            "refresh_token": f"Atzr|{seller}",
        }
        answer = await process.request("POST", "/auth/o2/token", data=form)
        return cls(process, answer.json()["access_token"])

    async def call(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        """One API call."""
        headers = {"x-amz-access-token": self.token, **arguments.pop("headers", {})}
        return await self.process.request(method, path, headers=headers, **arguments)

    async def place(self, order_id: str, **changes: Any) -> None:
        """An order that is taken (2020-07-01)."""
        answer = await self.call("POST", f"{OLD}/fulfillmentOrders", json=old_body(order_id, **changes))
        assert (answer.status_code, answer.json()) == (200, {}), answer.text

    async def old(self, order_id: str) -> Json:
        """The order as 2020-07-01 tells it."""
        found: Json = (await self.call("GET", f"{OLD}/fulfillmentOrders/{order_id}")).json()["payload"]
        return found

    async def new(self, order_id: str) -> Json:
        """The order as 2026-07-04 tells it."""
        found: Json = (await self.call("GET", f"{NEW}/orders/{order_id}")).json()["order"]
        return found

    async def statuses(self, order_id: str) -> tuple[str, str]:
        """In the words of both."""
        order = (await self.old(order_id))["fulfillmentOrder"]
        return order["fulfillmentOrderStatus"], (await self.new(order_id))["status"]

    async def advance(self, order_id: str, to: str) -> None:
        """Through every stage up to one."""
        await self.process.post("advance", match=order_id, to=to)

    async def script(self, order_id: str, **script: Any) -> None:
        """How it fares."""
        await self.process.post("scripts", match=order_id, **script)

    async def record(self, order_id: str) -> Json:
        """What the company itself knows of the order."""
        found: Json = (await self.process.get("records", match=f'"{order_id}"'))["orders"][0]
        return found


def refused(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of a refusal."""
    (error,) = answer.json()["errors"]
    assert error["message"]
    return answer.status_code, error["code"]

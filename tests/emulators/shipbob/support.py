"""A ShipBob client for tests, speaking plain HTTP as the API documents it."""

import itertools
from dataclasses import dataclass
from typing import Any

import httpx

from tests.support.emulators import Delivery, EmulatorProcess, WebhookReceiver

Json = dict[str, Any]
HEADERS = {"authorization": "Bearer pat_test", "shipbob_channel_id": "7"}
_numbers = itertools.count(1)


def new_reference() -> str:
    """A reference no other test uses."""
    return f"ref-{next(_numbers):05d}-end"


def order_body(reference: str, **changes: Any) -> Json:
    """A valid order of two lines."""
    address = {"address1": "1 Main St", "city": "Chicago", "state": "IL", "country": "US", "zip_code": "60601"}
    return {
        "reference_id": reference,
        "shipping_method": "Standard",
        "type": "DTC",
        "products": [
            {"reference_id": "SKU-A", "name": "A", "quantity": 2},
            {"reference_id": "SKU-B", "name": "B", "quantity": 1},
        ],
        "recipient": {"name": "Ada", "address": address},
        **changes,
    }


@dataclass
class ShipBobClient:
    """One emulated ShipBob with its webhook receiver."""

    process: EmulatorProcess
    receiver: WebhookReceiver

    async def call(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        """One API call with the usual headers."""
        headers = {**HEADERS, **arguments.pop("headers", {})}
        return await self.process.request(method, f"/2026-01{path}", headers=headers, **arguments)

    async def place(self, reference: str, **changes: Any) -> Json:
        """Create an order that is accepted."""
        answer = await self.call("POST", "/order", json=order_body(reference, **changes))
        assert answer.status_code == 201, answer.text
        order: Json = answer.json()
        return order

    async def order(self, order_id: int) -> Json:
        """The order as it is now."""
        found: Json = (await self.call("GET", f"/order/{order_id}")).json()
        return found

    async def shipment(self, order: Json, index: int = 0) -> Json:
        """One of the order's shipments as it is now."""
        shipment_id = order["shipments"][index]["id"]
        found: Json = (await self.call("GET", f"/shipment/{shipment_id}")).json()
        return found

    async def record(self, reference: str) -> Json:
        """What the company itself knows about the order."""
        records = await self.process.get("records", match=f'"{reference}"')
        found: Json = next(order for order in records["orders"] if order["reference_id"] == reference)
        return found

    async def cancel(self, order: Json) -> httpx.Response:
        """Ask for the cancellation of a whole order."""
        return await self.call("POST", f"/order/{order['id']}:cancel")

    def heard(self, reference: str) -> list[Delivery]:
        """The webhooks that arrived about an order, in the order of arrival."""
        return [each for each in self.receiver.deliveries if f'"{reference}"' in each.body]

    def topics(self, reference: str) -> list[str]:
        """Their topics."""
        return [each.headers["x-webhook-topic"] for each in self.heard(reference)]


def detail_names(shipment: Json) -> list[str]:
    """The names of the status details."""
    return [detail["name"] for detail in shipment["status_details"]]

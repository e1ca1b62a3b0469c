"""EasyPost through its own SDK, off the event loop as the product uses it."""

import asyncio
import itertools
import json
from dataclasses import dataclass
from typing import Any

from easypost.easypost_client import EasyPostClient

from tests.support.emulators import Delivery, EmulatorProcess, WebhookReceiver

Json = dict[str, Any]
TO = {"name": "Ada", "street1": "1 Main St", "city": "Chicago", "state": "IL", "zip": "60601", "country": "US"}
FROM = {"name": "Shop", "street1": "2 Dock Rd", "city": "Reno", "state": "NV", "zip": "89501", "country": "US"}
PARCEL = {"length": 10, "width": 8, "height": 4, "weight": 16}
_numbers = itertools.count(1)


def new_reference() -> str:
    """A reference no other test uses."""
    return f"parcel-{next(_numbers):05d}-end"


@dataclass
class EasyPost:
    """One emulated EasyPost with its webhook receiver."""

    process: EmulatorProcess
    receiver: WebhookReceiver

    @property
    def client(self) -> Any:
        """A fresh SDK client, so that no connection is kept over a restart."""
        return EasyPostClient("EZTK_test", api_base=f"{self.process.url}/v2", timeout=5)

    async def create(self, reference: str | None, **changes: Any) -> Any:
        """Create a shipment."""
        body = {"to_address": TO, "from_address": FROM, "parcel": PARCEL, "reference": reference, **changes}
        return await asyncio.to_thread(self.client.shipment.create, **body)

    async def buy(self, shipment: Any, rate: Any = None) -> Any:
        """Buy a shipment, at its lowest rate unless told."""
        chosen = rate or shipment.lowest_rate()
        return await asyncio.to_thread(self.client.shipment.buy, shipment.id, rate=chosen)

    async def bought(self, reference: str) -> Any:
        """A shipment created and bought."""
        return await self.buy(await self.create(reference))

    async def shipment(self, id_or_reference: str) -> Any:
        """The shipment as it is now."""
        return await asyncio.to_thread(self.client.shipment.retrieve, id_or_reference)

    async def tracker(self, tracker_id: str) -> Any:
        """The tracker as it is now."""
        return await asyncio.to_thread(self.client.tracker.retrieve, tracker_id)

    async def refund(self, shipment: Any) -> Any:
        """Ask for a refund."""
        return await asyncio.to_thread(self.client.shipment.refund, shipment.id)

    async def records(self, match: str) -> Json:
        """What the company itself knows about a reference, a tracking code or an id."""
        found: Json = await self.process.get("records", match=match)
        return found

    def heard(self, text: str) -> list[Delivery]:
        """The webhooks whose body contains a text, in the order of arrival."""
        return [each for each in self.receiver.deliveries if text in each.body]

    def events(self, text: str) -> list[tuple[str, str]]:
        """Description and status of those events."""
        bodies = [json.loads(each.body) for each in self.heard(text)]
        return [(body["description"], body["result"]["status"]) for body in bodies]

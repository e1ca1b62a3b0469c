"""The reference courier over HTTP, as a shop uses it."""

import itertools
import json
from dataclasses import dataclass
from typing import Any

import httpx

from tests.support.emulators import EmulatorProcess, WebhookReceiver

Json = dict[str, Any]
SECRET = "whsec_cmVmZXJlbmNlLWNvdXJpZXItdGVzdHMtMQ=="
KEY = "sandbox_emulator_tests"
FROM = {"name": "Shop", "line1": "2 Dock Rd", "city": "Newark", "region": "NJ", "postal_code": "07102", "country": "US"}
TO = {"name": "Ada Byron King", "line1": "1 Main", "city": "Chicago", "region": "IL", "postal_code": "60601"}
_numbers = itertools.count(1)


def new_reference() -> str:
    """A reference no other test uses."""
    return f"parcel-{next(_numbers):05d}-end"


def booking(reference: str, **changes: Any) -> Json:
    """A parcel from Newark to Chicago."""
    body = {"reference": reference, "kind": "outbound", "from": FROM, "to": {**TO, "country": "US"}}
    return {**body, "weight_grams": 500, "service": "standard", "currency": "USD", **changes}


@dataclass
class Courier:
    """One reference courier with its webhook receiver."""

    process: EmulatorProcess
    receiver: WebhookReceiver

    async def ask(self, method: str, path: str, *, key: str = KEY, **arguments: Any) -> httpx.Response:
        """One request below /v1."""
        headers = {**({"authorization": f"Bearer {key}"} if key else {}), **arguments.pop("headers", {})}
        return await self.process.request(method, f"/v1/{path}", headers=headers, **arguments)

    async def book(self, reference: str, **changes: Any) -> Json:
        """A new shipment."""
        body = booking(reference, **changes)
        answer = await self.ask("POST", "shipments", json=body, headers={"idempotency-key": reference})
        assert answer.status_code == 201, answer.text
        found: Json = answer.json()
        return found

    async def shipment(self, shipment_id: str) -> Json:
        """The shipment as it is now."""
        found: Json = (await self.ask("GET", f"shipments/{shipment_id}")).json()
        return found

    async def types(self, shipment: Json) -> list[str]:
        """What happened to it."""
        found = (await self.ask("GET", f"shipments/{shipment['id']}/events")).json()["events"]
        return [event["type"] for event in found]

    def heard(self, reference: str) -> list[str]:
        """The types of the webhooks about a reference, in the order of arrival."""
        told = [json.loads(each.body) for each in self.receiver.deliveries if f'"{reference}"' in each.body]
        return [each["type"] for each in told]

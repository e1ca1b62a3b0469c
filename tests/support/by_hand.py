"""What people and other systems do at the companies themselves, through the public APIs, past our ledgers.

stripe = StripeByHand(url)
payment_id = await stripe.pay(1234, order_id="o1", parcel="1", effect_key="o1/authorize/1/7", capture_method="manual")
await stripe.refund(payment_id, 500)
"""

from dataclasses import dataclass
from typing import Any

import httpx

Json = dict[str, Any]

_ADDRESS = {"name": "Ada", "street1": "1 Main St", "city": "Chicago", "state": "IL", "zip": "60601", "country": "US"}
_RECIPIENT = {"address1": "1 Main St", "city": "Chicago", "state": "IL", "zip_code": "60601", "country": "US"}


async def _asked(url: str, method: str, path: str, token: str, **arguments: Any) -> Any:
    headers = {"authorization": f"Bearer {token}", **arguments.pop("headers", {})}
    async with httpx.AsyncClient(base_url=url, timeout=15, trust_env=False) as client:
        answer = await client.request(method, path, headers=headers, **arguments)
    answer.raise_for_status()
    return answer.json()


@dataclass(frozen=True)
class StripeByHand:
    """The account's owner at Stripe's dashboard."""

    url: str

    async def pay(self, amount: int, *, capture_method: str = "automatic", **metadata: str) -> str:
        """A payment with any metadata; `manual`: reserved and not taken. Returns its id."""
        named = {f"metadata[{name}]": value for name, value in metadata.items()}
        form = {"amount": str(amount), "currency": "usd", "payment_method": "pm_card_visa", "confirm": "true", **named}
        made = await self._post("payment_intents", capture_method=capture_method, **form)
        return str(made["id"])

    async def capture(self, payment_id: str) -> None:
        """Take what is reserved."""
        await self._post(f"payment_intents/{payment_id}/capture")

    async def cancel(self, payment_id: str) -> None:
        """Release what is reserved."""
        await self._post(f"payment_intents/{payment_id}/cancel")

    async def refund(self, payment_id: str, amount: int) -> None:
        """Give money back."""
        await self._post("refunds", payment_intent=payment_id, amount=str(amount))

    async def _post(self, path: str, **form: str) -> Json:
        found: Json = await _asked(self.url, "POST", f"/v1/{path}", "sk_test_by_hand", data=form)
        return found


@dataclass(frozen=True)
class EasyPostByHand:
    """Somebody who buys labels on the account."""

    url: str

    async def buy(self, reference: str) -> str:
        """A label, a second one if the reference has one already; returns the shipment's id."""
        shipment = {"reference": reference, "from_address": _ADDRESS, "to_address": _ADDRESS, "parcel": {"weight": 9}}
        made = await self._post("shipments", {"shipment": shipment})
        await self._post(f"shipments/{made['id']}/buy", {"rate": {"id": made["rates"][0]["id"]}})
        return str(made["id"])

    async def _post(self, path: str, body: Json) -> Json:
        found: Json = await _asked(self.url, "POST", f"/v2/{path}", "EZTK-by-hand", json=body)
        return found


@dataclass(frozen=True)
class ShipBobByHand:
    """The merchant at ShipBob's dashboard."""

    url: str

    async def order(self, reference: str, sku: str, quantity: int = 1) -> int:
        """An order under any reference ShipBob does not know yet; returns its id."""
        body = {
            "reference_id": reference,
            "shipping_method": "Standard",
            "type": "DTC",
            "products": [{"reference_id": sku, "name": sku, "quantity": quantity}],
            "recipient": {"name": "Ada", "address": _RECIPIENT},
        }
        return int((await self._asked("POST", "order", json=body))["id"])

    async def cancel(self, order_id: int) -> None:
        """Cancel the whole order."""
        await self._asked("POST", f"order/{order_id}:cancel")

    async def on_hand(self, sku: str) -> int | None:
        """What ShipBob counts of a SKU; None when it never counted it."""
        page = await self._asked("GET", "inventory-level", params={"SearchBy": sku})
        return next((level["total_on_hand_quantity"] for level in page["items"] if level["sku"] == sku), None)

    async def _asked(self, method: str, path: str, **arguments: Any) -> Any:
        channel = {"shipbob_channel_id": "7"}
        return await _asked(self.url, method, f"/2026-01/{path}", "pat_by_hand", headers=channel, **arguments)

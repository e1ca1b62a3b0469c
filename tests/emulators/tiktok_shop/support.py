"""A client of the Partner API for tests: plain HTTP, signed here by hand."""

import hashlib
import hmac
import json
import time
from dataclasses import dataclass
from typing import Any

import httpx

from tests.support.emulators import Delivery, EmulatorProcess, WebhookReceiver

Json = dict[str, Any]
SECRET = "tiktok-shop-emulator-tests"
APP_KEY, SHOP, UPS = "6emulated", "7494", "7117858858072016686"


@dataclass
class TikTokClient:
    """One emulated TikTok Shop with its webhook receiver, and one shop's token."""

    process: EmulatorProcess
    receiver: WebhookReceiver
    token: str = "TTP_emulator_tests"
    shop: str = SHOP

    def signed(self, path: str, body: bytes = b"", **query: str) -> dict[str, str]:
        """The query with its signature; a value of "-" leaves a parameter out."""
        known = {"app_key": APP_KEY, "timestamp": str(int(time.time())), "shop_cipher": f"GCP_{self.shop}", **query}
        pairs = {name: value for name, value in known.items() if value != "-"}
        told = "".join(name + pairs[name] for name in sorted(pairs) if name != "sign")
        text = f"{SECRET}{path}{told}".encode() + body + SECRET.encode()
        return {"sign": hmac.new(SECRET.encode(), text, hashlib.sha256).hexdigest(), **pairs}

    async def call(self, method: str, path: str, body: Json | None = None, **query: str) -> httpx.Response:
        """One signed call."""
        content = b"" if body is None else json.dumps(body).encode()
        headers = {"x-tts-access-token": self.token, "content-type": "application/json"}
        params = self.signed(path, content, **query)
        return await self.process.request(method, path, params=params, content=content, headers=headers)

    async def data(self, method: str, path: str, body: Json | None = None, **query: str) -> Json:
        """The data of a success."""
        answer = (await self.call(method, path, body, **query)).json()
        assert answer["code"] == 0, answer
        found: Json = answer["data"]
        return found

    async def code(self, method: str, path: str, body: Json | None = None, **query: str) -> int:
        """The code of an answer."""
        return int((await self.call(method, path, body, **query)).json()["code"])

    async def place(self, to: str | None = None, **changes: Any) -> Json:
        """A paid order of two units at 5.00, with shipping of 1.00."""
        lines = [{"seller_sku": "MUG", "quantity": 2, "price": 500}]
        order: Json = await self.process.post(
            "orders", **{"shop": self.shop, "lines": lines, "shipping": 100, **changes}
        )
        if to is not None:
            await self.process.post("advance", match=order["id"], to=to)
        return await self.order(order["id"])

    async def order(self, order_id: str) -> Json:
        """The order as it is now."""
        (found,) = (await self.data("GET", "/order/202507/orders", ids=order_id))["orders"]
        return dict(found)

    async def ship(self, order: Json, number: str = "1Z999AA1") -> int:
        """Tell a number for the order's package; answers the code."""
        body = {"self_shipment": {"tracking_number": number, "shipping_provider_id": UPS}}
        package = (order.get("packages") or [{"id": "0"}])[0]["id"]
        return await self.code("POST", f"/fulfillment/202309/packages/{package}/ship", body)

    async def cancel(self, order: Json, reason: str = "seller_cancel_reason_out_of_stock") -> int:
        """Ask as the seller; answers the code."""
        body = {"order_id": order["id"], "cancel_reason": reason}
        return await self.code("POST", "/return_refund/202602/cancellations", body)

    async def cancellations(self, order: Json) -> list[Json]:
        """Those of an order."""
        found = await self.data("POST", "/return_refund/202602/cancellations/search", {"order_ids": [order["id"]]})
        return list(found["cancellations"])

    async def answer(self, request: Json, answer: str, **query: str) -> int:
        """Approve or reject; answers the code."""
        path = f"/return_refund/202309/cancellations/{request['cancel_id']}/{answer}"
        return await self.code("POST", path, {"reject_reason": "packed"} if answer == "reject" else {}, **query)

    async def ledger(self, order: Json) -> list[str]:
        """What the company thinks happened."""
        found = (await self.process.get("records", match=f'"{order["id"]}"', kind="ledger")).get("ledger", [])
        return [f"{line['kind']} {line['amount']}" if line["amount"] else line["kind"] for line in found]

    def heard(self, order: Json) -> list[Delivery]:
        """The webhooks that arrived about an order."""
        return [each for each in self.receiver.deliveries if f'"{order["id"]}"' in each.body]

    def statuses(self, order: Json) -> list[str]:
        """The statuses that webhooks told of it, in the order of arrival."""
        told = [json.loads(each.body) for each in self.heard(order)]
        return [body["data"]["order_status"] for body in told if body["type"] == 1]

"""An emulated TikTok Shop for tests: buyers to order there, and the gateway of their shop."""

import itertools
from typing import Any

from ordersaga.domain.channels import ChannelShipment
from ordersaga.gateways.tiktok_shop.channel import TikTokKeys, TikTokShop
from tests.gateways.support import TIMEOUT
from tests.support.emulators import EmulatorProcess

SECRET = "tiktok-shop-gateway-tests"
APP_KEY = "6emulated"
SHOP = "7494049642642441621"
NUMBER = "1Z999AA10123456784"
_numbers = itertools.count(1)

Json = dict[str, Any]


def keys(**changes: Any) -> TikTokKeys:
    """Credentials with an access token of their own."""
    known = {"app_key": APP_KEY, "app_secret": SECRET, "shop_cipher": f"GCP_{SHOP}", "refresh_token": "TTR_tests"}
    return TikTokKeys(**{**known, "access_token": f"TTP_{next(_numbers):05d}", **changes})


def tiktok_shop(emulator: EmulatorProcess, **changes: Any) -> TikTokShop:
    """The gateway of the shop."""
    known: Json = {"shop": SHOP, "base_url": emulator.url, "auth_url": emulator.url, "timeout": TIMEOUT}
    given = changes.pop("keys", None) or keys()
    return TikTokShop(given, **{**known, **changes})


def bought(*lines: tuple[str, int, int]) -> list[Json]:
    """Lines of a control's order: (seller SKU, quantity, price of one)."""
    return [{"seller_sku": sku, "quantity": quantity, "price": price} for sku, quantity, price in lines]


async def place(emulator: EmulatorProcess, *lines: tuple[str, int, int], to: str = "ON_HOLD", **changes: Any) -> Json:
    """A buyer's paid order: two of A at 5.00 and one of B at 2.34, with 4.99 for shipping and 1.23 of taxes."""
    wanted = {"lines": bought(*(lines or (("SKU-A", 2, 500), ("SKU-B", 1, 234)))), "shipping": 499, "tax": 123}
    order: Json = await emulator.post("orders", **{**wanted, "shop": SHOP, **changes})
    if to != "ON_HOLD":
        await emulator.post("advance", match=order["id"], to=to)
    return order


async def released(emulator: EmulatorProcess, *lines: tuple[str, int, int], **changes: Any) -> Json:
    """An order whose hour is over."""
    return await place(emulator, *lines, to="AWAITING_SHIPMENT", **changes)


async def records(emulator: EmulatorProcess, order_id: str, kind: str) -> list[Json]:
    """What the company has written down about an order."""
    found = (await emulator.get("records", match=f'"{order_id}"', kind=kind)).get(kind, [])
    return [each for each in found if order_id in (each.get("order_id"), each.get("id"))]


async def ledger(emulator: EmulatorProcess, order_id: str) -> list[tuple[str, int]]:
    """What it thinks happened, with amounts."""
    return [(line["kind"], line["amount"]) for line in await records(emulator, order_id, "ledger")]


def shipment(order: Json, **changes: Any) -> ChannelShipment:
    """A parcel that left with UPS."""
    known = {
        "reference": "o1-1-1",
        "channel_order_id": order["id"],
        "carrier": "ups",
        "tracking_number": NUMBER,
    }
    return ChannelShipment(**{**known, **changes})

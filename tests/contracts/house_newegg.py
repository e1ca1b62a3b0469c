"""Newegg for the contracts: its emulator, its gateway, and the hands that move its orders.

The emulated Newegg decides while the caller waits, unless a test says otherwise: at real pace it would take minutes.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from ordersaga.gateways.newegg.provider import Newegg
from ordersaga.ports import Provider
from tests.contracts.houses import House
from tests.gateways.support import TIMEOUT, new_order
from tests.support.emulators import EmulatorProcess, running

__all__ = ["newegg", "newegg_at_home", "newegg_company", "newegg_emulator", "newegg_gateway"]

KEYS = {"authorization": "newegg-api-key", "secretkey": "newegg-secret-key"}
SELLER = "A006"
CHANNEL = "web shop"
PHONE = "6265550100"


def newegg_gateway(url: str, **options: Any) -> Newegg:
    """The gateway with the keys of these tests."""
    settings = {"seller_id": SELLER, "timeout": TIMEOUT, "phone": PHONE, "sales_channel": CHANNEL, **options}
    return Newegg(KEYS["authorization"], KEYS["secretkey"], base_url=url, **settings)


@pytest.fixture(scope="session")
async def newegg_company(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EmulatorProcess]:
    """The emulated Newegg at real pace: nothing moves there unless a test moves it."""
    async with running("newegg", tmp_path_factory.mktemp("newegg")) as process:
        await process.post("rate-limit", per_hour=100_000)
        yield process


@pytest.fixture
async def newegg_emulator(newegg_company: EmulatorProcess) -> EmulatorProcess:
    """The emulated Newegg, without the faults of the test before, and deciding at once."""
    await newegg_company.delete("faults")
    await newegg_company.post("pace", feed_seconds=0, cancel_seconds=0)
    return newegg_company


@pytest.fixture
async def newegg(newegg_emulator: EmulatorProcess) -> AsyncIterator[Newegg]:
    """The gateway talking to it."""
    gateway = newegg_gateway(newegg_emulator.url)
    yield gateway
    await gateway.aclose()


@pytest.fixture
def newegg_at_home(newegg: Provider, newegg_emulator: EmulatorProcess) -> House:
    """Newegg, whose point of no return is that the goods left."""
    paths = {"submit": "/submitfeed$", "cancel": r"/orderstatus/orders/\d+$"}

    async def ship(reference: str) -> None:
        await newegg_emulator.post("advance", match=reference, to="Shipped")

    async def lose_answer(method: str) -> None:
        await newegg_emulator.post("faults", kind="lose_answer", path=paths[method], times=1)

    async def streets(reference: str) -> list[str]:
        return [order["ShipToAddress1"] for order in await orders(newegg_emulator, reference)]

    async def decide(reference: str) -> None:
        await newegg_emulator.post("release", match=reference)

    return House("newegg", newegg, ship, lose_answer, streets, decide=decide)


async def call(emulator: EmulatorProcess, method: str, path: str, body: Any = None, **query: str) -> Any:
    """What Newegg itself answers to a call of its API."""
    params = {"sellerid": SELLER, **query}
    answer = await emulator.request(method, f"/marketplace{path}", headers=KEYS, params=params, json=body)
    return answer.json()


async def orders(emulator: EmulatorProcess, *references: str) -> list[dict[str, Any]]:
    """The orders that Newegg holds under these references."""
    criteria = {"SellerOrderNumberList": {"SellerOrderNumber": list(references)}}
    body = {"OperationType": "GetOrderInfoRequest", "RequestBody": {"RequestCriteria": criteria}}
    told = await call(emulator, "PUT", "/ordermgmt/order/orderinfo", body, version="307")
    return list(told["ResponseBody"]["OrderInfoList"] or [])


async def order_by_hand(emulator: EmulatorProcess, sku: str, quantity: int = 1, reference: str = "") -> str:
    """An order that somebody else of the seller's places; its reference."""
    name = reference or f"{new_order()}-1-1"
    entry = {
        "OrderDate": "11/02/2026",
        "SalesChannel": CHANNEL,
        "SellerOrderID": name,
        "ShippingMethod": "Standard Shipping (5-7 business days)",
        "ShipToFirstName": "Ada",
        "ShipToLastName": "Lovelace",
        "ShipToAddressLine1": "1 Main St",
        "ShipToCity": "Chicago",
        "ShipToState": "IL",
        "ShipToPostalCode": "60601",
        "ShipToCountry": "USA",
        "ShipToPhoneNumber": PHONE,
        "ItemList": {"Item": {"SellerPartNumber": sku, "Quantity": quantity}},
    }
    envelope = {"NeweggEnvelope": {"Message": {"MultiChannelOrder": {"Order": entry}}}}
    await call(emulator, "POST", "/datafeedmgmt/feeds/submitfeed", envelope, requesttype="MULTICHANNEL_ORDER_DATA")
    return name


class Wanted:
    """The SKUs a test wants to be counted."""

    def __init__(self) -> None:
        self.skus: list[str] = []

    async def __call__(self) -> Sequence[str]:
        """All of them."""
        return list(self.skus)
